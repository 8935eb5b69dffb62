//! The log while callers do what they like: few lines, and nothing is lost.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
};

use serde_json::Value;
use tidegate_proto as proto;
use tidegate_tests::{TIMEOUT, pki::Authority};
use tokio::task::JoinSet;

use crate::{
    folder::Folder,
    owner::heard,
    program::{Ended, Program, Told, eventually},
    server::Server,
};

const JSON: &str = "log.format=json";

/// The lines of a run that has ended.
pub struct LogLines(Vec<Value>);

impl LogLines {
    pub fn of(ended: &Ended) -> Self {
        assert_eq!(ended.code, Some(0), "{ended:?}");
        Self(ended.err.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
    }

    /// How many lines say this, and how many more were left out. `key` and `value` tell which of them are meant.
    pub fn count(&self, text: &str, (key, value): (&str, &str)) -> (usize, u64) {
        let meant = |line: &&Value| key.is_empty() || line[key] == value;
        let lines = self.0.iter().filter(meant);
        let written = lines.clone().filter(|line| starts_with(&line["message"], text)).count();
        let left_out = lines.filter(|line| starts_with(&line["line"], text));
        (written, left_out.map(|line| line["left_out"].as_u64().unwrap()).sum())
    }
}

fn starts_with(value: &Value, text: &str) -> bool {
    value.as_str().is_some_and(|value| value.starts_with(text))
}

/// A minute may end in the meantime, so that a few more lines are written than in one.
fn assert_few((written, left_out): (usize, u64), all: u64) {
    assert!((1..=30).contains(&written), "{written} lines");
    assert_eq!(u64::try_from(written).unwrap() + left_out, all);
}

#[tokio::test]
async fn a_thousand_refused_calls_are_a_line_and_a_count() {
    let folder = Folder::empty();
    let server = folder.serve(&[JSON]).await;
    let (id, _) = folder
        .read("operator.credential")
        .trim()
        .rsplit_once('_')
        .map(|(id, rest)| (id.to_owned(), rest.len()))
        .unwrap();
    let stranger = server.client(&format!("{id}_{}", "5e".repeat(32)));
    let mut calls = JoinSet::new();
    for _ in 0..20 {
        let stranger = stranger.clone();
        calls.spawn(async move {
            for _ in 0..50 {
                let refused = heard(stranger.access().who_am_i(proto::WhoAmIRequest {}).await).unwrap_err();
                assert_eq!(refused.name(), "UNAUTHENTICATED");
            }
        });
    }
    calls.join_all().await;
    let ended = server.stopped().await;
    let lines = LogLines::of(&ended);
    assert_few(lines.count("calls are refused", ("class", "UNAUTHENTICATED")), 1_000);
    assert!(ended.err.contains(r#""path":"/tidegate.v1.AccessService/WhoAmI""#), "{}", ended.err);
    assert!(lines.0.len() < 40, "{} lines", lines.0.len());
}

/// As it is written by a client that knows HTTP/2 and no credential.
#[tokio::test]
async fn frames_that_a_library_warns_of_are_counted() {
    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00";
    /// An answer to a ping that nobody sent.
    const PONG: &[u8] = b"\x00\x00\x08\x06\x01\x00\x00\x00\x00unasked!";
    const PING: &[u8] = b"\x00\x00\x08\x06\x00\x00\x00\x00\x00the last";
    const ANSWER: &[u8] = b"\x00\x00\x08\x06\x01\x00\x00\x00\x00the last";
    let folder = Folder::empty();
    let server = folder.serve(&[JSON]).await;
    let grpc = server.grpc;
    let flood = move || {
        let mut stream = connected(grpc);
        stream.write_all(PREFACE).unwrap();
        stream.write_all(&PONG.repeat(5_000)).unwrap();
        stream.write_all(PING).unwrap();
        // The server has read everything when it answers.
        let (mut answer, mut read) = (Vec::new(), [0; 1_024]);
        while !answer.windows(ANSWER.len()).any(|frame| frame == ANSWER) {
            let count = stream.read(&mut read).unwrap();
            assert!(count > 0, "the server hung up");
            answer.extend_from_slice(&read[..count]);
        }
    };
    tokio::task::spawn_blocking(flood).await.unwrap();
    let lines = LogLines::of(&server.stopped().await);
    assert_few(lines.count("recv PING ack that we never sent", ("", "")), 5_000);
}

#[tokio::test]
async fn handshakes_that_fail_are_a_line_and_a_count() {
    let folder = Folder::empty();
    Authority::new().server(1).write(folder.path());
    let server = folder.serve(&[JSON, "tls.cert_file=server.pem", "tls.key_file=server.key"]).await;
    let grpc = server.grpc;
    let without_tls = move || {
        for _ in 0..50 {
            let mut stream = connected(grpc);
            stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
            // The server hangs up after it has said why. An error is a connection that it has reset.
            let _ = stream.read_to_end(&mut Vec::new());
            drop(connected(grpc));
        }
    };
    tokio::task::spawn_blocking(without_tls).await.unwrap();
    let lines = LogLines::of(&server.stopped().await);
    assert_few(lines.count("TLS handshakes fail", ("class", "PROTOCOL")), 50);
    assert_few(lines.count("TLS handshakes fail", ("", "")), 50);
}

#[tokio::test]
async fn a_word_that_is_no_level_is_refused() {
    let folder = Folder::empty();
    for level in ["warning", "info,tidegate"] {
        let ended = folder.run(&["serve", "--set", &format!("log.level={level}")]).await;
        assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""), "{ended:?}");
        let said = format!("tidegate: wrong value for log.level: {level:?}: ");
        assert!(
            ended.err.starts_with(&said) && ended.err.contains("off, error, warn, info, debug, trace"),
            "{}",
            ended.err
        );
    }
    assert_eq!(folder.names().len(), 0);
}

fn connected(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    stream
}

/// Its standard error is a disk that is full. No call notices, and the end is as ever.
#[tokio::test]
async fn a_log_that_cannot_be_written_costs_no_call() {
    let folder = Folder::empty();
    let shell = r#"exec "$0" "$@" 2>/dev/full"#;
    let words = ["-c", shell, env!("CARGO_BIN_EXE_tidegate"), "serve", "--set", "log.level=debug"];
    let local = ["--set", "grpc.listen=127.0.0.1:0", "--set", "admin.listen=127.0.0.1:0"];
    let told = Told { words: [&words[..], &local].concat(), ..Told::default() };
    let server = Server::ready(Program::start_other("/bin/sh", folder.path(), &told), folder.path()).await;
    let operator = server.operator();
    let mut calls = JoinSet::new();
    for _ in 0..20 {
        let (operator, stranger) = (operator.clone(), server.client("nobody"));
        calls.spawn(async move {
            heard(operator.access().who_am_i(proto::WhoAmIRequest {}).await).unwrap();
            let refused = heard(stranger.access().who_am_i(proto::WhoAmIRequest {}).await).unwrap_err();
            assert_eq!(refused.name(), "UNAUTHENTICATED");
        });
    }
    calls.join_all().await;
    let (_, metrics) = server.page("/metrics").await;
    let lost = metrics.lines().find_map(|line| line.strip_prefix("tidegate_log_lines_lost_total "));
    assert!(lost.unwrap().parse::<u64>().unwrap() > 0, "{metrics}");
    let ended = server.stopped().await;
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""));
}

