//! The body of a request: length-prefixed messages, and as many of them as the method takes.

use http::HeaderMap;
use tidegate_proto as proto;

use super::{CHECK, EVALUATE, IMPORT, NOTHING, WATCH, WHO_AM_I, Wire, frame, framed, told};
use crate::{actor::Actor, test_server::TestServer};

const TAIL: &str = "/tidegate.v1.AuditService/TailEvents";
/// Methods that take one message. They are answered from the cache, by a handler, by a stream, and by another
/// package.
const UNARY: &[&str] = &[EVALUATE, WHO_AM_I, TAIL, CHECK, WATCH];

const MISSING: &str = "must be given";
const CUT: &str = "must be as long as its length says";
const FLAG: &str = "must not be compressed: its first byte must be 0";
const SEVERAL: &str = "must be the only one";
const UNKNOWN: &str = "must be a message of the contract";
const LONG: &str = "must be smaller";

/// Bodies that no method accepts, and their refusals.
fn broken() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    vec![
        ("a flag alone", vec![0], CUT),
        ("half a prefix", vec![0, 0, 0], CUT),
        ("a prefix and no message", vec![0, 0, 0, 0, 5], CUT),
        ("half a message", vec![0, 0, 0, 0, 5, 1, 2, 3], CUT),
        ("compressed by nothing", frame(1, b""), FLAG),
        ("a flag that is not known", frame(2, b""), FLAG),
        ("all flags", frame(255, b""), FLAG),
        ("text", b"{\"product\":\"kasa\"}".to_vec(), FLAG),
        ("no message of the contract", frame(0, &[0xff, 0xff, 0xff]), UNKNOWN),
        ("the longest length", vec![0, 255, 255, 255, 255, 1], LONG),
    ]
}

fn must(what: &str) -> String {
    format!("InvalidArgument: INVALID_REQUEST; message {what}")
}

async fn send(wire: &Wire, actor: &Actor, path: &str, body: &[u8]) -> String {
    told(wire.send(wire.signed(actor, path), &[body]).await)
}

#[tokio::test]
async fn a_broken_message_is_refused_with_a_reason() {
    let server = TestServer::sqlite().await;
    let (wire, operator) = (Wire::open(&server).await, server.operator());
    for path in UNARY.iter().chain([&IMPORT]) {
        for (what, body, refusal) in broken() {
            assert_eq!(send(&wire, &operator, path, &body).await, must(refusal), "{path}: {what}");
            let told = told(wire.send(wire.request(path), &[&body]).await);
            let public = path.starts_with("/grpc.health.");
            let expected = if public { must(refusal) } else { "Unauthenticated: UNAUTHENTICATED".to_owned() };
            assert_eq!(told, expected, "{path}, anonymous: {what}");
        }
    }
}

#[tokio::test]
async fn a_method_of_one_message_gets_one() {
    let server = TestServer::sqlite().await;
    let (wire, operator) = (Wire::open(&server).await, server.operator());
    let twice = [NOTHING, NOTHING].concat();
    let and_more = [NOTHING, &[0]].concat();
    for path in UNARY {
        // The stream ends with the headers, with an empty DATA frame, and with trailers.
        assert_eq!(told(wire.send(wire.signed(&operator, path), &[]).await), must(MISSING), "{path}");
        assert_eq!(send(&wire, &operator, path, b"").await, must(MISSING), "{path}");
        let reply = wire.exchange(wire.signed(&operator, path), &[], Some(HeaderMap::new())).await;
        assert_eq!(told(reply), must(MISSING), "{path}");
        assert_eq!(send(&wire, &operator, path, &twice).await, must(SEVERAL), "{path}");
        assert_eq!(send(&wire, &operator, path, &and_more).await, must(SEVERAL), "{path}");
        let reply = wire.send(wire.signed(&operator, path), &[NOTHING, NOTHING]).await;
        assert_eq!(told(reply), must(SEVERAL), "{path}");
    }
}

#[tokio::test]
async fn a_command_with_a_second_message_is_not_carried_out() {
    let server = TestServer::sqlite().await;
    let (wire, operator) = (Wire::open(&server).await, server.operator());
    let create = |key: &str| {
        framed(&proto::CreateRealmRequest { key: key.into(), title: key.into(), ..Default::default() })
    };
    let path = "/tidegate.v1.RealmService/CreateRealm";
    let both = [create("first"), create("second")].concat();
    assert_eq!(send(&wire, &operator, path, &both).await, must(SEVERAL));
    let cut = [create("first"), vec![0, 0]].concat();
    assert_eq!(send(&wire, &operator, path, &cut).await, must(SEVERAL));
    for realm in ["first", "second"] {
        let refused = operator.refused(proto::GetRealmRequest { realm: realm.into() }).await;
        assert_eq!(refused.name(), "REALM_NOT_FOUND");
    }
    assert_eq!(send(&wire, &operator, path, &create("first")).await, "OK");
}

/// The borders of DATA frames need not be those of messages.
#[tokio::test]
async fn a_message_may_come_in_any_pieces() {
    let server = TestServer::sqlite().await;
    let (wire, operator) = (Wire::open(&server).await, server.operator());
    operator.product("kasa").await;
    operator.person("ann").await;
    let message = framed(&proto::EvaluateRequest { product: "kasa".into(), account: "ann".into() });
    for (path, message) in [(EVALUATE, &message[..]), (WHO_AM_I, NOTHING)] {
        for length in 1..=message.len() {
            let pieces: Vec<_> =
                [&b""[..]].into_iter().chain(message.chunks(length)).chain([&b""[..]]).collect();
            let reply = wire.send(wire.signed(&operator, path), &pieces).await;
            assert_eq!(told(reply), "OK", "{path}: {length}");
            let mut trailers = HeaderMap::new();
            trailers.insert("x-more", "text".parse().unwrap());
            let reply = wire.exchange(wire.signed(&operator, path), &pieces, Some(trailers.clone())).await;
            assert_eq!(told(reply), "OK", "{path}: {length}, with trailers");
            let short = &message[..message.len() - 1];
            let reply = wire.exchange(wire.signed(&operator, path), &[short], Some(trailers)).await;
            assert_eq!(told(reply), must(CUT), "{path}: cut by trailers");
        }
    }
}

#[tokio::test]
async fn a_stream_takes_as_many_messages_as_come() {
    let server = TestServer::sqlite().await;
    let (wire, operator) = (Wire::open(&server).await, server.operator());
    let rows = |name: &str| {
        let row = crate::arrange::row(1, name, crate::arrange::Address::Verified);
        framed(&proto::ImportAccountsRequest { rows: vec![row] })
    };
    let (ann, bob) = (rows("ann"), rows("bob"));
    assert_eq!(told(wire.send(wire.signed(&operator, IMPORT), &[]).await), "OK");
    assert_eq!(told(wire.send(wire.signed(&operator, IMPORT), &[&ann, &bob]).await), "OK");
    let cut = [&rows("cat")[..], &[0, 0, 0]].concat();
    assert_eq!(send(&wire, &operator, IMPORT, &cut).await, must(CUT));
    for name in ["ann", "bob", "cat"] {
        operator.ok(proto::GetAccountRequest { account: name.into() }).await;
    }
}
