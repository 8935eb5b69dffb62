//! Which schema this program serves, and which command it names for one that it does not serve.

use tidegate_store::NEWEST;

use crate::{
    folder::{Engine, Folder, on_both_engines},
    program::eventually,
};

on_both_engines! {
    every_command_names_migrate_where_the_schema_is_older,
    serve_refuses_a_newer_schema_that_needs_a_newer_program,
    serve_serves_a_newer_schema_that_allows_this_program,
    migrate_does_nothing_to_a_schema_of_this_program,
}

#[tokio::test]
async fn serve_refuses_an_empty_postgresql_and_names_init() {
    let folder = Folder::on(Engine::Postgres).await;
    refused(&folder, "serve", "the database is not initialised; run `tidegate init`").await;
    assert_eq!(folder.database.tables().await, [""; 0]);
    assert_eq!(folder.names().len(), 0);
    refused(&folder, "migrate", "the database is not initialised; run `tidegate init`").await;
    assert_eq!(folder.run(&["init"]).await.code, Some(0));
    assert_eq!(folder.serve(&[]).await.stopped().await.code, Some(0));
}

#[tokio::test]
async fn serve_names_init_where_only_the_schema_was_made() {
    let folder = Folder::installed(Engine::Postgres).await;
    folder.database.run("DELETE FROM installation").await;
    refused(&folder, "serve", "the database is not initialised; run `tidegate init`").await;
}

#[tokio::test]
async fn serve_refuses_an_older_schema_and_names_migrate() {
    let folder = Folder::installed(Engine::Postgres).await;
    // Every migration is renumbered below zero, which stands for an older schema.
    folder.database.run("UPDATE _sqlx_migrations SET version = version - 1000").await;
    refused(&folder, "serve", "run `tidegate migrate`").await;
}

/// A schema that lacks what this program reads of the installation.
async fn every_command_names_migrate_where_the_schema_is_older(engine: Engine) {
    let folder = Folder::installed(engine).await;
    for column in ["timeline", "restore_began_at"] {
        folder.database.run(&format!("ALTER TABLE installation DROP COLUMN {column}")).await;
    }
    folder.database.run("DELETE FROM _sqlx_migrations WHERE version >= 17").await;
    for command in ["serve", "forget-clock"] {
        refused(&folder, command, "run `tidegate migrate`").await;
    }
    let ended = folder.run(&["init"]).await;
    assert!(ended.out.contains("The database is initialised; nothing was changed"), "{ended:?}");
    let ended = folder.run(&["doctor"]).await;
    for part in ["the database has schema 16, and this program needs", "run `tidegate migrate`"] {
        assert!(ended.out.contains(part), "{part}: {}", ended.out);
    }
    assert!(!ended.out.contains("could not be asked"), "{}", ended.out);
}

/// Two pods may start at once: the second waits for the first, longer than calls wait for a lock.
#[tokio::test]
async fn one_program_migrates_at_a_time_and_the_others_wait() {
    const TURN: &str = "SELECT pg_advisory_lock(x'7469646567617465'::bigint)";
    const WAITING: &str = "SELECT COUNT(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted";
    let folder = Folder::on(Engine::Postgres).await;
    let turn = folder.database.holding(TURN).await;
    let init = folder.start(&["init", "--set", "database.lock_timeout_ms=1"]);
    eventually("the wait for the turn", async || (folder.database.number(WAITING).await == 1).then_some(()))
        .await;
    assert_eq!(folder.database.tables().await, [""; 0]);
    drop(turn);
    let ended = init.ended().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(folder.serve(&[]).await.stopped().await.code, Some(0));
}

async fn serve_refuses_a_newer_schema_that_needs_a_newer_program(engine: Engine) {
    let folder = newer(engine).await;
    let needed = NEWEST + 1;
    folder.database.run(&format!("UPDATE installation SET min_binary = {needed}")).await;
    let why = format!("the database has schema {needed}, which needs a program of schema {needed} or newer");
    refused(&folder, "serve", &why).await;
    refused(&folder, "migrate", &format!("the schema is {needed}, newer than this program's {NEWEST}")).await;
}

async fn serve_serves_a_newer_schema_that_allows_this_program(engine: Engine) {
    let folder = newer(engine).await;
    let server = folder.serve(&[]).await;
    assert_eq!(server.page("/readyz").await.0, 200);
    let info = server.operator().system().get_server_info(tidegate_proto::GetServerInfoRequest {}).await;
    assert_eq!(info.unwrap().into_inner().schema, NEWEST + 1);
}

async fn migrate_does_nothing_to_a_schema_of_this_program(engine: Engine) {
    let folder = Folder::installed(engine).await;
    let before = folder.database.contents().await;
    let ended = folder.run(&["migrate"]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(ended.out, format!("The schema is {NEWEST}; nothing was changed.\n"));
    assert_eq!(folder.database.contents().await, before);
}

/// An installation whose schema is one migration ahead of this program.
async fn newer(engine: Engine) -> Folder {
    let folder = Folder::installed(engine).await;
    let columns = "description, installed_on, success, checksum, execution_time";
    let next = format!(
        "INSERT INTO _sqlx_migrations (version, {columns}) SELECT version + 1, {columns} FROM _sqlx_migrations \
         WHERE version = {NEWEST}"
    );
    folder.database.run(&next).await;
    folder
}

/// Checks that the command fails for this reason, and changes neither the folder nor the database.
async fn refused(folder: &Folder, command: &str, why: &str) {
    let before = (names(folder), folder.database.contents().await);
    let ended = folder.run(&[command]).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.err.contains(why), "{}", ended.err);
    assert_eq!((names(folder), folder.database.contents().await), before, "{command} changed something");
}

/// SQLite makes and removes two files of its own beside the database.
fn names(folder: &Folder) -> Vec<String> {
    let names = folder.names().into_iter();
    names.filter(|name| !name.ends_with("-shm") && !name.ends_with("-wal")).collect()
}