/// Its standard error is a pipe that is open and never read. No call waits for it, and the end does not either.
#[tokio::test]
async fn a_log_that_is_not_read_holds_up_no_call() {
    let folder = Folder::empty();
    let shell = r#"mkfifo fifo && exec 3<>fifo && exec "$0" "$@" 2>&3"#;
    let words = ["-c", shell, env!("CARGO_BIN_EXE_tidegate"), "serve", "--set", "log.level=trace"];
    let local = ["--set", "grpc.listen=127.0.0.1:0", "--set", "admin.listen=127.0.0.1:0"];
    let environment = vec![("PATH", "/usr/bin:/bin")];
    let told = Told { words: [&words[..], &local].concat(), environment, input: "" };
    let server = Server::ready(Program::start_other("/bin/sh", folder.path(), &told), folder.path()).await;
    let operator = server.operator();
    let lost = async || {
        heard(operator.access().who_am_i(proto::WhoAmIRequest {}).await).unwrap();
        let (_, metrics) = server.page("/metrics").await;
        let lost = metrics.lines().find_map(|line| line.strip_prefix("tidegate_log_lines_lost_total "));
        (lost.unwrap() != "0").then_some(())
    };
    eventually("a full queue", lost).await;
    for _ in 0..100 {
        heard(operator.access().who_am_i(proto::WhoAmIRequest {}).await).unwrap();
    }
    assert_eq!(server.stopped().await.code, Some(0));
}

/// The error by which a start fails finds no reader, and the program ends nevertheless.
#[tokio::test]
async fn an_error_at_the_start_that_cannot_be_written_is_no_panic() {
    let folder = Folder::empty();
    for shell in [
        r#"exec "$0" "$@" 2>/dev/full"#,
        r#"mkfifo fifo && exec 3<>fifo && head -c 65536 /dev/zero >&3 && exec "$0" "$@" 2>&3"#,
    ] {
        let words =
            vec!["-c", shell, env!("CARGO_BIN_EXE_tidegate"), "serve", "--set", "grpc.listen=nowhere"];
        let environment = vec![("PATH", "/usr/bin:/bin")];
        let told = Told { words, environment, input: "" };
        let ended = Program::start_other("/bin/sh", folder.path(), &told).ended().await;
        assert_eq!(ended.code, Some(1), "{ended:?}");
    }
}
