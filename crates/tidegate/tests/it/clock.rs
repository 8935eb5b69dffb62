//! A database that was used with a clock ahead of this machine's, and the way back.

use crate::{
    database::Database,
    folder::{Engine, Folder},
    owner::Realm,
    program::eventually,
};

/// A day, in microseconds.
const DAY: i64 = 86_400_000_000;

#[tokio::test]
async fn serve_refuses_a_clock_that_went_back_until_it_is_forgotten() {
    let folder = Folder::installed(Engine::Sqlite).await;
    folder.database.run(&format!("UPDATE installation SET clock_floor = clock_floor + {DAY}")).await;
    let floor = "SELECT clock_floor FROM installation";
    let ahead = folder.database.number(floor).await;
    let refused = folder.run(&["serve"]).await;
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.err.contains("run `tidegate forget-clock`"), "{}", refused.err);
    assert_eq!(folder.database.number(floor).await, ahead);

    let forgotten = folder.run(&["forget-clock"]).await;
    assert_eq!(forgotten.code, Some(0), "{forgotten:?}");
    assert!(folder.database.number(floor).await <= ahead - DAY + 3_600_000_000, "it is still ahead");
    assert_eq!(folder.serve(&[]).await.stopped().await.code, Some(0));
}

/// A server whose clock a test moves: what the program asks is found before the server's own function of the name.
pub async fn make_movable(database: &Database, name: &str) {
    let function = "CREATE TABLE moved (by INTERVAL NOT NULL); INSERT INTO moved VALUES (INTERVAL '0'); \
        CREATE FUNCTION public.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS \
        $$ SELECT pg_catalog.clock_timestamp() + (SELECT by FROM public.moved) $$";
    database.run(function).await;
    database.run(&format!("ALTER DATABASE {name} SET search_path = public, pg_catalog")).await;
}

async fn with_movable_clock() -> Folder {
    let folder = Folder::installed(Engine::Postgres).await;
    let Database::Postgres(url) = &folder.database else { panic!("not PostgreSQL") };
    make_movable(&folder.database, url.split('/').nth(3).unwrap().split('?').next().unwrap()).await;
    folder
}

pub async fn moved(database: &Database, by: &str) {
    database.run(&format!("UPDATE moved SET by = INTERVAL '{by}'")).await;
}

/// How many seconds the stored time lies ahead of the true one.
async fn ahead(folder: &Folder) -> i64 {
    let ahead = "SELECT CAST(EXTRACT(EPOCH FROM clock_floor - pg_catalog.now()) AS BIGINT) FROM installation";
    folder.database.number(ahead).await
}

#[tokio::test]
async fn inv_54_what_expired_stays_so_when_the_servers_clock_is_set_back() {
    let folder = with_movable_clock().await;
    let quick = "admin.check_interval_ms=50";
    let mut server = folder.serve(&[quick]).await;
    let realm = Realm::set_up(&server, &["ann"]).await;
    let frontend = realm.frontend(&server);
    let begun = frontend.begin("ann", "phone").await;
    moved(&folder.database, "3 hours").await;
    server.program.logs("the clock of the database's server jumped ahead, and is followed").await;
    let expired = frontend.complete(&begun).await.unwrap_err();
    assert_eq!(expired.name(), "SUBJECT_NOT_VALID");
    eventually("the new time", async || (ahead(&folder).await > 3 * 3_500).then_some(())).await;

    moved(&folder.database, "0").await;
    server.program.logs("the clock of the database's server was set back").await;
    assert_eq!(frontend.complete(&begun).await.unwrap_err().name(), "SUBJECT_NOT_VALID");
    let behind = async || server.page("/metrics").await.1.contains("tidegate_clock_behind_seconds 10");
    eventually("the metric", async || behind().await.then_some(())).await;
    assert_eq!(server.page("/readyz").await.0, 200, "it serves on");
    server.killed().await;

    // What was stored holds for the next one, from its first call on.
    let mut server = folder.serve(&[quick]).await;
    server.program.logs("lies before the time at which the database was in use").await;
    let frontend = realm.frontend(&server);
    assert_eq!(frontend.complete(&begun).await.unwrap_err().name(), "SUBJECT_NOT_VALID");
    assert!(
        frontend.now().await
            > folder.database.number("SELECT CAST(EXTRACT(EPOCH FROM pg_catalog.now()) AS BIGINT)").await
                + 3 * 3_500
    );
    frontend.sign_in("ann", "tablet").await;
    let refused = folder.run(&["forget-clock"]).await;
    assert!(refused.err.contains("stop all servers first"), "{refused:?}");
    assert_eq!(server.stopped().await.code, Some(0));

    let forgotten = folder.run(&["forget-clock"]).await;
    assert_eq!(forgotten.code, Some(0), "{forgotten:?}");
    for met in ["Realm main:", "1 sessions", "budgets of guesses", "of the accounts acct_"] {
        assert!(forgotten.out.contains(met), "{met}: {}", forgotten.out);
    }
    assert!(ahead(&folder).await < 60);
    let server = folder.serve(&[quick]).await;
    let frontend = realm.frontend(&server);
    assert_eq!(frontend.complete(&begun).await.unwrap_err().name(), "SUBJECT_NOT_VALID", "it had expired");
    frontend.sign_in("ann", "phone").await;
    folder.database.sealed().await;
    let events = "SELECT COUNT(*) FROM events WHERE fact LIKE '%clock_forgotten%'";
    assert_eq!(folder.database.number(events).await, 1);
}

#[tokio::test]
async fn the_clock_is_stored_before_the_first_call_is_served() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let folder = Folder::installed(engine).await;
        let ago = match engine {
            Engine::Sqlite => format!("clock_floor - {DAY}"),
            Engine::Postgres => "clock_floor - INTERVAL '1 day'".to_owned(),
        };
        folder.database.run(&format!("UPDATE installation SET clock_floor = {ago}")).await;
        let server = folder.serve(&["admin.check_interval_ms=60000"]).await;
        let raised = "SELECT COUNT(*) FROM installation WHERE clock_floor > created_at";
        assert_eq!(folder.database.number(raised).await, 1, "{engine:?}");
        assert_eq!(server.stopped().await.code, Some(0));
    }
}

#[tokio::test]
async fn forget_clock_names_init_where_nothing_is_initialised() {
    let folder = Folder::empty();
    let ended = folder.run(&["forget-clock"]).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.err.contains("run `tidegate init`"), "{}", ended.err);
}
