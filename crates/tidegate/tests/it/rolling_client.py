"""Calls several servers all the time, as the service config says, until SIGTERM. Then it prints what failed: nothing may.

Arguments: the descriptor set of the contract, the service config, the file of the credential, the addresses.
"""

import collections
import itertools
import json
import signal
import sys
import threading
import uuid

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

contract, service_config, credential, addresses = sys.argv[1:]
CREDENTIAL = [("authorization", "Bearer " + open(credential).read().strip())]
# Nothing that a server may have begun is sent again, so that a call which the drain loses is seen.
config = json.load(open(service_config))
for methods in config["methodConfig"]:
    del methods["retryPolicy"]
OPTIONS = [
    ("grpc.service_config", json.dumps(config)),
    # The list of addresses is no name of a host, as DNS would give one.
    ("grpc.default_authority", "tidegate.example"),
]
CALLERS = 4

pool = descriptor_pool.DescriptorPool()
for file in descriptor_pb2.FileDescriptorSet.FromString(open(contract, "rb").read()).file:
    pool.Add(file)
channel = grpc.insecure_channel("ipv4:" + addresses, OPTIONS)
ended = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: ended.set())


class Method:
    def __init__(self, service, name):
        method = pool.FindServiceByName("tidegate.v1." + service).methods_by_name[name]
        self.request, answer = (message_factory.GetMessageClass(kind) for kind in (method.input_type, method.output_type))
        kind = channel.unary_stream if method.server_streaming else channel.unary_unary
        self.kind = kind(
            f"/tidegate.v1.{service}/{name}",
            request_serializer=self.request.SerializeToString,
            response_deserializer=answer.FromString,
        )

    def __call__(self, **fields):
        return self.kind(self.request(**fields), metadata=CREDENTIAL)


who_am_i = Method("AccessService", "WhoAmI")
evaluate = Method("EvaluationService", "Evaluate")
create = Method("AccountService", "CreateAccount")
tail = Method("AuditService", "TailEvents")
get_server_info = Method("SystemService", "GetServerInfo")

calls = itertools.count(1)
failed, created, streams = [], [], collections.Counter()


def call():
    while not ended.is_set():
        name = f"rolling-{uuid.uuid4()}"
        for made in (
            lambda: who_am_i(),
            lambda: get_server_info(),
            lambda: evaluate(product="kasa", account="ann"),
            lambda: created.append(create(external_id=name, request_id=str(uuid.uuid4())).account.id),
        ):
            try:
                made()
            except grpc.RpcError as error:
                failed.append(f"{error.code().name}: {error.details()}")
            number = next(calls)
            if number % 10 == 0:
                print(f"calls {number}", flush=True)


def follow(seen):
    """Follows the record until every account that was created is in it, once."""
    start = {"from_beginning": True}
    while True:
        stream = tail(**start)
        try:
            for answer in stream:
                start = {"resume_token": answer.resume_token}
                if answer.event.kind == "account_created":
                    seen[answer.event.account_id] += 1
                if ended.is_set() and len(callers) == 0 and all(seen[one] for one in created):
                    return stream.cancel()
        except grpc.RpcError as error:
            streams[error.code().name] += 1
            if error.code() != grpc.StatusCode.UNAVAILABLE:
                return failed.append(f"TailEvents {error.code().name}: {error.details()}")


callers = [threading.Thread(target=call) for _ in range(CALLERS)]
seen = collections.Counter()
follower = threading.Thread(target=follow, args=(seen,))
for thread in callers + [follower]:
    thread.start()
for thread in list(callers):
    thread.join()
callers.clear()
# Lets the follower see that it is over.
who = create(external_id=f"rolling-{uuid.uuid4()}", request_id=str(uuid.uuid4())).account.id
created.append(who)
follower.join()
print(json.dumps({
    "calls": next(calls) - 1,
    "failed": failed[:20],
    "created": len(created),
    "twice": [one for one in created if seen[one] != 1],
    "streams": streams,
}), flush=True)
