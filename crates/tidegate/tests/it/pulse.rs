//! Readiness and health say whether the database takes what calls ask of it, and say it again when it does.

use tidegate_tests::postgres as server_of_tests;
use tonic::Code;
use tonic_health::pb::{
    HealthCheckRequest,
    health_check_response::ServingStatus::{self, NotServing, Serving},
    health_client::HealthClient,
};

use crate::{
    database::Database,
    folder::{Engine, Folder, on_both_engines},
    owner::Realm,
    program::{Program, Told, eventually},
    server::Server,
};

pub const QUICK: &str = "admin.check_interval_ms=50";

on_both_engines! {
    a_database_of_another_installation_is_not_served,
    a_database_of_another_master_key_is_not_served,
    a_database_of_an_older_schema_is_not_served,
    a_database_without_tables_is_not_served,
    a_database_without_space_is_read_and_not_written,
}

/// Of the whole server, of a service that only reads, and of one that writes.
async fn health(server: &Server) -> [ServingStatus; 3] {
    let mut answers = [ServingStatus::Unknown; 3];
    let services = ["", "tidegate.v1.EvaluationService", "tidegate.v1.SignInService"];
    for (answer, service) in answers.iter_mut().zip(services) {
        let request = HealthCheckRequest { service: service.into() };
        let told = HealthClient::new(server.operator().channel()).check(request).await.unwrap();
        *answer = told.into_inner().status();
    }
    answers
}

pub const ALL: [ServingStatus; 3] = [Serving, Serving, Serving];
const READS: [ServingStatus; 3] = [NotServing, Serving, NotServing];
pub const NONE: [ServingStatus; 3] = [NotServing, NotServing, NotServing];

pub async fn becomes(server: &Server, status: u16, words: &str, services: [ServingStatus; 3]) {
    let page = (status, format!("{words}\n"));
    let agree = async || server.page("/readyz").await == page && health(server).await == services;
    eventually(words, async || agree().await.then_some(())).await;
    assert_eq!(server.page("/healthz").await, (200, "ok\n".to_owned()), "it lives all the time");
}

#[tokio::test]
async fn a_read_only_database_is_read_and_not_written() {
    let folder = Folder::installed(Engine::Postgres).await;
    let Database::Postgres(url) = &folder.database else { panic!("not PostgreSQL") };
    let server = folder.serve(&[QUICK]).await;
    becomes(&server, 200, "ready", ALL).await;
    let name = url.split('/').nth(3).unwrap().split('?').next().unwrap();
    folder.database.run(&format!("ALTER DATABASE {name} SET default_transaction_read_only = on")).await;
    server_of_tests::hang_up(url).await;
    becomes(&server, 503, "the database is read-only", READS).await;
    let elsewhere = Database::Postgres(server_of_tests::database().await);
    elsewhere.run(&format!("ALTER DATABASE {name} RESET ALL")).await;
    server_of_tests::hang_up(url).await;
    becomes(&server, 200, "ready", ALL).await;
    let ended = server.stopped().await;
    assert!(ended.err.contains("not ready: the database is read-only"), "{}", ended.err);
    assert!(ended.err.contains("ready again"), "{}", ended.err);
}

async fn a_database_of_another_installation_is_not_served(engine: Engine) {
    let folder = Folder::installed(engine).await;
    let server = folder.serve(&[QUICK]).await;
    becomes(&server, 200, "ready", ALL).await;
    let (floor, id) = match engine {
        Engine::Sqlite => ("clock_floor", "randomblob(16)"),
        Engine::Postgres => ("extract(epoch from clock_floor)::BIGINT", "gen_random_uuid()"),
    };
    folder.database.run(&format!("UPDATE installation SET first_realm_id = {id}")).await;
    becomes(&server, 503, "the database is another installation's", NONE).await;
    let floor = format!("SELECT {floor} FROM installation");
    let before = folder.database.number(&floor).await;
    becomes(&server, 503, "the database is another installation's", NONE).await;
    assert_eq!(folder.database.number(&floor).await, before, "nothing is written into it");
}

