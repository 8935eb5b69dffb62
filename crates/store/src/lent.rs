//! One connection with a transaction on it, for each engine. Dropped at any moment before its end,
//! it leaves no transaction open.
//!
//! PostgreSQL: the connection is closed instead of going back to the pool, and the server undoes
//! the transaction. (`sqlx::Pool::begin` gives such a connection back with the transaction open.)
//! SQLite: there is one writer; whoever takes it next finds it torn and rolls back first.

use std::sync::Arc;

use sqlx::{PgConnection, PgPool, Postgres, SqliteConnection, pool::PoolConnection};
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::breakage::Breakage;

pub(crate) enum Lent {
    Sqlite(OwnedMutexGuard<Writer>),
    Postgres(Option<PoolConnection<Postgres>>, Breakage),
}

pub(crate) struct Writer {
    pub(crate) connection: SqliteConnection,
    /// A transaction may have been begun, and was not ended in good order.
    torn: bool,
}

impl Writer {
    pub(crate) const fn new(connection: SqliteConnection) -> Self {
        Self { connection, torn: false }
    }

    async fn run(&mut self, sql: &'static str) -> Result<(), sqlx::Error> {
        sqlx::raw_sql(sql).execute(&mut self.connection).await.map(drop)
    }
}

impl Lent {
    pub(crate) async fn sqlite(writer: &Arc<Mutex<Writer>>) -> Result<Self, sqlx::Error> {
        let mut turn = take_turn(writer).await;
        turn.run("BEGIN IMMEDIATE").await?;
        Ok(Self::Sqlite(turn))
    }

    /// For a deed that brings its own transaction: nothing is begun yet.
    pub(crate) async fn sqlite_alone(writer: &Arc<Mutex<Writer>>) -> Self {
        Self::Sqlite(take_turn(writer).await)
    }

    /// The deed was done to its end.
    pub(crate) fn ended(&mut self) {
        if let Self::Sqlite(turn) = self {
            turn.torn = false;
        }
    }

    pub(crate) async fn postgres(pool: &PgPool, breakage: &Breakage) -> Result<Self, sqlx::Error> {
        let mut lent = Self::Postgres(Some(pool.acquire().await?), breakage.clone());
        let begun = sqlx::raw_sql("BEGIN").execute(lent.connection()?).await;
        begun.inspect_err(|error| breakage.note(error))?;
        Ok(lent)
    }

    /// Ends the transaction and gives the connection back; on an error it is closed or torn.
    pub(crate) async fn end(mut self, keep: bool) -> Result<(), sqlx::Error> {
        let sql = if keep { "COMMIT" } else { "ROLLBACK" };
        match &mut self {
            Self::Sqlite(turn) => {
                turn.run(sql).await?;
                turn.torn = false;
            }
            Self::Postgres(connection, breakage) => {
                let ended =
                    sqlx::raw_sql(sql).execute(connection.as_deref_mut().ok_or(sqlx::Error::PoolClosed)?);
                ended.await.inspect_err(|error| breakage.note(error))?;
                drop(connection.take());
            }
        }
        Ok(())
    }

    fn connection(&mut self) -> Result<&mut PgConnection, sqlx::Error> {
        match self {
            Self::Postgres(connection, _) => connection.as_deref_mut().ok_or(sqlx::Error::PoolClosed),
            Self::Sqlite(_) => Err(sqlx::Error::Protocol("a transaction of the other engine".into())),
        }
    }
}

/// Torn until it is said to have ended.
async fn take_turn(writer: &Arc<Mutex<Writer>>) -> OwnedMutexGuard<Writer> {
    let mut turn = Arc::clone(writer).lock_owned().await;
    if turn.torn {
        // "No transaction is active" is as good as undone.
        let _ = turn.run("ROLLBACK").await;
    }
    turn.torn = true;
    turn
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Self::Postgres(connection, _) = self
            && let Some(connection) = connection.take()
        {
            drop(connection.detach());
        }
    }
}
