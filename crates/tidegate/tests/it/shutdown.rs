//! Graceful shutdown: calls under way finish, and no new one begins.

use std::{io::Write as _, net::TcpStream};

use tidegate_client::Refused;
use tidegate_proto as proto;
use tokio::{sync::mpsc, task::JoinSet};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use crate::{
    folder::{Engine, Folder, on_both_engines},
    owner::{Realm, heard, row},
    program::eventually,
};

/// A slow hash of the tests' password, so that the sign-ins still hash when SIGTERM arrives.
const SLOW_HASH: &str =
    "$argon2id$v=19$m=65536,t=2,p=1$YSBzYWx0IGZvciB0ZXN0cw$xAMh//5CBJz9gjqlsp11Ymwz5fjagVg5e8MBDXRFabU";

on_both_engines! {
    a_stream_under_way_is_carried_out_after_sigterm,
    an_import_that_sends_nothing_more_does_not_hold_the_end_up,
    passwords_being_looked_at_are_answered_after_sigterm,
}

async fn a_stream_under_way_is_carried_out_after_sigterm(engine: Engine) {
    let folder = Folder::installed(engine).await;
    let mut server = folder.serve(&[]).await;
    let (messages, taken) = mpsc::channel(1);
    let mut accounts = server.operator().without_deadline().accounts();
    let import =
        tokio::spawn(async move { heard(accounts.import_accounts(ReceiverStream::new(taken)).await) });
    let message = |line: u64, name: &str| proto::ImportAccountsRequest { rows: vec![row(line, name)] };
    messages.send(message(1, "ann")).await.unwrap();
    eventually("the first row", async || (folder.database.count("accounts").await == 1).then_some(())).await;

    server.program.signal("TERM");
    server.program.logs("draining").await;
    eventually("a refused connection", async || TcpStream::connect(server.grpc).err()).await;
    assert_eq!(server.page("/readyz").await, (503, "closing\n".to_owned()));
    assert_eq!(server.page("/metrics").await.0, 200, "the drain can be watched");
    messages.send(message(2, "bob")).await.unwrap();
    drop(messages);
    assert_eq!(import.await.unwrap().unwrap().created_count, 2);
    let ended = server.program.ended().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.err.trim_end().ends_with("stopped"), "{}", ended.err);
    assert_eq!(folder.database.count("accounts").await, 2);
}

async fn an_import_that_sends_nothing_more_does_not_hold_the_end_up(engine: Engine) {
    let folder = Folder::installed(engine).await;
    let server = folder.serve(&["grpc.drain_ms=3600000"]).await;
    let (messages, taken) = mpsc::channel(1);
    let mut accounts = server.operator().without_deadline().accounts();
    let import = tokio::spawn(async move { accounts.import_accounts(ReceiverStream::new(taken)).await });
    messages.send(proto::ImportAccountsRequest { rows: vec![row(1, "ann")] }).await.unwrap();
    eventually("the first row", async || (folder.database.count("accounts").await == 1).then_some(())).await;
    let ended = server.stopped().await;
    let refused = Refused::of(&import.await.unwrap().unwrap_err());
    assert_eq!((refused.code, refused.reason), (Code::Unavailable, Some(proto::ErrorReason::Closing)));
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(!ended.err.contains("cut off"), "{}", ended.err);
    assert_eq!(folder.database.count("accounts").await, 1, "what was sent is kept");
    drop(messages);
}

