//! Two servers are restarted in turn under load. A caller that follows the service config loses no call.
//!
//! The caller is grpcio, because its C core is what most languages call by.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    path::Path,
};

use serde::Deserialize;

use crate::{
    folder::{Engine, Folder},
    owner::Realm,
    program::{Program, Told},
    readme::shell::installed,
    server::Server,
};

/// How the callers fared.
#[derive(Debug, Deserialize)]
struct Report {
    calls: usize,
    failed: Vec<String>,
    created: i64,
    /// Accounts that are not in the record once.
    twice: Vec<String>,
    /// How streams ended, and how often.
    streams: BTreeMap<String, usize>,
}

#[tokio::test]
async fn no_call_fails_while_two_servers_are_restarted_in_turn() {
    restarts(10, 1).await;
}

#[tokio::test]
#[ignore = "takes some minutes"]
async fn no_call_fails_in_a_hundred_restarts() {
    restarts(100, 2).await;
}

async fn restarts(count: usize, seed: u64) {
    let folder = Folder::installed(Engine::Postgres).await;
    let hosts = hosts(seed);
    let mut servers = Vec::new();
    for host in &hosts {
        servers.push(serve(&folder, host, 0).await);
    }
    Realm::set_up(&servers[0], &["ann"]).await;
    let addresses = hosts.each_ref().map(|host| format!("{host}:50051")).join(",");
    let mut callers = call(&folder, &addresses);
    let mut calls = 0;
    for restart in 0..count {
        calls += 20 + 10 * (random(seed, restart) % 10);
        callers.prints(&format!("calls {calls}")).await;
        let at = restart % servers.len();
        let ended = servers.remove(at).stopped().await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert!(!ended.err.contains("cut off"), "{}", ended.err);
        // Callers hear of the next stop from its health, or from GOAWAY alone.
        let notice = 100 * (random(seed, restart) % 2);
        servers.insert(at, serve(&folder, &hosts[at], notice).await);
    }
    callers.prints(&format!("calls {}", calls + 100)).await;
    callers.signal("TERM");
    let ended = callers.ended().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let report: Report = serde_json::from_str(ended.out.lines().last().unwrap()).unwrap();
    assert_eq!((report.failed.len(), report.twice.len()), (0, 0), "{report:?}");
    assert!(report.calls > calls, "{report:?}");
    assert!(report.streams.keys().eq(["UNAVAILABLE"]), "streams end with a reason to call again: {report:?}");
    // With ann's account. No call was carried out twice.
    assert_eq!(folder.database.count("accounts").await, report.created + 1);
}

/// The same number in each run.
pub fn random(seed: u64, number: usize) -> usize {
    let mut hasher = DefaultHasher::new();
    (seed, number).hash(&mut hasher);
    usize::try_from(hasher.finish() >> 32).unwrap()
}

/// Addresses of this test alone (each has a seed of its own), so that a server finds its port free when it starts again.
pub fn hosts(seed: u64) -> [String; 2] {
    let [high, low] = [std::process::id() >> 8, std::process::id()].map(|part| part & 0xff);
    [0, 1].map(|server| format!("127.{high}.{low}.{}", 2 * seed + server))
}

async fn serve(folder: &Folder, host: &str, notice: usize) -> Server {
    let set = [format!("grpc.listen={host}:50051"), format!("grpc.drain_notice_ms={notice}")];
    folder.serve(&[&set[0], &set[1], "grpc.drain_ms=20000", "grpc.linger_ms=250"]).await
}

fn call(folder: &Folder, addresses: &str) -> Program {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let [script, contract, config] =
        ["tests/it/rolling_client.py", "../../proto/baseline.binpb", "../../proto/service_config.json"]
            .map(|path| top.join(path).display().to_string());
    let words = vec![&*script, &contract, &config, "operator.credential", addresses];
    let python = format!("{}/grpc-python/bin/python", installed());
    Program::start_other(&python, folder.path(), &Told { words, ..Told::default() })
}
