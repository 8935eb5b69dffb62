//! Looks and changes past the app, straight in the database: what no caller can see or do.

use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, Row as _, SqliteConnection};
use tidegate_core::{Id, RealmId};
use uuid::Uuid;

use crate::test_server::TestServer;

/// One number.
pub async fn count(server: &TestServer, sql: &str) -> i64 {
    if server.is_sqlite() {
        let mut lite = SqliteConnection::connect(&server.url).await.unwrap();
        sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut lite).await.unwrap()
    } else {
        // PostgreSQL sums whole numbers into NUMERIC.
        let sql = format!("SELECT CAST(({sql}) AS BIGINT)");
        let mut pg = PgConnection::connect(&server.url).await.unwrap();
        sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut pg).await.unwrap()
    }
}

/// Changes what no call can change: at least one row.
pub async fn change(server: &TestServer, sql: &str) {
    let safe = AssertSqlSafe(sql);
    let rows = if server.is_sqlite() {
        let mut lite = SqliteConnection::connect(&server.url).await.unwrap();
        lite.execute(safe).await.unwrap().rows_affected()
    } else {
        PgConnection::connect(&server.url).await.unwrap().execute(safe).await.unwrap().rows_affected()
    };
    assert!(rows > 0 || sql.starts_with("CREATE"), "nothing was changed: {sql}");
}

/// All rows of a question whose columns are texts, in its order.
pub async fn rows(server: &TestServer, sql: &str) -> Vec<String> {
    let safe = AssertSqlSafe(sql);
    if server.is_sqlite() {
        let mut lite = SqliteConnection::connect(&server.url).await.unwrap();
        sqlx::query_scalar(safe).fetch_all(&mut lite).await.unwrap()
    } else {
        let mut pg = PgConnection::connect(&server.url).await.unwrap();
        sqlx::query_scalar(safe).fetch_all(&mut pg).await.unwrap()
    }
}

/// The realm that the stage was initialised with.
pub async fn realm(server: &TestServer) -> RealmId {
    const SQL: &str = "SELECT first_realm_id FROM installation";
    let id: Uuid = if server.is_sqlite() {
        SqliteConnection::connect(&server.url).await.unwrap().fetch_one(SQL).await.unwrap().get(0)
    } else {
        PgConnection::connect(&server.url).await.unwrap().fetch_one(SQL).await.unwrap().get(0)
    };
    Id::from_uuid(id)
}

/// Until somebody waits for a lock; on SQLite everybody waits for the one writer, and is not waited for.
pub async fn somebody_waits(server: &TestServer) {
    const SQL: &str = "SELECT count(*) FROM pg_stat_activity \
        WHERE datname = current_database() AND wait_event_type = 'Lock'";
    while !server.is_sqlite() && count(server, SQL).await == 0 {
        tokio::task::yield_now().await;
    }
}

/// Transactions that somebody forgot; SQLite has one writer, which would block everybody.
pub async fn idle_in_transaction(server: &TestServer) -> i64 {
    const SQL: &str = "SELECT count(*) FROM pg_stat_activity \
        WHERE datname = current_database() AND state LIKE 'idle in transaction%'";
    if server.is_sqlite() { 0 } else { count(server, SQL).await }
}
