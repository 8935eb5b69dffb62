//! Direct access to the database, past the program: a test reads its rows, and writes what no call can.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    str::FromStr as _,
};

use sqlx::{
    AssertSqlSafe, ConnectOptions as _, PgConnection, SqliteConnection, postgres::PgConnectOptions,
    sqlite::SqliteConnectOptions,
};

use tidegate_tests::TIMEOUT;

use crate::program::eventually;

#[derive(Debug, Clone)]
pub enum Database {
    Sqlite(PathBuf),
    Postgres(String),
}

pub enum Connection {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

/// The program writes to the file too, so a statement may have to wait for the lock.
fn sqlite(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new().filename(path).busy_timeout(TIMEOUT)
}

impl Database {
    /// Statements that both engines understand.
    pub async fn run(&self, sql: &str) {
        self.connect().await.run(sql).await;
    }

    /// What a statement took is held until the connection is dropped, for example a lock.
    pub async fn holding(&self, sql: &str) -> Connection {
        let mut connection = self.connect().await;
        connection.run(sql).await;
        connection
    }

    /// One number, such as a count.
    pub async fn number(&self, sql: &str) -> i64 {
        let found = match self.connect().await {
            Connection::Sqlite(mut to) => sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut to).await,
            Connection::Postgres(mut to) => sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut to).await,
        };
        found.unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    pub async fn count(&self, table: &str) -> i64 {
        self.number(&format!("SELECT COUNT(*) FROM {table}")).await
    }

    /// Waits until every event has its place in the record.
    pub async fn sealed(&self) {
        let waiting = "SELECT COUNT(*) FROM events WHERE sequence IS NULL";
        eventually("nothing to seal", async || (self.number(waiting).await == 0).then_some(())).await;
    }

    pub async fn tables(&self) -> Vec<String> {
        self.connect().await.tables().await
    }

    /// Every row of every table as text, bytes in hexadecimal digits.
    pub async fn contents(&self) -> BTreeMap<String, Vec<String>> {
        let (mut connection, mut contents) = (self.connect().await, BTreeMap::new());
        for table in connection.tables().await {
            let rows = connection.rows(&table).await;
            contents.insert(table, rows);
        }
        contents
    }

    async fn connect(&self) -> Connection {
        match self {
            Self::Sqlite(path) => Connection::Sqlite(sqlite(path).connect().await.unwrap()),
            Self::Postgres(url) => {
                Connection::Postgres(PgConnectOptions::from_str(url).unwrap().connect().await.unwrap())
            }
        }
    }
}

impl Connection {
    async fn run(&mut self, sql: &str) {
        let done = match self {
            Self::Sqlite(to) => sqlx::raw_sql(AssertSqlSafe(sql)).execute(to).await.map(drop),
            Self::Postgres(to) => sqlx::raw_sql(AssertSqlSafe(sql)).execute(to).await.map(drop),
        };
        done.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    async fn tables(&mut self) -> Vec<String> {
        let sql = match self {
            Self::Sqlite(_) => "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1",
            Self::Postgres(_) => {
                "SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1"
            }
        };
        self.texts(sql).await
    }

    async fn rows(&mut self, table: &str) -> Vec<String> {
        let row = match self {
            Self::Sqlite(_) => {
                let columns = format!(
                    "SELECT group_concat('quote(' || name || ')', ' || '' '' || ') FROM pragma_table_info('{table}')"
                );
                self.texts(&columns).await.remove(0)
            }
            Self::Postgres(_) => "t::text".to_owned(),
        };
        self.texts(&format!("SELECT {row} FROM {table} AS t ORDER BY 1")).await
    }

    async fn texts(&mut self, sql: &str) -> Vec<String> {
        let found = match self {
            Self::Sqlite(to) => sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(to).await,
            Self::Postgres(to) => sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(to).await,
        };
        found.unwrap_or_else(|error| panic!("{sql}: {error}"))
    }
}
