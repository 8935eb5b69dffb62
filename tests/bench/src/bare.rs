//! The least that a verification must do: one conditional update and one insert, on tables of their own
//! in the server's database, with as many connections as the server has, and nothing around them.

use std::{str::FromStr as _, sync::Arc, time::Duration};

use anyhow::ensure;
use sqlx::{
    ConnectOptions as _, Connection as _, PgPool, SqliteConnection,
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};
use tokio::sync::Mutex;

use crate::load::Call;

/// The default of `database.connections`.
const CONNECTIONS: u32 = 8;
const COUNTERS: i64 = 50_000;
/// About the size of an event.
const BODY: [u8; 250] = [7; 250];

const TABLES: &str = "CREATE TABLE bench_counters (id BIGINT PRIMARY KEY, last_step BIGINT NOT NULL); \
    CREATE TABLE bench_events (id BIGINT PRIMARY KEY, counter BIGINT NOT NULL, body BYTEA NOT NULL);";
const UPDATE: &str = "UPDATE bench_counters SET last_step = $2 WHERE id = $1 AND last_step < $2";
const INSERT: &str = "INSERT INTO bench_events (id, counter, body) VALUES ($1, $2, $3)";
const BOTH: &str = "WITH hit AS (UPDATE bench_counters SET last_step = $2 WHERE id = $1 AND last_step < $2 \
    RETURNING id) INSERT INTO bench_events (id, counter, body) SELECT $2, id, $3 FROM hit";

#[derive(Clone)]
pub enum Bare {
    /// SQLite: BEGIN IMMEDIATE, two statements, COMMIT, by one writer.
    Sqlite(Arc<Mutex<SqliteConnection>>),
    /// PostgreSQL: BEGIN, two statements, COMMIT.
    Transaction(PgPool),
    /// PostgreSQL: both in one statement, which is its own transaction.
    Statement(PgPool),
}

/// The forms that an engine has, each with its name; the one that the contract means comes first.
pub async fn forms(url: &str) -> anyhow::Result<Vec<(&'static str, Bare)>> {
    let Some(path) = url.strip_prefix("sqlite:") else {
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(Duration::from_secs(10))
            .test_before_acquire(false)
            .connect_with(PgConnectOptions::from_str(url)?)
            .await?;
        sqlx::raw_sql(TABLES).execute(&pool).await?;
        let fill = "INSERT INTO bench_counters SELECT n, -1 FROM generate_series(0, $1 - 1) AS n";
        sqlx::query(fill).bind(COUNTERS).execute(&pool).await?;
        sqlx::raw_sql("VACUUM ANALYZE bench_counters").execute(&pool).await?;
        return Ok(vec![
            ("bare statement", Bare::Statement(pool.clone())),
            ("bare transaction", Bare::Transaction(pool)),
        ]);
    };
    let options = SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(Duration::from_secs(5));
    let mut connection = options.connect().await?;
    sqlx::raw_sql(TABLES).execute(&mut connection).await?;
    let fill = "INSERT INTO bench_counters WITH RECURSIVE all_of(n) AS (SELECT 0 UNION ALL \
        SELECT n + 1 FROM all_of WHERE n + 1 < $1) SELECT n, -1 FROM all_of";
    sqlx::query(fill).bind(COUNTERS).execute(&mut connection).await?;
    Ok(vec![("bare transaction", Bare::Sqlite(Arc::new(Mutex::new(connection))))])
}

impl Call for Bare {
    async fn call(&mut self, number: u64) -> anyhow::Result<()> {
        let step = i64::try_from(number)?;
        let counter = step % COUNTERS;
        let done = match self {
            Self::Sqlite(writer) => {
                let mut writer = writer.lock().await;
                let mut tx = writer.begin_with("BEGIN IMMEDIATE").await?;
                let updated = sqlx::query(UPDATE).bind(counter).bind(step).execute(&mut *tx).await?;
                let insert = sqlx::query(INSERT).bind(step).bind(counter).bind(BODY.as_slice());
                insert.execute(&mut *tx).await?;
                tx.commit().await?;
                updated.rows_affected()
            }
            Self::Transaction(pool) => {
                let mut tx = pool.begin().await?;
                let updated = sqlx::query(UPDATE).bind(counter).bind(step).execute(&mut *tx).await?;
                let insert = sqlx::query(INSERT).bind(step).bind(counter).bind(BODY.as_slice());
                insert.execute(&mut *tx).await?;
                tx.commit().await?;
                updated.rows_affected()
            }
            Self::Statement(pool) => {
                let both = sqlx::query(BOTH).bind(counter).bind(step).bind(BODY.as_slice());
                both.execute(&*pool).await?.rows_affected()
            }
        };
        ensure!(done == 1, "a step was not taken");
        Ok(())
    }
}
