//! A PostgreSQL server as in production: how it is set, who the user is, and whether it is a standby.

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tidegate_tests::postgres::{Durable, database};
use tokio::sync::OnceCell;

use super::examined::{Level, doctor};
use crate::{folder::Folder, program::eventually};

/// One server for the tests that change only databases and users of their own.
async fn server() -> &'static Durable {
    static SERVER: OnceCell<Durable> = OnceCell::const_new();
    SERVER.get_or_init(start).await
}

async fn start() -> Durable {
    tokio::task::spawn_blocking(Durable::start).await.unwrap().unwrap()
}

async fn run(url: &str, sql: &str) {
    let mut connection = PgConnection::connect(url).await.unwrap();
    let done = sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await;
    done.unwrap_or_else(|error| panic!("{sql}: {error}"));
}

/// A database and its owner, both with this name; what `options` say is added to CREATE DATABASE.
async fn owned(name: &str, options: &str) -> (Folder, String) {
    let server = server().await;
    run(&server.url("postgres"), &format!("CREATE ROLE {name} LOGIN")).await;
    run(&server.url("postgres"), &format!("CREATE DATABASE {name} OWNER {name} {options}")).await;
    let superuser = server.url(name);
    (Folder::with(&superuser.replace("user=postgres", &format!("user={name}"))), superuser)
}