/// An earlier copy was restored, which was not migrated.
async fn a_database_of_an_older_schema_is_not_served(engine: Engine) {
    let folder = Folder::installed(engine).await;
    let server = folder.serve(&[QUICK]).await;
    becomes(&server, 200, "ready", ALL).await;
    let newest = "SELECT MAX(version) FROM _sqlx_migrations";
    let keep = format!("CREATE TABLE kept AS SELECT * FROM _sqlx_migrations WHERE version = ({newest})");
    let delete = format!("DELETE FROM _sqlx_migrations WHERE version = ({newest})");
    folder.database.run(&format!("{keep}; {delete}")).await;
    becomes(&server, 503, "the database has an older schema", NONE).await;
    folder.database.run("INSERT INTO _sqlx_migrations SELECT * FROM kept").await;
    becomes(&server, 200, "ready", ALL).await;
}

/// What only the right master key opens is another value.
async fn a_database_of_another_master_key_is_not_served(engine: Engine) {
    let folder = Folder::installed(engine).await;
    let server = folder.serve(&[QUICK]).await;
    becomes(&server, 200, "ready", ALL).await;
    let keep = "CREATE TABLE kept AS SELECT key_check FROM installation";
    folder
        .database
        .run(&format!(
            "{keep}; UPDATE installation SET key_check = CAST('other' AS {})",
            if engine == Engine::Sqlite { "BLOB" } else { "BYTEA" }
        ))
        .await;
    becomes(&server, 503, "the database was made with another master key", NONE).await;
    folder.database.run("UPDATE installation SET key_check = (SELECT key_check FROM kept)").await;
    becomes(&server, 200, "ready", ALL).await;
}

/// The other database takes the name of the first one, as after a restore of the wrong copy.
#[tokio::test]
async fn a_database_that_was_swapped_is_noticed() {
    let [one, other] = [Folder::installed(Engine::Postgres).await, Folder::installed(Engine::Postgres).await];
    let server = one.serve(&[QUICK]).await;
    becomes(&server, 200, "ready", ALL).await;
    let name = |folder: &Folder| match &folder.database {
        Database::Postgres(url) => url.split('/').nth(3).unwrap().split('?').next().unwrap().to_owned(),
        Database::Sqlite(_) => panic!("not PostgreSQL"),
    };
    let (first, second) = (name(&one), name(&other));
    let third = Database::Postgres(server_of_tests::database().await);
    third.run(&format!("ALTER DATABASE {first} WITH ALLOW_CONNECTIONS false")).await;
    let Database::Postgres(url) = &one.database else { panic!("not PostgreSQL") };
    server_of_tests::hang_up(url).await;
    becomes(&server, 503, "the database cannot be reached", NONE).await;
    third.run(&format!("ALTER DATABASE {first} RENAME TO {first}_away")).await;
    third.run(&format!("ALTER DATABASE {second} RENAME TO {first}")).await;
    becomes(&server, 503, "the database is another installation's", NONE).await;
    third.run(&format!("ALTER DATABASE {first} WITH ALLOW_CONNECTIONS false")).await;
    server_of_tests::hang_up(url).await;
    third.run(&format!("ALTER DATABASE {first} RENAME TO {second}")).await;
    third.run(&format!("ALTER DATABASE {first}_away RENAME TO {first}")).await;
    third.run(&format!("ALTER DATABASE {first} WITH ALLOW_CONNECTIONS true")).await;
    becomes(&server, 200, "ready", ALL).await;
}

