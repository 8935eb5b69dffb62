//! What anybody who can open connections may do to the port of gRPC (INV-52): the program is attacked in a process of its own.
//! Meanwhile it serves those who mean well, and its memory stays within a bound.

mod calls;
mod raw;

use std::{any::Any, future::Future, pin::Pin};

use prost::bytes::Bytes;
use tidegate_proto as proto;
use tidegate_tests::TIMEOUT;
use tokio::{io::AsyncWriteExt as _, net::TcpStream, task::JoinSet, time::timeout};

use self::{
    calls::{Calls, part_of_message},
    raw::{
        CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, PING, PREFACE, RST_STREAM, SETTINGS, frame,
        head,
    },
};
use crate::{
    folder::{Engine, Folder},
    program::Program,
    server::Server,
};

/// The most resident memory of the program under attack, in KiB.
const MAX_MEMORY: u64 = 300 * 1024;

const CHECK: &str = "/grpc.health.v1.Health/Check";
const WATCH: &str = "/grpc.health.v1.Health/Watch";
const EVALUATE: &str = "/tidegate.v1.EvaluationService/Evaluate";
const BATCH: &str = "/tidegate.v1.EvaluationService/BatchEvaluate";
const IMPORT: &str = "/tidegate.v1.AccountService/ImportAccounts";
const CREATE_ROLLOUT: &str = "/tidegate.v1.RolloutService/CreateRollout";
const LIST: &str = "/tidegate.v1.AccountService/ListAccounts";
const EXPORT: &str = "/tidegate.v1.AuditService/ExportEvents";
/// A message with nothing in it.
const NOTHING: Bytes = Bytes::from_static(&[0; 5]);
const STREAMS: usize = 256;
const MIB: u32 = 1 << 20;

/// The attacked program.
struct Target {
    server: Server,
    token: String,
}

/// What keeps an attack up until it is dropped.
type Attack = Box<dyn Any + Send>;

impl Target {
    /// Settings that let a stranger have few seconds, so that the test waits for few.
    async fn start(folder: &Folder) -> Self {
        let server = folder
            .serve(&[
                "grpc.handshake_timeout_ms=1000",
                "grpc.stranger_idle_timeout_ms=1000",
                "grpc.max_deadline_ms=30000",
                "limits.queue_timeout_ms=500",
            ])
            .await;
        let token = server.credential().trim().to_owned();
        Self { server, token }
    }

    async fn calls(&self, token: Option<&str>) -> Calls {
        Calls::open(self.server.grpc, token, u32::from(u16::MAX)).await
    }

    /// A new caller, an established one, and the probes of the admin port.
    async fn serves(&self, established: &tidegate_client::Client, under: &str) {
        for client in [&self.server.operator(), established] {
            let answer = client.access().who_am_i(proto::WhoAmIRequest {}).await;
            assert!(answer.is_ok(), "{under}: {answer:?}");
        }
        assert_eq!(self.server.page("/healthz").await.0, 200, "{under}");
    }

    fn peak(&self) -> u64 {
        peak(&self.server.program)
    }
}

/// The most resident memory that a program has had, in KiB.
fn peak(program: &Program) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", program.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse().unwrap()
}

/// Four connections whose calls announce a message and send less of it.
async fn announced(target: &Target, path: &str, token: Option<&str>, (length, sent): (u32, usize)) -> Attack {
    let part = part_of_message(length, sent);
    let mut connections = JoinSet::new();
    for _ in 0..4 {
        let (mut calls, path, part) = (target.calls(token).await, path.to_owned(), part.clone());
        connections.spawn(async move {
            // One is left for the call that shows that they have arrived.
            for _ in 1..STREAMS {
                if !calls.begin(&path, &part, false).await {
                    break;
                }
            }
            calls.settle().await;
            calls
        });
    }
    Box::new(connections.join_all().await)
}

