//! A connection with a transaction on it, for each engine. Dropping it before the end leaves no transaction open
//! (INV-53).
//!
//! - PostgreSQL: the connection stays tainted until the transaction has ended. If it is dropped
//!   before, it is closed, and the server rolls back.
//! - SQLite: there is one writer, in `sqlite_writer.rs`. If it is dropped before the end, it keeps `needs_rollback`, and
//!   the next user of the writer rolls back first.

use crate::{
    connection_pool::{ConnectionPool, PooledConnection},
    shares::Share,
    sqlite_writer::{LockedWriter, SqliteWriter},
    timeouts::bounded,
};

pub(crate) enum TransactionConnection {
    Sqlite(LockedWriter),
    Postgres(PooledConnection),
}

impl TransactionConnection {
    pub(crate) async fn sqlite(writer: &SqliteWriter) -> Result<Self, sqlx::Error> {
        let mut writer = writer.lock(false).await?;
        writer.run("BEGIN IMMEDIATE").await?;
        Ok(Self::Sqlite(writer))
    }

    pub(crate) async fn postgres(pool: &ConnectionPool, share: Share) -> Result<Self, sqlx::Error> {
        let mut connection = pool.take(share, true).await?;
        connection.begin().await?;
        Ok(Self::Postgres(connection))
    }

    /// Ends the transaction and gives the connection back. After an error the connection is closed (PostgreSQL), or
    /// the next user rolls back (SQLite).
    pub(crate) async fn end(mut self, keep: bool) -> Result<(), sqlx::Error> {
        let sql = if keep { "COMMIT" } else { "ROLLBACK" };
        match &mut self {
            Self::Sqlite(writer) => {
                writer.run(sql).await?;
                writer.ended(keep)
            }
            Self::Postgres(connection) => {
                let bound = connection.bound();
                let ended = bounded(bound, sqlx::raw_sql(sql).execute(connection.connection()?)).await;
                ended.inspect_err(|error| connection.note(error))?;
                connection.judge(&Ok(()));
                Ok(())
            }
        }
    }
}
