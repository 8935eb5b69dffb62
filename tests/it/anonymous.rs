//! What a caller without a credential gets of every method, and what it makes the server hold: every method of the
//! contract, of health and of reflection, and paths that name no method.

use std::{fmt::Write as _, time::Duration};

use tidegate_grpc::Rules;

use crate::{
    story::compare,
    test_server::TestServer,
    wire::{NOTHING, Wire, told},
};

const NO_METHODS: &[&str] = &[
    "/",
    "/grpc.channelz.v1.Channelz/GetServers",
    "/grpc.health.v1.Health/Nothing",
    "/grpc.reflection.v1.ServerReflection/Nothing",
    "/tidegate.v1.AccountService/Nothing",
    "/tidegate.v1.NoService/GetAccount",
];
const CHECK: &str = "/grpc.health.v1.Health/Check";
/// Lengths of messages, in bytes.
const LENGTHS: &[u32] = &[64, 1_024, 64 * 1_024, 4 * 1_024 * 1_024];

/// What comes of a whole call with an empty message.
async fn called(wire: &Wire, path: &str) -> String {
    let mut held = wire.hold(wire.request(path), &[NOTHING]).await;
    held.end();
    let (headers, mut body) = held.answer.await.unwrap().into_parts();
    if headers.headers.contains_key("grpc-status") {
        return told(wire.send(wire.request(path), &[NOTHING]).await);
    }
    // A whole call on the same connection: what the server sends of the first one has come.
    assert_eq!(told(wire.send(wire.request(CHECK), &[NOTHING]).await), "OK");
    let mut messages = 0;
    loop {
        match tokio::time::timeout(Duration::ZERO, body.data()).await {
            Ok(Some(message)) => messages += usize::from(!message.unwrap().is_empty()),
            Ok(None) => return format!("OK, {messages} message"),
            Err(_) => return format!("OK, {messages} message, and held for as long as the caller likes"),
        }
    }
}

/// What comes of headers after which the caller sends these bytes, and no end.
async fn unfinished(wire: &Wire, path: &str, bytes: &[u8]) -> String {
    let request = wire.request(path).header("grpc-timeout", "1m");
    told(wire.read(wire.hold(request, &[bytes]).await).await)
}

const LATE: &str = "DeadlineExceeded: DEADLINE_EXCEEDED";

/// The longest message that is waited for.
async fn longest(wire: &Wire, path: &str) -> Option<u32> {
    let mut longest = None;
    for length in LENGTHS {
        let prefix = [&[0][..], &length.to_be_bytes()].concat();
        if unfinished(wire, path, &prefix).await == LATE {
            longest = Some(*length);
        }
    }
    longest
}

#[tokio::test]
async fn what_an_unknown_caller_gets_and_holds() {
    let server = TestServer::sqlite().await;
    let wire = Wire::open(&server).await;
    let rules = Rules::declared().unwrap().all();
    let (mut table, mut holding) = (String::new(), Vec::new());
    for path in rules.keys().chain(NO_METHODS) {
        let (called, unfinished) = (called(&wire, path).await, unfinished(&wire, path, b"").await);
        write!(table, "{path}\n  {called}").unwrap();
        if unfinished == called {
            table += ", with the headers already";
        }
        if let Some(longest) = longest(&wire, path).await {
            assert_eq!(unfinished, LATE);
            write!(
                table,
                "\n  held until the deadline while the message does not end, of {longest} bytes at most"
            )
            .unwrap();
            holding.push(*path);
        }
        table.push('\n');
    }
    writeln!(table, "\nat once on one connection: {} calls", wire.streams_at_once()).unwrap();
    compare("anonymous", &table);
    assert_eq!(holding, [CHECK, "/grpc.health.v1.Health/Watch"], "no other method holds anything");
}