/// Whole messages of empty fields, which take two bytes each.
async fn empty_fields(target: &Target, path: &str, key: u8, length: usize) -> Attack {
    let fields = [key, 0].repeat(length / 2);
    let bytes: Bytes = [&part_of_message(u32::try_from(length).unwrap(), 0)[..], &fields].concat().into();
    let mut calls = target.calls(Some(&target.token)).await;
    for _ in 0..8 {
        calls.begin(path, &bytes, true).await;
    }
    for (answer, _) in &mut calls.under_way {
        let _ = answer.await;
    }
    Box::new(calls)
}

async fn watched(target: &Target) -> Attack {
    let mut connections = Vec::new();
    for _ in 0..51_200 / STREAMS {
        let mut calls = target.calls(None).await;
        for _ in 0..STREAMS {
            if !calls.begin(WATCH, &NOTHING, true).await {
                break;
            }
        }
        connections.push(calls);
    }
    for calls in &mut connections {
        calls.settle().await;
    }
    Box::new(connections)
}

/// Calls that are reset as soon as they have begun.
async fn reset(target: &Target, token: Option<&str>) -> Attack {
    let (mut block, mut stream) = (Vec::new(), 1);
    for _ in 0..200 {
        block.extend(frame(HEADERS, END_HEADERS, stream, &head(LIST, token)));
        block.extend(frame(DATA, END_STREAM, stream, &NOTHING));
        block.extend(frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes()));
        stream += 2;
    }
    for _ in 0..10 {
        raw::flood(raw::connect(target.server.grpc).await, &block, 1).await;
    }
    let mut calls = target.calls(token).await;
    for _ in 0..20 {
        for _ in 0..50 {
            if !calls.begin(LIST, &NOTHING, true).await {
                break;
            }
        }
        calls.reset();
    }
    Box::new(calls)
}

/// A message of which each frame brings one byte.
async fn crumbs(target: &Target, path: &str, token: Option<&str>, length: u32) -> Attack {
    let mut socket = raw::connect(target.server.grpc).await;
    let begin = frame(HEADERS, END_HEADERS, 1, &head(path, token));
    let prefix = frame(DATA, 0, 1, &part_of_message(length, 0));
    socket.write_all(&[begin, prefix].concat()).await.unwrap();
    raw::flood(socket, &frame(DATA, 0, 1, &[0]).repeat(1_000), 50).await;
    Box::new(())
}

/// Headers that never end.
async fn continued(target: &Target) -> Attack {
    let mut socket = raw::connect(target.server.grpc).await;
    socket.write_all(&frame(HEADERS, 0, 1, &head(CHECK, None))).await.unwrap();
    let mut block = Vec::new();
    raw::literal(&mut block, 0, b"x-more", &[b'x'; 16_000]);
    raw::flood(socket, &frame(CONTINUATION, 0, 1, &block), 10_000).await;
    Box::new(())
}

/// A header that is named once, and then ten thousand times by one byte.
async fn compressed(target: &Target) -> Attack {
    let mut block = head(CHECK, None);
    raw::literal(&mut block, 0x40, b"x-large", &[b'x'; 4_000]);
    block.extend([0xbe; 10_000]);
    let request = frame(HEADERS, END_HEADERS | END_STREAM, 1, &block);
    raw::flood(raw::connect(target.server.grpc).await, &request, 100).await;
    Box::new(())
}

/// Connections that begin something and go no further. The server closes all of them.
async fn begun(target: &Target, bytes: &[u8]) -> Attack {
    let mut sockets = Vec::new();
    for _ in 0..100 {
        let mut socket = TcpStream::connect(target.server.grpc).await.unwrap();
        socket.write_all(bytes).await.unwrap();
        sockets.push(socket);
    }
    for socket in &mut sockets {
        timeout(TIMEOUT, raw::is_closed(socket)).await.unwrap();
    }
    Box::new(())
}

