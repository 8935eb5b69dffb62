//! What a caller without a credential gets from every method, and what it can make the server hold: for every
//! method of the contract, of health and of reflection, and for paths that name no method.

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
/// Streams every change of health, and never ends.
const WATCH: &str = "/grpc.health.v1.Health/Watch";
/// Lengths of messages, in bytes.
const LENGTHS: &[u32] = &[64, 1_024, 64 * 1_024, 4 * 1_024 * 1_024];

/// The outcome of a whole call with an empty message.
async fn called(wire: &Wire, path: &str) -> String {
    let mut held = wire.hold(wire.request(path), &[NOTHING]).await;
    held.end();
    let (headers, mut body) = held.answer.await.unwrap().into_parts();
    if headers.headers.contains_key("grpc-status") {
        return told(wire.send(wire.request(path), &[NOTHING]).await);
    }
    let mut messages = 0;
    loop {
        if path == WATCH && messages == 1 {
            // A whole call on the same connection: if the stream had ended after its first message, that end
            // would have arrived by now.
            assert_eq!(told(wire.send(wire.request(CHECK), &[NOTHING]).await), "OK");
            let end = tokio::time::timeout(Duration::ZERO, body.data()).await;
            assert!(end.is_err(), "{end:?}");
            return format!("OK, {messages} message, and held for as long as the caller likes");
        }
        match body.data().await {
            Some(message) => messages += usize::from(!message.unwrap().is_empty()),
            None => return format!("OK, {messages} message"),
        }
    }
}

/// The outcome of a call whose caller sends headers and these bytes, and does not end the stream.
async fn unfinished(wire: &Wire, path: &str, bytes: &[u8]) -> String {
    let request = wire.request(path).header("grpc-timeout", "1m");
    told(wire.read(wire.hold(request, &[bytes]).await).await)
}

const LATE: &str = "DeadlineExceeded: DEADLINE_EXCEEDED";

/// The longest message that the server waits for; `None` where the answer does not depend on the length. Only
/// the length is sent, and the stream ends there: how long a server waits for the rest says nothing on a busy
/// machine.
async fn longest(wire: &Wire, path: &str) -> Option<u32> {
    let answer = async |length: u32| {
        let prefix = [&[0][..], &length.to_be_bytes()].concat();
        told(wire.send(wire.request(path), &[&prefix]).await)
    };
    let too_long = answer(u32::MAX).await;
    let mut longest = None;
    for length in LENGTHS {
        if answer(*length).await != too_long {
            longest = Some(*length);
        }
    }
    longest
}

#[tokio::test]
async fn what_an_unknown_caller_gets_and_holds() {
    let server = TestServer::sqlite().await;
    let rules = Rules::declared().unwrap().all();
    let (mut table, mut holding) = (String::new(), Vec::new());
    for path in rules.keys().chain(NO_METHODS) {
        // The server ends a connection that sends many small pieces of messages (h2: too_many_data_frames).
        let wire = Wire::open(&server).await;
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
    let wire = Wire::open(&server).await;
    writeln!(table, "\nat once on one connection: {} calls", wire.streams_at_once()).unwrap();
    compare("anonymous", &table);
    assert_eq!(holding, [CHECK, WATCH], "no other method holds anything");
}
