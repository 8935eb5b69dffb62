//! What both engines have in common: the schema, the master key, and a database that does not answer.

use tidegate_store::NEWEST;
use tokio::net::TcpListener;

use super::examined::{Level, doctor};
use crate::folder::{Engine, Folder, on_both_engines};

on_both_engines! {
    an_installation_is_well,
    an_older_schema_is_migrated,
    a_newer_schema_needs_a_newer_program,
    another_master_key_is_an_error,
    a_missing_master_key_is_never_made_anew,
}

async fn an_installation_is_well(engine: Engine) {
    let examined = doctor(&Folder::installed(engine).await, &[]).await;
    for check in ["schema", "clock", "keys"] {
        examined.is_well(check);
    }
}

async fn an_older_schema_is_migrated(engine: Engine) {
    let folder = Folder::installed(engine).await;
    // As in `schema.rs`: every migration is renumbered below zero.
    folder.database.run("UPDATE _sqlx_migrations SET version = version - 1000").await;
    let examined = doctor(&folder, &[]).await;
    let remedy = examined.has("schema", Level::Error, &format!("and this program needs {NEWEST}"));
    assert_eq!((examined.code, remedy), (Some(1), "run `tidegate migrate`"));
}

async fn a_newer_schema_needs_a_newer_program(engine: Engine) {
    let folder = Folder::installed(engine).await;
    let next = NEWEST + 1;
    folder
        .database
        .run(&format!("UPDATE _sqlx_migrations SET version = {next} WHERE version = {NEWEST}"))
        .await;
    folder.database.run(&format!("UPDATE installation SET min_binary = {next}")).await;
    let examined = doctor(&folder, &[]).await;
    let what = format!("the database has schema {next}, which needs a program of schema {next} or newer");
    assert!(examined.has("schema", Level::Error, &what).starts_with("run the newer version"));
    assert_eq!(examined.code, Some(1));
}

async fn another_master_key_is_an_error(engine: Engine) {
    let folder = Folder::installed(engine).await;
    let key = "0f".repeat(32);
    folder.write("master.key", &format!("{key}\n"));
    let examined = doctor(&folder, &[]).await;
    let remedy = examined.has("keys", Level::Error, "is not the one the database was made with");
    assert!(remedy.contains("Never make a new one"), "{remedy}");
    assert!(!format!("{examined:?}").contains(&key[..8]), "the key is told");
    folder.write("master.key", "# a key that somebody shortened\n0f0f\n");
    let examined = doctor(&folder, &[]).await;
    examined.has("keys", Level::Error, "line 2 is not a key: 64 hexadecimal digits");
    assert!(!format!("{examined:?}").contains("0f0f"), "what is in the file is told");
}

async fn a_missing_master_key_is_never_made_anew(engine: Engine) {
    let folder = Folder::installed(engine).await;
    std::fs::remove_file(folder.file("master.key")).unwrap();
    let examined = doctor(&folder, &[]).await;
    let remedy =
        examined.has("keys", Level::Error, "the database is initialised, and its master key is not in");
    assert!(remedy.contains("Never make a new one"), "{remedy}");
    assert!(!folder.file("master.key").exists());
}

#[tokio::test]
async fn an_empty_postgresql_is_initialised_first() {
    let folder = Folder::on(Engine::Postgres).await;
    let examined = doctor(&folder, &[]).await;
    assert_eq!(
        examined.has("schema", Level::Error, "the database is not initialised"),
        "run `tidegate init`"
    );
    examined.has("keys", Level::Ok, "there is no master key yet");
    assert_eq!((examined.code, folder.database.tables().await.len()), (Some(1), 0));
}

#[tokio::test]
async fn a_database_that_is_away_is_told_without_its_password() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let folder = Folder::with(&format!("postgres://ada:hush@{closed}/tidegate"));
    let examined = doctor(&folder, &[]).await;
    examined.has("database", Level::Error, &format!("postgres://ada:***@{closed}/tidegate cannot be opened"));
    for check in ["schema", "clock", "keys"] {
        examined.has(check, Level::Unknown, "was not opened");
    }
    assert_eq!(examined.code, Some(1));
    assert!(!format!("{examined:?}").contains("hush"), "the password is told");
}

/// The server accepts connections and never answers, so the short deadline is always reached.
#[tokio::test]
async fn a_database_that_hangs_is_a_finding() {
    let hangs = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let folder = Folder::with(&format!("postgres://ada@{}/tidegate", hangs.local_addr().unwrap()));
    let examined = doctor(&folder, &["--timeout", "1"]).await;
    let remedy = examined.has("database", Level::Error, "the database did not answer within 1 s");
    assert!(remedy.contains("firewall"), "{remedy}");
    assert_eq!(examined.code, Some(1));
}