/// Frames that are answered, by a caller that reads no answer.
async fn unread(target: &Target, bytes: Vec<u8>) -> Attack {
    let mut sending = JoinSet::new();
    for _ in 0..4 {
        let (mut socket, bytes) = (raw::connect(target.server.grpc).await, bytes.clone());
        // It waits for ever where the server takes no more, and fails where it closes the connection.
        sending.spawn(async move { while socket.write_all(&bytes).await.is_ok() {} });
    }
    // The server has taken some of it: a call that began later is answered.
    target.calls(None).await.settle().await;
    Box::new(sending)
}

/// Calls whose answers are not read.
async fn unread_answers(target: &Target, path: &str, request: &impl prost::Message) -> Attack {
    let message = request.encode_to_vec();
    let bytes = [&part_of_message(u32::try_from(message.len()).unwrap(), 0)[..], &message].concat();
    let (mut calls, bytes) =
        (Calls::open(target.server.grpc, Some(&target.token), 0).await, Bytes::from(bytes));
    for _ in 1..STREAMS {
        if !calls.begin(path, &bytes, true).await {
            break;
        }
    }
    // The answer has begun, or was refused.
    for (answer, _) in &mut calls.under_way {
        let _ = answer.await;
    }
    // And one that reads nothing at all from its socket.
    let mut socket = raw::connect(target.server.grpc).await;
    for stream in 0..100 {
        let begin = frame(HEADERS, END_HEADERS, 2 * stream + 1, &head(path, Some(&target.token)));
        let end = frame(DATA, END_STREAM, 2 * stream + 1, &bytes);
        socket.write_all(&[begin, end].concat()).await.unwrap();
    }
    let mut other = target.calls(Some(&target.token)).await;
    for _ in 0..8 {
        other.settle().await;
    }
    Box::new((calls, socket, other))
}

type Attacking<'t> = Pin<Box<dyn Future<Output = Attack> + 't>>;

