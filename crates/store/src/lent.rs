//! One connection with a transaction on it, for each engine. Dropped at any moment before its end,
//! it leaves no transaction open.
//!
//! PostgreSQL: the line is in doubt until the transaction has ended, and closed when it is dropped before; the
//! server undoes the transaction. SQLite: there is one writer; whoever takes it next finds it torn and rolls back
//! first.

use std::sync::Arc;

use sqlx::SqliteConnection;
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::lines::{Line, Lines};

pub(crate) enum Lent {
    Sqlite(OwnedMutexGuard<Writer>),
    Postgres(Line),
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

    /// What brought its own transaction went to its end, or not.
    pub(crate) const fn judge<T>(&mut self, done: &Result<T, sqlx::Error>) {
        self.torn = done.is_err();
    }
}

impl Lent {
    pub(crate) async fn sqlite(writer: &Arc<Mutex<Writer>>) -> Result<Self, sqlx::Error> {
        let mut turn = take_turn(writer).await;
        turn.run("BEGIN IMMEDIATE").await?;
        Ok(Self::Sqlite(turn))
    }

    pub(crate) async fn postgres(lines: &Lines) -> Result<Self, sqlx::Error> {
        let mut line = lines.take().await?;
        let begun = sqlx::raw_sql("BEGIN").execute(line.connection()?).await;
        begun.inspect_err(|error| line.note(error))?;
        Ok(Self::Postgres(line))
    }

    /// Ends the transaction and gives the connection back; on an error it is closed or torn.
    pub(crate) async fn end(mut self, keep: bool) -> Result<(), sqlx::Error> {
        let sql = if keep { "COMMIT" } else { "ROLLBACK" };
        match &mut self {
            Self::Sqlite(turn) => {
                turn.run(sql).await?;
                turn.torn = false;
            }
            Self::Postgres(line) => {
                let ended = sqlx::raw_sql(sql).execute(line.connection()?).await;
                ended.inspect_err(|error| line.note(error))?;
                line.judge(&Ok(()));
            }
        }
        Ok(())
    }
}

/// Torn until it is said to have ended.
pub(crate) async fn take_turn(writer: &Arc<Mutex<Writer>>) -> OwnedMutexGuard<Writer> {
    let mut turn = Arc::clone(writer).lock_owned().await;
    if turn.torn {
        // "No transaction is active" is as good as undone.
        let _ = turn.run("ROLLBACK").await;
    }
    turn.torn = true;
    turn
}