async fn installed(name: &str) -> (Folder, String) {
    let (folder, superuser) = owned(name, "").await;
    let ended = folder.run(&["init"]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    (folder, superuser)
}

#[tokio::test]
async fn a_server_as_it_should_be_is_well() {
    let (folder, _) = installed("well").await;
    let examined = doctor(&folder, &[]).await;
    for check in ["database", "schema", "clock", "keys"] {
        examined.is_well(check);
    }
    examined.has("database", Level::Ok, " as user well");
    examined.has(
        "database",
        Level::Ok,
        "each replica opens up to 9 (database.connections, and one for its pulse)",
    );
    assert_eq!(examined.code, Some(0));
}

/// The server of the other tests is fast and loses what was committed, and its user is a superuser.
#[tokio::test]
async fn a_server_that_loses_commits_is_an_error() {
    let folder = Folder::with(&database().await);
    let examined = doctor(&folder, &[]).await;
    for (setting, why) in [
        ("fsync", "a crash may break the database beyond repair"),
        ("full_page_writes", "a crash may break the database beyond repair"),
        ("synchronous_commit", "a crash loses the last commits"),
    ] {
        examined.has("database", Level::Error, &format!("{setting} is off: {why}"));
    }
    examined.has("database", Level::Warning, "is a superuser");
    assert_eq!(examined.code, Some(1));
}

#[tokio::test]
async fn a_user_that_may_not_write_a_table_is_an_error() {
    let (folder, superuser) = installed("owner_of_tables").await;
    run(
        &superuser,
        "CREATE ROLE writer LOGIN; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO writer; \
         REVOKE INSERT ON accounts FROM writer; REVOKE DELETE ON links FROM writer; \
         CREATE TABLE of_another_program (id INT)",
    )
    .await;
    let url = superuser.replace("user=postgres", "user=writer");
    let set = format!("database.url={url}");
    let examined = doctor(&folder, &["--set", &set]).await;
    let remedy = examined.has("database", Level::Error, "writer may not read and write accounts, links");
    assert!(remedy.contains("ON ALL TABLES IN SCHEMA public TO writer"), "{remedy}");
    assert!(!format!("{examined:?}").contains("of_another_program"), "{examined:#?}");
    examined.is_well("schema");

    folder.database.run("UPDATE _sqlx_migrations SET version = version - 1000").await;
    run(&superuser, "REVOKE CREATE ON SCHEMA public FROM PUBLIC").await;
    let examined = doctor(&folder, &["--set", &set]).await;
    let remedy = examined.has("schema", Level::Error, "so `serve` refuses it");
    assert!(remedy.ends_with("whose user owns the tables: writer may not create any"), "{remedy}");
}

#[tokio::test]
async fn a_database_that_is_read_only_or_isolates_too_much_is_found() {
    let (folder, superuser) = installed("overridden").await;
    run(
        &superuser,
        "ALTER DATABASE overridden SET default_transaction_read_only = on; \
         ALTER DATABASE overridden SET default_transaction_isolation = 'serializable'; \
         ALTER ROLE overridden CONNECTION LIMIT 4",
    )
    .await;
    let examined = doctor(&folder, &[]).await;
    examined.has("database", Level::Error, "default_transaction_read_only is on");
    examined.has("database", Level::Warning, "default_transaction_isolation is \"serializable\"");
    examined.has("database", Level::Error, "the server allows 4 connections");
    assert_eq!(examined.code, Some(1));
}

#[tokio::test]
async fn a_database_of_another_encoding_is_an_error() {
    let mut connection = PgConnection::connect(&server().await.url("postgres")).await.unwrap();
    let version = sqlx::query_scalar("SELECT current_setting('server_version_num')::INT8");
    let version: i64 = version.fetch_one(&mut connection).await.unwrap();
    let provider = if version < 150_000 { "" } else { "LOCALE_PROVIDER libc" };
    let (folder, _) =
        owned("latin", &format!("ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0 {provider}")).await;
    let examined = doctor(&folder, &[]).await;
    let remedy = examined.has("database", Level::Error, "the database has the encoding LATIN1");
    assert!(remedy.contains("ENCODING 'UTF8'"), "{remedy}");
}

#[tokio::test]
async fn a_clock_that_differs_from_the_servers_is_found() {
    let (folder, superuser) = installed("clocks").await;
    for (ahead, level, what) in [
        ("1 hour", Level::Error, "behind the database server's"),
        ("-1 hour", Level::Error, "ahead of the database server's"),
    ] {
        // What the program asks is found before the server's own function of the name.
        run(
            &superuser,
            &format!(
                "CREATE OR REPLACE FUNCTION public.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS \
                 $$ SELECT pg_catalog.clock_timestamp() + interval '{ahead}' $$; \
                 ALTER DATABASE clocks SET search_path = public, pg_catalog"
            ),
        )
        .await;
        let examined = doctor(&folder, &[]).await;
        let remedy = examined.has("clock", level, what);
        assert!(remedy.contains("chronyc tracking"), "{remedy}");
    }
}

#[tokio::test]
async fn a_database_that_is_not_there_is_an_error() {
    let url = server().await.url("nowhere");
    let examined = doctor(&Folder::with(&url), &[]).await;
    let remedy = examined.has("database", Level::Error, "database \"nowhere\" does not exist");
    assert!(remedy.contains("database.url"), "{remedy}");
}

#[tokio::test]
async fn a_standby_is_an_error_and_is_seen_from_its_primary() {
    let primary = start().await;
    let folder = Folder::with(&primary.url("postgres"));
    assert_eq!(folder.run(&["init"]).await.code, Some(0));
    let (primary, standby) = tokio::task::spawn_blocking(move || {
        let standby = primary.standby().unwrap();
        (primary, standby)
    })
    .await
    .unwrap();
    let set = format!("database.url={}", standby.url("postgres"));
    let examined = doctor(&folder, &["--set", &set]).await;
    let remedy = examined.has("database", Level::Error, "the server is a standby");
    assert!(remedy.contains("primary"), "{remedy}");
    examined.is_well("schema");
    examined.is_well("keys");
    assert_eq!(examined.code, Some(1));

    let examined = doctor(&folder, &[]).await;
    examined.has("database", Level::Ok, "1 standby follows, asynchronously");
    for (names, state, level, what) in [
        ("elsewhere", "async", Level::Error, "every commit waits without end"),
        ("*", "sync", Level::Ok, "1 standby follows, and commits wait for 1"),
    ] {
        run(&primary.url("postgres"), &format!("ALTER SYSTEM SET synchronous_standby_names = '{names}'"))
            .await;
        run(&primary.url("postgres"), "SELECT pg_reload_conf()").await;
        // A process of the server takes a setting when it sees that it changed.
        let taken = format!(
            "SELECT COUNT(*) FROM pg_settings AS setting, pg_stat_replication AS standby \
             WHERE name = 'synchronous_standby_names' AND setting = '{names}' AND sync_state = '{state}'"
        );
        let taken = async || (folder.database.number(&taken).await == 1).then_some(());
        eventually("the server takes the setting", taken).await;
        doctor(&folder, &[]).await.has("database", level, what);
    }
}
