//! Reads and changes the database directly, past the app: what no caller can see or do.

use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _, PgConnection, Row as _,
    SqliteConnection, sqlite::SqliteConnectOptions,
};
use tidegate_core::{Id, Kind, RealmId};
use tidegate_tests::TIMEOUT;
use uuid::Uuid;

use crate::test_server::TestServer;

/// The app writes to the file too, so a statement may have to wait for the lock.
async fn sqlite(server: &TestServer) -> SqliteConnection {
    let options: SqliteConnectOptions = server.url.parse().unwrap();
    options.busy_timeout(TIMEOUT).connect().await.unwrap()
}

/// One number.
pub async fn count(server: &TestServer, sql: &str) -> i64 {
    if server.is_sqlite() {
        let mut lite = sqlite(server).await;
        sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut lite).await.unwrap()
    } else {
        // PostgreSQL sums whole numbers into NUMERIC.
        let sql = format!("SELECT CAST(({sql}) AS BIGINT)");
        let mut pg = PgConnection::connect(&server.url).await.unwrap();
        sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut pg).await.unwrap()
    }
}

/// Changes what no call can change. At least one row must change.
pub async fn change(server: &TestServer, sql: &str) {
    let safe = AssertSqlSafe(sql);
    let rows = if server.is_sqlite() {
        let mut lite = sqlite(server).await;
        lite.execute(safe).await.unwrap().rows_affected()
    } else {
        PgConnection::connect(&server.url).await.unwrap().execute(safe).await.unwrap().rows_affected()
    };
    assert!(rows > 0 || sql.starts_with("CREATE"), "nothing was changed: {sql}");
}

/// Changes a table itself.
pub async fn alter(server: &TestServer, sql: &str) {
    let safe = AssertSqlSafe(sql);
    if server.is_sqlite() {
        sqlite(server).await.execute(safe).await.unwrap();
    } else {
        PgConnection::connect(&server.url).await.unwrap().execute(safe).await.unwrap();
    }
}

/// All rows of a query with one column of text, in its order.
pub async fn rows(server: &TestServer, sql: &str) -> Vec<String> {
    let safe = AssertSqlSafe(sql);
    if server.is_sqlite() {
        let mut lite = sqlite(server).await;
        sqlx::query_scalar(safe).fetch_all(&mut lite).await.unwrap()
    } else {
        let mut pg = PgConnection::connect(&server.url).await.unwrap();
        sqlx::query_scalar(safe).fetch_all(&mut pg).await.unwrap()
    }
}

/// Every row of every table, as text.
pub async fn contents(server: &TestServer) -> Vec<(String, Vec<String>)> {
    let tables = if server.is_sqlite() {
        "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1"
    } else {
        "SELECT table_name::TEXT FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1"
    };
    let mut contents = Vec::new();
    for table in rows(server, tables).await {
        let row = if server.is_sqlite() {
            let columns = "group_concat('quote(' || name || ')', ' || '' '' || ')";
            let columns = format!("SELECT {columns} FROM pragma_table_info('{table}')");
            rows(server, &columns).await.remove(0)
        } else {
            "t::TEXT".to_owned()
        };
        let all = rows(server, &format!("SELECT {row} FROM {table} AS t ORDER BY 1")).await;
        contents.push((table, all));
    }
    contents
}

/// The realm that the server was initialised with.
pub async fn realm(server: &TestServer) -> RealmId {
    id(server, "SELECT first_realm_id FROM installation").await
}

/// The realm with this key.
pub async fn realm_of(server: &TestServer, key: &str) -> RealmId {
    id(server, &format!("SELECT realm_id FROM realms WHERE realm_key = '{key}'")).await
}

async fn id<K: Kind>(server: &TestServer, sql: &str) -> Id<K> {
    let safe = AssertSqlSafe(sql);
    let id: Uuid = if server.is_sqlite() {
        sqlite(server).await.fetch_one(safe).await.unwrap().get(0)
    } else {
        PgConnection::connect(&server.url).await.unwrap().fetch_one(safe).await.unwrap().get(0)
    };
    Id::from_uuid(id)
}

/// Waits until this counts more than zero.
pub async fn appears(server: &TestServer, sql: &str) {
    let counts = async {
        while count(server, sql).await == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(TIMEOUT, counts).await.unwrap_or_else(|_| panic!("it stays zero: {sql}"));
}

/// Waits until a transaction waits for a lock. On SQLite it returns at once: there all writers wait for the
/// one connection, which the database does not show.
pub async fn somebody_waits(server: &TestServer) {
    const SQL: &str = "SELECT count(*) FROM pg_stat_activity \
        WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let waits = async {
        while !server.is_sqlite() && count(server, SQL).await == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(TIMEOUT, waits).await.unwrap_or_else(|_| panic!("nothing waits for a lock"));
}

/// How many transactions were left open. SQLite has one writer, so an open transaction there would block all
/// others.
pub async fn idle_in_transaction(server: &TestServer) -> i64 {
    const SQL: &str = "SELECT count(*) FROM pg_stat_activity \
        WHERE datname = current_database() AND state LIKE 'idle in transaction%'";
    if server.is_sqlite() { 0 } else { count(server, SQL).await }
}
