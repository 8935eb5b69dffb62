//! What a caller may make the server hold: messages, calls, connections.

use std::time::Duration;

use http::HeaderMap;
use prost::bytes::Bytes;
use tidegate_core::Role;
use tidegate_grpc::ConnectionSettings;
use tidegate_proto as proto;
use tidegate_service::StoreError;
use tidegate_store::Tx;
use tidegate_tests::TIMEOUT;
use tokio::{io::AsyncReadExt as _, net::TcpStream, sync::oneshot, task::JoinSet};

use super::{
    CHECK, EVALUATE, Held, IMPORT, NOTHING, Reply, WATCH, WHO_AM_I, Wire, bearer, framed, read, told,
};
use crate::{
    raw,
    serving::{LASTING, SERVED, serve},
    test_server::TestServer,
};

const BATCH: &str = "/tidegate.v1.EvaluationService/BatchEvaluate";
const EXPORT: &str = "/tidegate.v1.AuditService/ExportEvents";
const CREATE_ROLLOUT: &str = "/tidegate.v1.RolloutService/CreateRollout";
const LARGE: &str = "InvalidArgument: INVALID_REQUEST; message must be smaller";
const BUSY: &str = "Unavailable: BUSY";
const MIB: u32 = 1 << 20;
/// Long enough for a call to begin. What it then waits for does not come.
const SHORT: Duration = Duration::from_secs(2);

/// The beginning of a message of so many bytes.
fn announced(bytes: u32) -> Vec<u8> {
    [&[0][..], &bytes.to_be_bytes()].concat()
}

async fn settings(
    server: &TestServer,
    connections: ConnectionSettings,
) -> (std::net::SocketAddr, tokio_util::sync::DropGuard) {
    serve(&server.app, tidegate_grpc::Settings { connections, ..SERVED }).await
}

/// Waits for the answer to a request that goes on.
async fn answer(wire: &Wire, held: Held) -> String {
    told(wire.read(held).await)
}

#[tokio::test]
async fn a_message_too_large_for_its_method_is_refused_before_it_is_sent() {
    let server = TestServer::sqlite().await;
    let (wire, operator) = (Wire::open(&server).await, server.operator());
    for (path, most) in [
        (CHECK, 1_024),
        (WATCH, 1_024),
        (WHO_AM_I, 64 * 1_024),
        (EVALUATE, 64 * 1_024),
        (BATCH, 256 * 1_024),
        (CREATE_ROLLOUT, 2 * MIB),
        (IMPORT, 4 * MIB),
    ] {
        let held = wire.hold(wire.signed(&operator, path), &[&announced(most + 1)]).await;
        assert_eq!(answer(&wire, held).await, LARGE, "{path}");
        // As many bytes as may be: what the message says decides.
        let whole = [announced(most), vec![0xff; usize::try_from(most).unwrap()]].concat();
        let reply = told(wire.send(wire.signed(&operator, path), &[&whole]).await);
        assert_eq!(reply, "InvalidArgument: INVALID_REQUEST; message must be a message of the contract");
        let held = wire.hold(wire.request(path), &[&announced(most + 1)]).await;
        let public = path.starts_with("/grpc.health.");
        let expected = if public { LARGE } else { "Unauthenticated: UNAUTHENTICATED" };
        assert_eq!(answer(&wire, held).await, expected, "{path}, anonymous");
    }
}

/// A stranger is refused by its headers alone.
#[tokio::test]
async fn a_caller_without_a_credential_is_refused_before_it_sends_anything() {
    let server = TestServer::sqlite().await;
    let wire = Wire::open(&server).await;
    for path in [WHO_AM_I, EVALUATE, IMPORT] {
        let held = wire.hold(wire.request(path), &[]).await;
        assert_eq!(answer(&wire, held).await, "Unauthenticated: UNAUTHENTICATED", "{path}");
    }
}

#[tokio::test]
async fn large_messages_share_what_may_be_held_and_others_wait_or_are_busy() {
    let server = TestServer::sqlite().await;
    let connections = ConnectionSettings { message_bytes: 16 << 20, ..LASTING };
    let (address, _open) = settings(&server, connections).await;
    let (wire, operator) = (Wire::to(address).await, server.operator());
    let begin = async |wire: &Wire| {
        wire.hold(wire.signed(&operator, CREATE_ROLLOUT), &[&announced(2 * MIB), &[0xff; 100]]).await
    };
    // A connection may hold a quarter: two of these. Three more wait, and the next ones are refused.
    let mut held = Vec::new();
    for _ in 0..5 {
        held.push(begin(&wire).await);
        assert_eq!(told(wire.send(wire.signed(&operator, WHO_AM_I), &[NOTHING]).await), "OK", "others go on");
    }
    assert_eq!(answer(&wire, begin(&wire).await).await, BUSY);
    // Another connection has a share of its own.
    let other = Wire::to(address).await;
    let mut one = begin(&other).await;
    end(&mut one);
    assert_eq!(answer(&other, one).await, UNKNOWN);
    // Those that waited get theirs when the first ones are over.
    for mut held in held {
        end(&mut held);
        assert_eq!(answer(&wire, held).await, UNKNOWN);
    }
}

