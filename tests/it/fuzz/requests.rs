//! Requests of any bytes, to every method.

use std::{cell::Cell, collections::BTreeMap};

use http::uri::PathAndQuery;
use prost::bytes::Bytes;
use prost_reflect::MethodDescriptor;
use tidegate_client::Refused;
use tidegate_fuzz::{Input, fuzz};
use tokio::runtime::Runtime;
use tonic::{Code, Status};

use super::scene::{Scene, methods};
use crate::{actor::Actor, malformed::bytes::Raw, test_server::TestServer};

struct Calls {
    runtime: Runtime,
    scene: Scene,
    operator: Actor,
    methods: Vec<(&'static str, MethodDescriptor)>,
    /// How often each method accepted what it got.
    accepted: Cell<BTreeMap<&'static str, usize>>,
}

impl Calls {
    fn begin(server: impl Future<Output = TestServer>) -> Self {
        let runtime = Runtime::new().unwrap();
        let (scene, operator) = runtime.block_on(async {
            let server = server.await;
            (Scene::open(&server).await, server.operator())
        });
        Self { runtime, scene, operator, methods: methods(), accepted: Cell::default() }
    }

    /// The number of a method, and an example of its request.
    fn examples(&self) -> Vec<Vec<u8>> {
        let numbered = (0_u8..).zip(&self.methods);
        numbered.map(|(number, (_, method))| [&[number][..], &self.scene.example(method)].concat()).collect()
    }

    fn make(&self, input: &Input) {
        let Some((number, request)) = input.split_first() else { return };
        let (path, method) = &self.methods[usize::from(*number) % self.methods.len()];
        let request = Bytes::copy_from_slice(request);
        match self.runtime.block_on(call(&self.operator, path, method, request)) {
            Ok(()) => {
                let mut accepted = self.accepted.take();
                *accepted.entry(path).or_default() += 1;
                self.accepted.set(accepted);
            }
            Err(status) => self.judge(path, &status),
        }
    }

    /// A refusal has a reason, is the caller's to correct, and repeats no secret (INV-47).
    fn judge(&self, path: &str, status: &Status) {
        let refused = Refused::of(status);
        let ours = [Code::Internal, Code::Unknown, Code::DataLoss, Code::Unavailable, Code::DeadlineExceeded];
        assert!(
            !ours.contains(&refused.code) && refused.reason.is_some(),
            "{path}: {:?} {refused}",
            refused.code
        );
        assert!(status.details().len() <= 4_096 && status.message().len() <= 800, "{path}: {refused}");
        let told = refused.to_string();
        for secret in self.scene.secrets() {
            assert!(!told.contains(secret), "{path}: {refused}");
        }
    }

    fn end(&self) {
        let accepted = self.accepted.take();
        assert!(accepted.len() > 40, "changed requests are accepted too: {accepted:?}");
    }
}

/// Of a stream, only the beginning is awaited: it may have no message, and no end.
async fn call(
    actor: &Actor,
    path: &'static str,
    method: &MethodDescriptor,
    request: Bytes,
) -> Result<(), Status> {
    let (mut grpc, path) = (actor.grpc(), PathAndQuery::from_static(path));
    grpc.ready().await.unwrap();
    let request = actor.signed(request);
    if method.is_server_streaming() {
        grpc.server_streaming(request, path, Raw::default()).await.map(drop)
    } else {
        grpc.unary(request, path, Raw::default()).await.map(drop)
    }
}

#[test]
fn a_request_of_any_bytes_is_answered_or_refused_with_a_reason_on_sqlite() {
    let calls = Calls::begin(TestServer::sqlite());
    fuzz!(1_500, calls.examples(), |input| calls.make(input));
    calls.end();
}

#[test]
fn a_request_of_any_bytes_is_answered_or_refused_with_a_reason_on_postgresql() {
    let calls = Calls::begin(TestServer::postgres());
    fuzz!(1_000, calls.examples(), |input| calls.make(input));
    calls.end();
}