fn attacks(target: &Target) -> Vec<(&'static str, Attacking<'_>)> {
    let known = Some(target.token.as_str());
    let list = proto::ListAccountsRequest { page_size: 1_000, ..Default::default() };
    let list = async move { unread_answers(target, LIST, &list).await };
    let export = async { unread_answers(target, EXPORT, &proto::ExportEventsRequest::default()).await };
    let large = (4 * MIB, 3_900_000);
    let half_head =
        [PREFACE, &frame(SETTINGS, 0, 0, &[]), &frame(HEADERS, 0, 1, &head(CHECK, None))].concat();
    vec![
        ("half a message, by a stranger", Box::pin(announced(target, CHECK, None, large))),
        ("half a message, for Evaluate", Box::pin(announced(target, EVALUATE, known, large))),
        ("half a message, for Evaluate, as large as may be", {
            Box::pin(announced(target, EVALUATE, known, (64 * 1_024, 64_000)))
        }),
        ("half a message, for BatchEvaluate", Box::pin(announced(target, BATCH, known, large))),
        ("half a message, for BatchEvaluate, as large as may be", {
            Box::pin(announced(target, BATCH, known, (256 * 1_024, 250_000)))
        }),
        ("half a message, for ImportAccounts", Box::pin(announced(target, IMPORT, known, large))),
        ("half a message, for CreateRollout", {
            Box::pin(announced(target, CREATE_ROLLOUT, known, (2 * MIB, 2_000_000)))
        }),
        ("empty rows", Box::pin(empty_fields(target, IMPORT, 0x0a, 4_000_000))),
        ("empty items", Box::pin(empty_fields(target, BATCH, 0x0a, 256_000))),
        ("empty waves", Box::pin(empty_fields(target, CREATE_ROLLOUT, 0x22, 2_000_000))),
        ("51 200 watches", Box::pin(watched(target))),
        ("silence", Box::pin(begun(target, b""))),
        ("half a preface", Box::pin(begun(target, &PREFACE[..12]))),
        ("half a head", Box::pin(async move { begun(target, &half_head).await })),
        ("a head that never ends", Box::pin(continued(target))),
        ("a head that is compressed a thousandfold", Box::pin(compressed(target))),
        ("calls that are reset, by a stranger", Box::pin(reset(target, None))),
        ("calls that are reset", Box::pin(reset(target, known))),
        ("a message byte by byte, by a stranger", Box::pin(crumbs(target, CHECK, None, 1_000))),
        ("a message byte by byte", Box::pin(crumbs(target, IMPORT, known, 4 * MIB))),
        ("pings", Box::pin(unread(target, frame(PING, 0, 0, &[0; 8]).repeat(1_000)))),
        ("settings", Box::pin(unread(target, frame(SETTINGS, 0, 0, &[]).repeat(1_000)))),
        ("lists that are not read", Box::pin(list)),
        ("streams that are not read", Box::pin(export)),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn inv_52_attacks_take_bounded_memory_and_others_are_served() {
    let folder = Folder::installed(Engine::Sqlite).await;
    let target = Target::start(&folder).await;
    let operator = target.server.operator();
    let rows = (1..=1_000).map(|line| proto::ImportRow {
        line,
        external_id: format!("account-{line}"),
        email: format!("somebody.with-a-long-name-{line}@mail.example.com"),
        ..Default::default()
    });
    operator.import_accounts(rows, |_| ()).await.unwrap();
    for (name, attack) in attacks(&target) {
        let held = timeout(TIMEOUT, attack).await.unwrap_or_else(|_| panic!("{name} does not end"));
        target.serves(&operator, name).await;
        assert!(target.peak() < MAX_MEMORY, "{name}: {} KiB", target.peak());
        drop(held);
        target.serves(&operator, name).await;
    }
    let ended = target.server.stopped().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(!ended.err.contains("panicked"), "{}", ended.err);
}

/// More silent connections than there are descriptors.
#[tokio::test]
async fn inv_52_silent_connections_keep_nobody_out() {
    let folder = Folder::installed(Engine::Sqlite).await;
    let words =
        ["serve", "--set", "grpc.handshake_timeout_ms=3000", "--set", "limits.connections_per_address=4096"];
    let program = folder.start_after("ulimit -n 1024", &words);
    let mut server = Server::ready(program, folder.path()).await;
    server.program.logs("fewer connections are taken than limits.connections allows").await;
    let mut silent = Vec::new();
    for _ in 0..1_100 {
        silent.push(TcpStream::connect(server.grpc).await.unwrap());
    }
    assert_eq!(server.page("/healthz").await.0, 200, "the admin port has descriptors of its own");
    let answer = server.operator().access().who_am_i(proto::WhoAmIRequest {}).await;
    assert!(answer.is_ok(), "{answer:?}");
    for socket in &mut silent {
        timeout(TIMEOUT, raw::is_closed(socket)).await.unwrap();
    }
    let (_, metrics) = server.page("/metrics").await;
    assert!(metrics.contains("tidegate_connections_refused_total{class="), "{metrics}");
    server.program.logs("connections are refused").await;
    assert_eq!(server.stopped().await.code, Some(0));
}

/// Nobody can hold the places of the probes, because the oldest connection makes room.
#[tokio::test]
async fn inv_52_half_requests_to_the_admin_port_keep_no_probe_out() {
    let folder = Folder::installed(Engine::Sqlite).await;
    let server = folder.serve(&[]).await;
    let mut held = Vec::new();
    for half in ["GET /met", "GET /healthz HTTP/1.1\r\nHost: x\r\n"].into_iter().cycle().take(200) {
        let mut stream = TcpStream::connect(server.admin).await.unwrap();
        stream.write_all(half.as_bytes()).await.unwrap();
        held.push(stream);
    }
    for page in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(server.page(page).await.0, 200, "{page}");
    }
    assert_eq!(server.stopped().await.code, Some(0));
}