const UNKNOWN: &str = "InvalidArgument: INVALID_REQUEST; message must be a message of the contract";

/// Sends the rest of a message of 2 MiB.
fn end(held: &mut Held) {
    held.body.send_data(Bytes::from(vec![0xff; (2 << 20) - 100]), true).unwrap();
}

#[tokio::test]
async fn a_message_that_finds_no_room_in_time_is_busy() {
    let server = TestServer::sqlite().await;
    let connections = ConnectionSettings { message_bytes: 16 << 20, message_wait: Duration::ZERO, ..LASTING };
    let (address, _open) = settings(&server, connections).await;
    let (wire, operator) = (Wire::to(address).await, server.operator());
    let request = || wire.signed(&operator, IMPORT);
    // A connection may hold a quarter of 16 MiB.
    let (mut answers, mut bodies) = (JoinSet::new(), Vec::new());
    for _ in 0..2 {
        let Held { answer, body } = wire.hold(request(), &[&announced(4 * MIB), &[0xff; 100]]).await;
        answers.spawn(read(answer));
        bodies.push(body);
    }
    let reply = answers.join_next().await.unwrap().unwrap().unwrap();
    assert_eq!(reply.told(), BUSY);
    assert!(reply.refused().retry_after.is_some());
}

/// h2 ends a connection where too many small frames wait to be read; here they are read ahead.
#[tokio::test]
async fn an_import_of_many_small_messages_goes_through_and_others_on_the_connection_too() {
    const ROWS: u64 = 3_000;
    let server = TestServer::sqlite().await;
    let (wire, admin) = (Wire::open(&server).await, server.actor("admin", Role::Admin).await);
    // The writer is held, so that nothing is taken from the import before all of it has come.
    let ((taken, held), (release, end)) = (oneshot::channel(), oneshot::channel::<()>());
    let (store, realm) = (server.store.clone(), raw::realm(&server).await);
    let holder = tokio::spawn(async move {
        let wait = async |_: &mut Tx| {
            taken.send(()).unwrap();
            end.await.unwrap();
            Ok::<_, StoreError>(())
        };
        store.tx("hold", realm, wait).await
    });
    held.await.unwrap();
    let mut import = wire.hold(wire.signed(&admin, IMPORT), &[]).await;
    for line in 1..=ROWS {
        let row = proto::ImportRow { line, external_id: format!("u-{line}"), ..Default::default() };
        let message = Bytes::from(framed(&proto::ImportAccountsRequest { rows: vec![row] }));
        // Two frames for each message.
        for part in [message.slice(..5), message.slice(5..)] {
            import.body.send_data(part, false).unwrap();
        }
    }
    for _ in 0..20 {
        assert_eq!(told(wire.send(wire.signed(&admin, WHO_AM_I), &[NOTHING]).await), "OK");
    }
    release.send(()).unwrap();
    holder.await.unwrap().unwrap();
    import.end();
    let reply = wire.read(import).await.unwrap();
    assert_eq!(reply.told(), "OK");
    let answer = <proto::ImportAccountsResponse as prost::Message>::decode(&reply.body[5..]).unwrap();
    assert_eq!(u64::try_from(answer.created_count).unwrap(), ROWS);
}

#[tokio::test]
async fn requests_of_many_messages_are_few_on_one_connection() {
    let server = TestServer::sqlite().await;
    let (wire, operator) = (Wire::open(&server).await, server.operator());
    let (mut answers, mut bodies) = (JoinSet::new(), Vec::new());
    for _ in 0..4 {
        let Held { answer, body } = wire.hold(wire.signed(&operator, IMPORT), &[]).await;
        answers.spawn(read(answer));
        bodies.push(body);
    }
    // Whichever came last.
    assert_eq!(told(answers.join_next().await.unwrap().unwrap()), BUSY);
    for mut body in bodies {
        // Fails for the call that was refused.
        let _ = body.send_data(Bytes::new(), true);
    }
    while let Some(answer) = answers.join_next().await {
        assert_eq!(told(answer.unwrap()), "OK");
    }
    assert_eq!(told(wire.send(wire.signed(&operator, IMPORT), &[]).await), "OK");
}

