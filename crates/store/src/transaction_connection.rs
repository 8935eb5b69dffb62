//! A connection with a transaction on it, for each engine. Dropping it before the end leaves no transaction open
//! (INV-53).
//!
//! - PostgreSQL: the connection stays tainted until the transaction has ended. If it is dropped
//!   before, it is closed, and the server rolls back.
//! - SQLite: there is one writer. If it is dropped before the end, it keeps `needs_rollback`, and
//!   the next user of the writer rolls back first.

use std::sync::Arc;

use sqlx::SqliteConnection;
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::connection_pool::{ConnectionPool, PooledConnection};

pub(crate) enum TransactionConnection {
    Sqlite(OwnedMutexGuard<Writer>),
    Postgres(PooledConnection),
}

pub(crate) struct Writer {
    pub(crate) connection: SqliteConnection,
    /// A transaction may be open that was not ended by COMMIT or ROLLBACK.
    needs_rollback: bool,
    /// `synchronous` may be NORMAL, where a commit does not wait for fsync.
    deferred_sync: bool,
}

impl Writer {
    pub(crate) const fn new(connection: SqliteConnection) -> Self {
        Self { connection, needs_rollback: false, deferred_sync: false }
    }

    async fn run(&mut self, sql: &'static str) -> Result<(), sqlx::Error> {
        sqlx::raw_sql(sql).execute(&mut self.connection).await.map(drop)
    }

    /// Records whether a text that contains its own transaction ran to its end.
    pub(crate) const fn judge<T>(&mut self, done: &Result<T, sqlx::Error>) {
        self.needs_rollback = done.is_err();
        self.deferred_sync &= self.needs_rollback;
    }
}

impl TransactionConnection {
    pub(crate) async fn sqlite(writer: &Arc<Mutex<Writer>>) -> Result<Self, sqlx::Error> {
        let mut writer = lock_writer(writer, false).await?;
        writer.run("BEGIN IMMEDIATE").await?;
        Ok(Self::Sqlite(writer))
    }

    pub(crate) async fn postgres(pool: &ConnectionPool) -> Result<Self, sqlx::Error> {
        let mut connection = pool.take().await?;
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
                writer.needs_rollback = false;
            }
            Self::Postgres(connection) => {
                let ended = sqlx::raw_sql(sql).execute(connection.connection()?).await;
                ended.inspect_err(|error| connection.note(error))?;
                connection.judge(&Ok(()));
            }
        }
        Ok(())
    }
}

/// Locks SQLite's writer and restores its state: no open transaction, and fsync at commit unless `deferred_sync`.
/// The writer needs a rollback from now on, until it is told that the transaction ended.
pub(crate) async fn lock_writer(
    writer: &Arc<Mutex<Writer>>,
    deferred_sync: bool,
) -> Result<OwnedMutexGuard<Writer>, sqlx::Error> {
    let mut writer = Arc::clone(writer).lock_owned().await;
    if writer.needs_rollback {
        // The error "no transaction is active" means that there is nothing to roll back.
        let _ = writer.run("ROLLBACK").await;
    }
    if writer.deferred_sync {
        writer.run("PRAGMA synchronous = FULL").await?;
    }
    writer.needs_rollback = true;
    writer.deferred_sync = deferred_sync;
    Ok(writer)
}

#[cfg(test)]
mod tests {
    use std::task::Poll;

    use tidegate_core::{Budget, Id, RealmId, Timestamp};
    use uuid::Uuid;

    use super::*;
    use crate::{
        Error, Pooler, Settings, Store, Timeouts,
        answers::{self, Charge},
        attempts::Counter,
        open::Db,
    };

    const REALM: RealmId = Id::from_uuid_bytes([1; 16]);
    const FULL: i64 = 2;

    /// Charges a challenge that does not exist: all statements run, and change nothing.
    async fn charge(store: &Store) -> Result<Option<i64>, Error> {
        let now = Timestamp::from_unix_micros(0);
        let (challenge, counter) = (Id::from_uuid(Uuid::nil()), Counter { id: Uuid::nil(), tag: Vec::new() });
        let charge = Charge { challenge, limit: 5, counter, next: Budget::fresh(now), now };
        store.autocommit("test", REALM, async |executor| answers::charge(executor, charge).await).await
    }

    /// The `synchronous` setting that the next writer finds.
    async fn waits_for(store: &Store) -> i64 {
        let Db::Sqlite { write, .. } = &store.db else { panic!("not SQLite") };
        let mut writer = lock_writer(write, false).await.unwrap();
        writer.needs_rollback = false;
        sqlx::query_scalar("PRAGMA synchronous").fetch_one(&mut writer.connection).await.unwrap()
    }

    #[tokio::test]
    async fn the_next_write_waits_for_fsync() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("tidegate.db").display());
        let store = Store::open(&Settings {
            url,
            connections: 1,
            timeouts: Timeouts::default(),
            pooler: Pooler::None,
        })
        .await
        .unwrap();
        store.migrate().await.unwrap();
        assert_eq!(charge(&store).await.unwrap(), None);
        assert_eq!(waits_for(&store).await, FULL);
        for n in 0..20_usize {
            let (mut charge, mut left) = (Box::pin(charge(&store)), n);
            // Dropped when it is pending for the n-th time.
            std::future::poll_fn(|context| {
                let goes_on = left.checked_sub(1);
                left = goes_on.unwrap_or_default();
                if goes_on.is_none() { Poll::Ready(()) } else { charge.as_mut().poll(context).map(drop) }
            })
            .await;
            drop(charge);
            assert_eq!(waits_for(&store).await, FULL, "dropped after {n}");
        }
    }
}