async fn passwords_being_looked_at_are_answered_after_sigterm(engine: Engine) {
    const NAMES: [&str; 4] = ["ann", "bob", "cem", "dan"];
    let folder = Folder::installed(engine).await;
    let server = folder.serve(&["limits.password_hashes=4"]).await;
    let realm = Realm::set_up(&server, &[]).await;
    let slow = |name: &&str| proto::ImportRow { password_hash: SLOW_HASH.to_owned(), ..row(1, name) };
    let imported = realm.operator.import_accounts(NAMES.iter().map(slow), |_| {}).await.unwrap();
    assert_eq!(imported.created_count, 4, "{imported:?}");
    let mut begun = JoinSet::new();
    for name in NAMES {
        let frontend = realm.frontend(&server);
        begun.spawn(async move { frontend.begin(name, "phone").await.state });
    }
    // An attempt is charged before its password is verified.
    eventually("a charge for each", async || (folder.database.count("attempts").await == 4).then_some(()))
        .await;
    let ended = server.stopped().await;
    assert_eq!(begun.join_all().await, [proto::SignInState::Ready; 4]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(folder.database.count("sign_ins").await, 4);
}

#[tokio::test]
async fn sigint_and_sigquit_end_it_like_sigterm() {
    for signal in ["INT", "QUIT"] {
        let folder = Folder::empty();
        let server = folder.serve(&[]).await;
        server.program.signal(signal);
        let ended = server.program.ended().await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
        let says = format!("SIG{signal}: draining");
        assert!(ended.err.contains(&says) && ended.err.contains("stopped"), "{}", ended.err);
    }
}

#[tokio::test]
async fn other_signals_do_not_end_it() {
    let folder = Folder::empty();
    let mut server = folder.serve(&[]).await;
    for signal in ["USR1", "USR2", "HUP"] {
        server.program.signal(signal);
    }
    // It is handled last, so the others are over.
    server.program.logs("TLS is off, so no certificate is read again").await;
    server.operator().system().get_server_info(proto::GetServerInfoRequest {}).await.unwrap();
    assert_eq!(server.stopped().await.code, Some(0));
}

/// The lame-duck time: load balancers and callers hear that the server leaves, while it still serves them.
#[tokio::test]
async fn calls_are_served_while_health_says_not_serving() {
    let folder = Folder::empty();
    let mut server = folder.serve(&["grpc.drain_notice_ms=3600000", "grpc.linger_ms=1"]).await;
    let mut health = HealthClient::new(server.operator().channel());
    let mut watched = health.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    assert_eq!(watched.message().await.unwrap().unwrap().status(), ServingStatus::Serving);
    server.program.signal("TERM");
    server.program.logs("SIGTERM: health says NOT_SERVING, calls are served for 3600s more").await;
    assert_eq!(watched.message().await.unwrap().unwrap().status(), ServingStatus::NotServing);
    assert_eq!(server.page("/readyz").await, (503, "closing\n".to_owned()));
    assert_eq!(server.page("/healthz").await.0, 200);
    // By a connection that is open, and by a new one.
    for client in [server.operator(), server.operator()] {
        client.system().get_server_info(proto::GetServerInfoRequest {}).await.unwrap();
    }
    server.program.signal("TERM");
    let ended = server.program.ended().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.err.contains("SIGTERM: draining at once"), "{}", ended.err);
}

#[tokio::test]
async fn a_half_written_request_at_the_admin_port_does_not_keep_it() {
    let folder = Folder::empty();
    let server = folder.serve(&[]).await;
    let mut visitor = TcpStream::connect(server.admin).unwrap();
    visitor.write_all(b"GET /healthz HTTP/1.1\r\nHost:").unwrap();
    assert_eq!(server.page("/healthz").await.0, 200);
    assert_eq!(server.stopped().await.code, Some(0));
    drop(visitor);
}

#[tokio::test]
async fn a_connection_that_never_calls_does_not_hold_the_end_up() {
    let folder = Folder::empty();
    let server = folder.serve(&["grpc.linger_ms=1"]).await;
    let visitor = TcpStream::connect(server.grpc).unwrap();
    server.operator().system().get_server_info(proto::GetServerInfoRequest {}).await.unwrap();
    let ended = server.stopped().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(!ended.err.contains("cut off"), "no call was under way:\n{}", ended.err);
    drop(visitor);
}

#[tokio::test]
async fn logs_in_json_are_one_object_a_line() {
    let folder = Folder::empty();
    let server = folder.serve(&["log.format=json", "log.level=debug"]).await;
    let realm = Realm::set_up(&server, &["ann"]).await;
    realm.frontend(&server).sign_in("ann", "phone").await;
    let ended = server.stopped().await;
    let lines: Vec<serde_json::Value> = ended.err.lines().map(read).collect();
    for line in &lines {
        for key in ["timestamp", "level", "target"] {
            assert!(line[key].is_string(), "{key} is missing: {line}");
        }
    }
    let told = |message: &str| lines.iter().find(|line| line["message"] == message);
    let serving = told("serving").unwrap();
    assert!(serving["grpc"].is_string() && serving["admin"].is_string(), "{serving}");
    assert!(told("stopped").is_some());
}

fn read(line: &str) -> serde_json::Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
}