/// Its request is one message, and its answer as long as the record. Where nothing is read, it goes on.
#[tokio::test]
async fn exports_of_the_record_are_few_on_one_connection() {
    let server = TestServer::sqlite().await;
    let (wire, operator) = (Wire::unread(server.address).await, server.operator());
    let export = async || {
        let Held { answer, mut body } = wire.hold(wire.signed(&operator, EXPORT), &[]).await;
        body.send_data(Bytes::from_static(NOTHING), true).unwrap();
        answer.await.unwrap()
    };
    let under_way = [export().await, export().await, export().await];
    assert!(under_way.iter().all(|answer| !answer.headers().contains_key("grpc-status")));
    let headers = export().await.headers().clone();
    let refused = Reply { http: 200, headers, body: Vec::new(), trailers: HeaderMap::new() };
    assert_eq!(refused.told(), BUSY);
    let other = Wire::open(&server).await;
    assert_eq!(told(other.send(other.signed(&operator, EXPORT), &[NOTHING]).await), "OK");
    drop(under_way);
}

#[tokio::test]
async fn strangers_have_few_calls_on_one_connection() {
    let server = TestServer::sqlite().await;
    let (wire, operator) = (Wire::open(&server).await, server.operator());
    let mut watched = Vec::new();
    for _ in 0..16 {
        let Held { answer, body } = wire.hold(wire.request(WATCH), &[]).await;
        watched.push((answer, body));
    }
    for path in [WATCH, CHECK] {
        assert_eq!(told(wire.send(wire.request(path), &[NOTHING]).await), BUSY, "{path}");
    }
    assert_eq!(told(wire.send(wire.signed(&operator, WHO_AM_I), &[NOTHING]).await), "OK");
    watched.truncate(15);
    let free = async {
        while told(wire.send(wire.request(CHECK), &[NOTHING]).await) == BUSY {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(TIMEOUT, free).await.unwrap();
}

#[tokio::test]
async fn calls_in_all_are_bounded() {
    let server = TestServer::sqlite().await;
    let (address, _open) = settings(&server, ConnectionSettings { calls: 1, ..LASTING }).await;
    let (wire, operator) = (Wire::to(address).await, server.operator());
    let mut held = wire.hold(wire.signed(&operator, WHO_AM_I), &[]).await;
    let other = Wire::to(address).await;
    let refused = async {
        while told(other.send(other.request(CHECK), &[NOTHING]).await) != BUSY {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(TIMEOUT, refused).await.unwrap();
    held.body.send_data(Bytes::from_static(NOTHING), true).unwrap();
    assert_eq!(answer(&wire, held).await, "OK");
}

async fn is_closed(mut socket: TcpStream) {
    let mut bytes = Vec::new();
    // An error says that it is closed, too.
    let read = tokio::time::timeout(TIMEOUT, socket.read_to_end(&mut bytes)).await;
    assert!(read.is_ok(), "it is open");
}

#[tokio::test]
async fn one_address_has_a_part_of_all_connections() {
    let server = TestServer::sqlite().await;
    let connections = ConnectionSettings { max: 3, max_per_address: 2, ..LASTING };
    let (address, _open) = settings(&server, connections).await;
    let operator = server.operator();
    let (one, other) = (Wire::to(address).await, Wire::to(address).await);
    for wire in [&one, &other] {
        assert_eq!(told(wire.send(wire.signed(&operator, WHO_AM_I), &[NOTHING]).await), "OK");
    }
    is_closed(TcpStream::connect(address).await.unwrap()).await;
}

/// Connections without a credential make room for others; those with one stay.
#[tokio::test]
async fn the_oldest_stranger_makes_room_and_callers_who_are_known_stay() {
    let server = TestServer::sqlite().await;
    let connections = ConnectionSettings { max: 8, max_strangers: 2, ..LASTING };
    let (address, _open) = settings(&server, connections).await;
    let operator = server.operator();
    let known = Wire::to(address).await;
    assert_eq!(told(known.send(known.signed(&operator, WHO_AM_I), &[NOTHING]).await), "OK");
    let silent = [TcpStream::connect(address).await.unwrap(), TcpStream::connect(address).await.unwrap()];
    let caller = Wire::to(address).await;
    assert_eq!(told(caller.send(caller.signed(&operator, WHO_AM_I), &[NOTHING]).await), "OK");
    let [first, _second] = silent;
    is_closed(first).await;
    assert_eq!(told(known.send(known.signed(&operator, WHO_AM_I), &[NOTHING]).await), "OK");
}

/// A credential that is refused makes nobody known.
#[tokio::test]
async fn a_caller_whose_credential_is_refused_stays_a_stranger() {
    let server = TestServer::sqlite().await;
    let (address, _open) = settings(&server, ConnectionSettings { max_strangers: 1, ..LASTING }).await;
    let (stranger, operator) = (Wire::to(address).await, server.operator());
    let invented = stranger.request(WHO_AM_I).header("authorization", format!("{}x", bearer(&operator)));
    assert_eq!(told(stranger.send(invented, &[NOTHING]).await), "Unauthenticated: UNAUTHENTICATED");
    let caller = Wire::to(address).await;
    assert_eq!(told(caller.send(caller.signed(&operator, WHO_AM_I), &[NOTHING]).await), "OK");
    is_left(&stranger).await;
}

/// Waits until the server takes no more calls on the connection.
async fn is_left(wire: &Wire) {
    let closed = async {
        while wire.send_ready().await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(TIMEOUT, closed).await.unwrap();
}

const LATE: &str = "DeadlineExceeded: DEADLINE_EXCEEDED";

/// The call has no deadline of its own, and all others may take long.
#[tokio::test]
async fn a_stranger_has_little_time_for_its_message() {
    let server = TestServer::sqlite().await;
    // Longer than a connection needs to begin.
    let connections = ConnectionSettings { handshake_timeout: Duration::from_secs(2), ..LASTING };
    let max_deadline = Duration::from_hours(1);
    let long = tidegate_grpc::Settings { connections, max_deadline, ..SERVED };
    let (address, _open) = serve(&server.app, long).await;
    let wire = Wire::to(address).await;
    let held = wire.hold(wire.request(CHECK), &[]).await;
    assert_eq!(tokio::time::timeout(TIMEOUT, answer(&wire, held)).await.unwrap(), LATE);
}

/// An import has no deadline, but a large message of it holds a share of what others may hold.
#[tokio::test]
async fn a_large_message_that_does_not_arrive_gives_its_share_back() {
    let server = TestServer::sqlite().await;
    let (address, _open) =
        serve(&server.app, tidegate_grpc::Settings { max_deadline: SHORT, ..SERVED }).await;
    let (wire, operator) = (Wire::to(address).await, server.operator());
    let held = wire.hold(wire.signed(&operator, IMPORT), &[&announced(4 * MIB), &[0xff; 100]]).await;
    assert_eq!(tokio::time::timeout(TIMEOUT, answer(&wire, held)).await.unwrap(), LATE);
}

#[tokio::test]
async fn an_answer_that_is_not_read_is_given_up() {
    let server = TestServer::sqlite().await;
    let (address, _open) =
        serve(&server.app, tidegate_grpc::Settings { max_deadline: SHORT, ..SERVED }).await;
    let (wire, operator) = (Wire::unread(address).await, server.operator());
    let mut held = wire.hold(wire.signed(&operator, WHO_AM_I), &[NOTHING]).await;
    held.end();
    let mut body = held.answer.await.unwrap().into_body();
    let reset = tokio::time::timeout(TIMEOUT, body.data()).await.unwrap().unwrap().unwrap_err();
    assert_eq!(reset.reason(), Some(h2::Reason::CANCEL));
}

#[tokio::test]
async fn large_headers_are_refused() {
    let server = TestServer::sqlite().await;
    let (wire, operator) = (Wire::open(&server).await, server.operator());
    for (length, expected) in [(10_000, "OK"), (20_000, "HTTP 431")] {
        let large = wire.signed(&operator, WHO_AM_I).header("x-large", "x".repeat(length));
        assert_eq!(told(wire.send(large, &[NOTHING]).await), expected, "{length}");
    }
}

#[tokio::test]
async fn a_connection_that_begins_nothing_or_shows_no_credential_is_closed() {
    let server = TestServer::sqlite().await;
    let short = Duration::from_millis(50);
    let silent = ConnectionSettings { handshake_timeout: short, ..LASTING };
    let (address, _open) = settings(&server, silent).await;
    is_closed(TcpStream::connect(address).await.unwrap()).await;
    // Longer than a call needs to show who it is.
    let idle = ConnectionSettings { stranger_idle_timeout: Duration::from_secs(2), ..LASTING };
    let (address, _open) = settings(&server, idle).await;
    let (stranger, known) = (Wire::to(address).await, Wire::to(address).await);
    let operator = server.operator();
    assert_eq!(told(known.send(known.signed(&operator, WHO_AM_I), &[NOTHING]).await), "OK");
    is_left(&stranger).await;
    assert_eq!(told(known.send(known.signed(&operator, WHO_AM_I), &[NOTHING]).await), "OK");
}