async fn a_database_without_tables_is_not_served(engine: Engine) {
    let folder = Folder::installed(engine).await;
    let server = folder.serve(&[QUICK]).await;
    folder.database.run("ALTER TABLE installation RENAME TO installation_away").await;
    becomes(&server, 503, "the database has no tables, or is missing", NONE).await;
    folder.database.run("ALTER TABLE installation_away RENAME TO installation").await;
    becomes(&server, 200, "ready", ALL).await;
}

/// Small writes find room for longer than large ones. The server is ready again when there is room for what calls write, and
/// needs no restart.
async fn a_database_without_space_is_read_and_not_written(engine: Engine) {
    match engine {
        Engine::Sqlite => without_space_on_sqlite().await,
        Engine::Postgres => without_space_on_postgres().await,
    }
}

/// Files of the program cannot grow, which SQLite reports as an error of the disk.
async fn without_space_on_sqlite() {
    let folder = Folder::installed(Engine::Sqlite).await;
    // The signal is ignored, so that the write fails.
    let script = r#"trap "" XFSZ; exec "$@""#;
    let words = ["-c", script, "sh", env!("CARGO_BIN_EXE_tidegate"), "serve"];
    let settings = folder.settings_with(&[QUICK]);
    let words = words.into_iter().chain(settings.iter().map(String::as_str)).collect();
    let program = Program::start_other("/bin/sh", folder.path(), &Told { words, ..Told::default() });
    let server = Server::ready(program, folder.path()).await;
    let realm = Realm::set_up(&server, &["ann"]).await;
    becomes(&server, 200, "ready", ALL).await;
    let wal = std::fs::metadata(folder.file("tidegate.db-wal")).unwrap().len();
    server.program.limit_files(&wal.to_string());
    let refused = realm.operator.customers().create_customer(customer("acme")).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable);
    becomes(&server, 503, "the database's disk reports errors", READS).await;
    server.program.limit_files("unlimited");
    becomes(&server, 200, "ready", ALL).await;
    realm.operator.customers().create_customer(customer("acme")).await.unwrap();
}

/// PostgreSQL has no room for new rows of this table, nor for so much as a pulse writes then.
async fn without_space_on_postgres() {
    let folder = Folder::installed(Engine::Postgres).await;
    let server = folder.serve(&[QUICK]).await;
    let operator = server.operator();
    becomes(&server, 200, "ready", ALL).await;
    folder
        .database
        .run(
            "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$; \
             CREATE TRIGGER full_disk BEFORE INSERT ON customers EXECUTE FUNCTION full_disk(); \
             CREATE TRIGGER full_disk BEFORE UPDATE ON processes FOR EACH ROW WHEN (NEW.ballast IS NOT NULL) \
             EXECUTE FUNCTION full_disk()",
        )
        .await;
    becomes(&server, 200, "ready", ALL).await;
    let refused = operator.customers().create_customer(customer("acme")).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable);
    becomes(&server, 503, "the database has no space left", READS).await;
    folder.database.run("DROP FUNCTION full_disk CASCADE").await;
    becomes(&server, 200, "ready", ALL).await;
    operator.customers().create_customer(customer("acme")).await.unwrap();
    let ballast = "SELECT COUNT(*) FROM processes WHERE ballast IS NOT NULL";
    eventually("no ballast", async || (folder.database.number(ballast).await == 0).then_some(())).await;
}

fn customer(key: &str) -> tidegate_proto::CreateCustomerRequest {
    tidegate_proto::CreateCustomerRequest { key: key.into(), title: key.into(), ..Default::default() }
}

/// The database takes no longer than it must to be noticed: an answer that is old is none.
#[tokio::test]
async fn a_database_that_hangs_is_noticed() {
    let folder = Folder::installed(Engine::Postgres).await;
    let server = folder.serve(&[QUICK, "admin.check_timeout_ms=400"]).await;
    let held = folder.database.holding("BEGIN; LOCK TABLE processes").await;
    becomes(&server, 503, "the database does not answer in time", NONE).await;
    drop(held);
    becomes(&server, 200, "ready", ALL).await;
}
