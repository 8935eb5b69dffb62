//! What is deliberately absent, as far as sources show it. Secrets have a file of their own.

use super::{
    excused,
    sources::{self, Finding, Source, in_code},
};

/// Crates that get time and entropy as parameters, and do no I/O.
const PURE: &[&str] = &["core", "factors", "rollout"];

#[test]
fn pure_crates_do_no_io_and_never_read_a_clock_or_a_random_source() {
    let mut sources = sources::of(PURE);
    for source in &mut sources {
        // An address as data; nothing connects to it.
        source.code = source.code.replace("std::net::IpAddr", "IpAddr");
    }
    let words = [
        "async",
        "await",
        "fs::",
        "net::",
        "process::",
        "thread::",
        "env::",
        "tokio",
        "SystemTime",
        "Instant",
        "now_utc",
        "getrandom",
        "rand",
        "thread_rng",
        "new_v4",
        "now_v7",
        "println!",
        "eprintln!",
    ];
    excused(in_code(&sources, &words), &[]);
}

#[test]
fn there_is_no_storage_trait() {
    let traits = sources::of(&sources::crates()).into_iter().flat_map(|source| {
        let names = source
            .code
            .split("trait ")
            .skip(1)
            .filter_map(|rest| rest.split(|c: char| !c.is_alphanumeric()).next());
        names.map(|name| format!("{}: {name}", source.path)).collect::<Vec<_>>()
    });
    let traits: Vec<_> = traits.collect();
    let storage = traits
        .iter()
        .filter(|name| name.contains("Store") || name.contains("Repository") || name.contains("Mock"));
    assert_eq!(storage.collect::<Vec<_>>(), Vec::<&String>::new());
    assert!(
        traits.contains(&"crates/service/src/app.rs: Command".to_owned()),
        "traits are found: {traits:?}"
    );
}

#[test]
fn service_has_no_sql_no_wire_type_and_no_transport() {
    let service = sources::of(&["service"]);
    excused(in_code(&service, &["sqlx", "tidegate_proto", "tonic", "prost", "tower", "http", "axum"]), &[]);
    excused(sql(&service), &[]);
    assert!(sql(&sources::of(&["store"])).len() > 50, "SQL is found where it is");
}

