//! The database, looked at past the program: what lies there, and what a test puts there that no call
//! can.

use std::{collections::BTreeMap, path::PathBuf, str::FromStr as _};

use sqlx::{
    AssertSqlSafe, ConnectOptions as _, PgConnection, SqliteConnection, postgres::PgConnectOptions,
    sqlite::SqliteConnectOptions,
};

#[derive(Debug, Clone)]
pub enum Database {
    Sqlite(PathBuf),
    Postgres(String),
}

enum Connection {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Database {
    /// Statements that both engines understand.
    pub async fn run(&self, sql: &str) {
        let done = match self.connect().await {
            Connection::Sqlite(mut to) => sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut to).await.map(drop),
            Connection::Postgres(mut to) => {
                sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut to).await.map(drop)
            }
        };
        done.unwrap_or_else(|error| panic!("{sql}: {error}"));
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

    /// Every row of every table as text, bytes in hexadecimal digits.
    pub async fn contents(&self) -> BTreeMap<String, Vec<String>> {
        let mut contents = BTreeMap::new();
        for table in self.tables().await {
            let rows = match self {
                Self::Sqlite(_) => {
                    let columns = format!(
                        "SELECT group_concat('quote(' || name || ')', ' || '' '' || ') FROM pragma_table_info('{table}')"
                    );
                    let columns = self.texts(&columns).await;
                    self.texts(&format!("SELECT {} FROM {table} ORDER BY 1", columns[0])).await
                }
                Self::Postgres(_) => {
                    self.texts(&format!("SELECT t::text FROM {table} AS t ORDER BY 1")).await
                }
            };
            contents.insert(table, rows);
        }
        contents
    }

    pub async fn tables(&self) -> Vec<String> {
        self.texts(match self {
            Self::Sqlite(_) => "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1",
            Self::Postgres(_) => {
                "SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1"
            }
        })
        .await
    }

    async fn texts(&self, sql: &str) -> Vec<String> {
        let found = match self.connect().await {
            Connection::Sqlite(mut to) => sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(&mut to).await,
            Connection::Postgres(mut to) => sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(&mut to).await,
        };
        found.unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    async fn connect(&self) -> Connection {
        match self {
            Self::Sqlite(path) => {
                Connection::Sqlite(SqliteConnectOptions::new().filename(path).connect().await.unwrap())
            }
            Self::Postgres(url) => {
                Connection::Postgres(PgConnectOptions::from_str(url).unwrap().connect().await.unwrap())
            }
        }
    }
}