fn sql(sources: &[Source]) -> Vec<Finding> {
    let begins = ["SELECT ", "INSERT INTO ", "UPDATE ", "DELETE FROM ", "CREATE TABLE ", "RETURNING "];
    let texts = sources.iter().map(|source| (&source.path, source.texts.to_uppercase()));
    texts
        .flat_map(|(path, text)| {
            begins.iter().flat_map(move |word| sources::places(path, &text, word)).collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn grpc_reaches_what_is_remembered_and_decided_only_through_service() {
    let words = ["tidegate_store", "tidegate_keyring", "tidegate_factors", "tidegate_rollout", "sqlx"];
    excused(in_code(&sources::of(&["grpc"]), &words), &[]);
}

#[test]
fn service_and_courier_never_call_each_other() {
    excused(in_code(&sources::of(&["service"]), &["tidegate_courier"]), &[]);
    excused(in_code(&sources::of(&["courier"]), &["tidegate_service"]), &[]);
}

/// INV-28: the canonical form of an address serves only to compare. Folding can turn an address into another
/// person's, so the crate that sends mail must not even name it.
#[test]
fn what_sends_mail_does_not_know_the_canonical_form() {
    excused(in_code(&sources::of(&["courier"]), &["Identifier", "canonical"]), &[]);
}

#[test]
fn no_crate_but_the_program_reads_the_environment() {
    let others: Vec<_> = sources::crates().into_iter().filter(|name| name != "tidegate").collect();
    excused(
        in_code(&sources::of(&others), &["env::", "option_env!"]),
        &[("crates/proto/build.rs", "env::", "cargo tells a build script where to write by the environment")],
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "an entry or some for each place")]
fn nothing_that_counts_lives_in_the_process() {
    let words = [
        "AtomicBool",
        "AtomicI64",
        "AtomicU32",
        "AtomicU64",
        "AtomicUsize",
        "Mutex",
        "RwLock",
        "OnceLock",
        "LazyLock",
        "OnceCell",
        "RefCell",
        "Cell",
        "thread_local!",
        "static mut",
        "DashMap",
        "Cache",
    ];
    excused(
        in_code(&sources::of(&sources::crates()), &words),
        &[
            (
                "crates/grpc/src/connections/bounds.rs",
                "Mutex",
                "how many connections there are from each address, to this process",
            ),
            (
                "crates/grpc/src/connections/http2/received.rs",
                "Mutex",
                "what was read of one request ahead of its handler",
            ),
            ("crates/grpc/src/load.rs", "AtomicBool", "what one connection has shown, to this process"),
            ("crates/grpc/src/load.rs", "AtomicUsize", "what this process holds in memory"),
            ("crates/tidegate/src/logs/writer.rs", "AtomicU64", "a figure for operators"),
            ("crates/keyring/src/lib.rs", "RwLock", "the keys of the file, which rotate"),
            ("crates/keyring/src/lib.rs", "Mutex", "bounds how often the file is read, and decides nothing"),
            ("crates/service/src/context.rs", "OnceLock", "what one use case met"),
            (
                "crates/keyring/src/passwords.rs",
                "AtomicUsize",
                "how many wait for a place: a shield in front",
            ),
            (
                "crates/keyring/src/breached/lookup.rs",
                "RwLock",
                "which file is open; each replica opens its own again when it is told to",
            ),
            (
                "crates/courier/src/transport/tokens.rs",
                "Mutex",
                "tokens that services gave, or take; a second replica has its own",
            ),
            ("crates/grpc/src/gate.rs", "OnceLock", "who makes one call; it ends with the call"),
            (
                "crates/tidegate/src/rollout/file/node.rs",
                "RefCell",
                "what is wrong with one file, while it is read",
            ),
            ("crates/metrics/src/lib.rs", "AtomicU64", "what Prometheus reads; nothing is decided by it"),
            ("crates/metrics/src/calls.rs", "OnceLock", "the same"),
            ("crates/keyring/src/hashers.rs", "Mutex", "who takes the next job; it counts nothing"),
            (
                "crates/service/src/newer.rs",
                "AtomicBool",
                "that a call was refused; whether the replica is ready is read from the database",
            ),
            ("crates/service/src/cache/mod.rs", "AtomicU64", "until when what is remembered is believed"),
            (
                "crates/service/src/cache/mod.rs",
                "Cache",
                "what the database says, read again when it is in doubt",
            ),
            (
                "crates/service/src/cache/epochs.rs",
                "AtomicU64",
                "that something was dropped from what is remembered",
            ),
            (
                "crates/service/src/cache/follow.rs",
                "Mutex",
                "how far the log was followed; all is dropped when that is lost",
            ),
            (
                "crates/service/src/access/uses.rs",
                "AtomicI64",
                "when a credential was used, until it is written; nothing is decided by it",
            ),
            ("crates/service/src/access/uses.rs", "Mutex", "the same"),
            (
                "crates/service/src/cache/device_signals.rs",
                "Mutex",
                "which streams are woken here; they look again by themselves every 15 seconds",
            ),
            ("crates/store/src/liveness.rs", "OnceLock", "the name of this process"),
            (
                "crates/store/src/liveness.rs",
                "Mutex",
                "which beats this process saw stand still; who took a claim is decided by the database",
            ),
            (
                "crates/service/src/readiness.rs",
                "AtomicBool",
                "that calls failed here, or read damaged data; nothing but readiness depends on it",
            ),
            ("crates/service/src/context.rs", "Mutex", "what one command changed; it ends with the command"),
            ("crates/service/src/idempotency.rs", "Mutex", "what one call found out; it ends with the call"),
            (
                "crates/service/src/idempotency.rs",
                "AtomicBool",
                "what one call found out; it ends with the call",
            ),
            (
                "crates/service/src/idempotency.rs",
                "AtomicUsize",
                "what one call found out; it ends with the call",
            ),
            (
                "crates/service/src/refusals.rs",
                "Mutex",
                "how often what was recorded is repeated: nothing is decided by it, and its number is recorded",
            ),
            (
                "crates/service/src/installation/sweep.rs",
                "Mutex",
                "where the next sweep goes on; another replica begins at the front",
            ),
            (
                "crates/service/src/incidents.rs",
                "Mutex",
                "which numbers the log of this process has lines of; another replica has its own log",
            ),
            (
                "crates/store/src/breakage.rs",
                "AtomicU64",
                "when this process lost a connection; a hint to look",
            ),
            ("crates/store/src/connection_pool.rs", "AtomicUsize", "who waits, for the metrics"),
            (
                "crates/store/src/postgres_servers.rs",
                "AtomicUsize",
                "which server was the primary last; a hint to begin with it",
            ),
            ("crates/store/src/postgres_servers.rs", "Mutex", "what this process has seen of the servers"),
            ("crates/store/src/batcher.rs", "Mutex", "who goes next; it counts nothing"),
            ("crates/store/src/lock.rs", "OnceLock", "which files this process has opened"),
            ("crates/store/src/sqlite_writer.rs", "Mutex", "SQLite's one writer"),
            ("crates/tidegate/src/ambient.rs", "AtomicI64", "the clock never goes back"),
            ("crates/tidegate/src/traces/mod.rs", "OnceLock", "the traces of the process"),
            (
                "crates/tidegate/src/traces/parent.rs",
                "AtomicU32",
                "which calls are traced; nothing else is decided by it",
            ),
            ("crates/tidegate/src/traces/queue.rs", "AtomicUsize", "spans that wait: a shield in front"),
            ("crates/tidegate/src/traces/queue.rs", "OnceLock", "where dropped spans are counted"),
            ("crates/tidegate/src/logs/limited.rs", "Mutex", "lines that this process has written"),
            ("crates/tidegate/src/logs/limited.rs", "OnceLock", "the log of the process"),
            ("crates/tidegate/src/logs/writer.rs", "Mutex", "lines that wait to be written"),
            ("crates/tidegate/src/logs/writer.rs", "OnceLock", "the same"),
        ],
    );
}
