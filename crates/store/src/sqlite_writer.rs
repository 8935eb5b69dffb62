//! SQLite's writer: the one connection that writes. Others wait for it, and it waits for the write lock that another
//! program may hold. Both waits together last no longer than `Timeouts::lock`.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use sqlx::{AssertSqlSafe, Connection as _, SqliteConnection};
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::{
    Timeouts,
    lock::FileLock,
    timeouts::{bounded, milliseconds},
};

/// Cheap to clone; all clones are the same writer.
#[derive(Clone)]
pub(crate) struct SqliteWriter {
    writer: Arc<Mutex<Writer>>,
    file: Arc<FileLock>,
    timeouts: Timeouts,
}

struct Writer {
    /// `None` once it is closed.
    connection: Option<SqliteConnection>,
    /// A transaction may be open that was not ended by COMMIT or ROLLBACK.
    needs_rollback: bool,
    /// `synchronous` may be NORMAL, where a commit does not wait for fsync.
    deferred_sync: bool,
    /// SQLite's `busy_timeout`, as it was set last.
    busy_timeout: Duration,
}

/// The writer, for one user at a time.
pub(crate) struct LockedWriter {
    writer: OwnedMutexGuard<Writer>,
    file: Arc<FileLock>,
    /// How long the writer may take to answer.
    bound: Duration,
}

impl SqliteWriter {
    /// The connection's `busy_timeout` is `Timeouts::lock`.
    pub(crate) fn new(connection: SqliteConnection, file: Arc<FileLock>, timeouts: Timeouts) -> Self {
        let (connection, busy_timeout) = (Some(connection), timeouts.lock);
        let writer = Writer { connection, needs_rollback: false, deferred_sync: false, busy_timeout };
        Self { writer: Arc::new(Mutex::new(writer)), file, timeouts }
    }

    /// Locks the writer and restores its state: no open transaction, and fsync at commit unless `deferred_sync`.
    /// The writer needs a rollback from now on, until it is told that the transaction ended.
    pub(crate) async fn lock(&self, deferred_sync: bool) -> Result<LockedWriter, sqlx::Error> {
        self.file.check()?;
        self.lock_unchecked(deferred_sync).await
    }

    async fn lock_unchecked(&self, deferred_sync: bool) -> Result<LockedWriter, sqlx::Error> {
        let (asked, timeout) = (Instant::now(), self.timeouts.lock);
        let bound = self.timeouts.answer().saturating_add(timeout);
        let locked = bounded(timeout, async { Ok(Arc::clone(&self.writer).lock_owned().await) }).await;
        let writer = locked.map_err(|_| sqlx::Error::PoolTimedOut)?;
        let mut writer = LockedWriter { writer, file: self.file.clone(), bound };
        // What is left of the time is for another program's lock. A short wait for the writer counts as none, so that
        // the timeout is rarely set.
        let left = timeout.saturating_sub(asked.elapsed());
        let busy_timeout = if left > timeout / 10 * 9 { timeout } else { left };
        bounded(left.saturating_add(self.timeouts.answer()), writer.restore(deferred_sync, busy_timeout))
            .await?;
        Ok(writer)
    }

    /// Drops the pages that the writer has in its memory, so that what it reads next comes from the file or its log.
    pub(crate) async fn forget_pages(&self) -> Result<(), sqlx::Error> {
        let mut writer = self.lock(false).await?;
        writer.run("PRAGMA shrink_memory").await?;
        writer.ended(false)
    }

    /// Copies the log into the database and closes the writer, which must be the last connection: then the file alone
    /// is the whole database. Nothing is written any more after that. Also if a file was taken away: the descriptors still
    /// lead to it, and SQLite leaves alone what stands in its place.
    pub(crate) async fn close(&self) -> Result<(), sqlx::Error> {
        let mut writer = self.lock_unchecked(false).await?;
        writer.run("PRAGMA wal_checkpoint(TRUNCATE)").await?;
        match writer.writer.connection.take() {
            Some(connection) => connection.close().await,
            None => Ok(()),
        }
    }

    /// The file that was taken away.
    pub(crate) fn lost(&self) -> Option<PathBuf> {
        self.file.lost().map(ToOwned::to_owned)
    }
}

impl LockedWriter {
    pub(crate) fn connection(&mut self) -> Result<&mut SqliteConnection, sqlx::Error> {
        self.writer.connection.as_mut().ok_or(sqlx::Error::PoolClosed)
    }

    pub(crate) fn bound(&self) -> Duration {
        self.bound
    }

    pub(crate) async fn run(&mut self, sql: &'static str) -> Result<(), sqlx::Error> {
        let bound = self.bound;
        bounded(bound, sqlx::raw_sql(sql).execute(self.connection()?)).await.map(drop)
    }

    /// Records that the transaction was ended. A commit into a file that was taken away is lost, and is not confirmed.
    pub(crate) fn ended(&mut self, keep: bool) -> Result<(), sqlx::Error> {
        self.writer.needs_rollback = false;
        if keep { self.file.check() } else { Ok(()) }
    }

    /// Records whether a text that contains its own transaction ran to its end, like `ended`.
    pub(crate) fn judge<T>(&mut self, done: Result<T, sqlx::Error>) -> Result<T, sqlx::Error> {
        self.writer.needs_rollback = done.is_err();
        self.writer.deferred_sync &= done.is_err();
        let done = done?;
        self.file.check().map(|()| done)
    }

    async fn restore(&mut self, deferred_sync: bool, busy_timeout: Duration) -> Result<(), sqlx::Error> {
        if self.writer.needs_rollback {
            // The error "no transaction is active" means that there is nothing to roll back.
            let _ = sqlx::raw_sql("ROLLBACK").execute(self.connection()?).await;
        }
        if self.writer.deferred_sync {
            sqlx::raw_sql("PRAGMA synchronous = FULL").execute(self.connection()?).await?;
        }
        if self.writer.busy_timeout != busy_timeout {
            let pragma = format!("PRAGMA busy_timeout = {}", milliseconds(busy_timeout));
            sqlx::raw_sql(AssertSqlSafe(pragma)).execute(self.connection()?).await?;
            self.writer.busy_timeout = busy_timeout;
        }
        self.writer.needs_rollback = true;
        self.writer.deferred_sync = deferred_sync;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::{os::unix::fs::FileExt as _, path::Path, pin::Pin, task::Poll};

    use tidegate_core::{Budget, Id, RealmId, Sealed, Timestamp};
    use uuid::Uuid;

    use crate::{
        Error, Outage, Pooler, Settings, Store, Timeouts, Tx,
        answers::{self, Charge},
        attempts::Counter,
        installation,
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
        let mut writer = write.lock(false).await.unwrap();
        writer.ended(false).unwrap();
        sqlx::query_scalar("PRAGMA synchronous").fetch_one(writer.connection().unwrap()).await.unwrap()
    }

    async fn open(path: &Path) -> Store {
        let url = format!("sqlite:{}", path.display());
        let settings = Settings { url, connections: 1, timeouts: Timeouts::default(), pooler: Pooler::None };
        let store = Store::open(&settings).await.unwrap();
        store.migrate().await.unwrap();
        store
    }

    /// All pages that a pulse reads are in the writer's memory, because the pulse before has read them.
    #[tokio::test]
    async fn a_pulse_notices_that_the_file_was_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tidegate.db");
        let (store, now) = (open(&path).await, Timestamp::from_unix_micros(0));
        let Db::Sqlite { write, .. } = &store.db else { panic!("not SQLite") };
        let initialise = async |tx: &mut Tx| installation::insert(tx, Sealed(vec![0; 5]), now).await;
        assert!(store.tx("test", REALM, initialise).await.unwrap());
        let mut writer = write.lock(false).await.unwrap();
        writer.run("PRAGMA wal_checkpoint(TRUNCATE)").await.unwrap();
        writer.ended(false).unwrap();
        drop(writer);
        assert!(store.pulse(REALM, now, false).await.unwrap().is_some());
        let size = std::fs::metadata(&path).unwrap().len();
        let file = std::fs::File::options().write(true).open(&path).unwrap();
        file.write_all_at(&vec![0xa5; size.try_into().unwrap()], 0).unwrap();
        let error = store.pulse(REALM, now, false).await.unwrap_err();
        assert_eq!(error.outage(), Some(Outage::Corrupt), "{error}");
    }

    /// Polls until it is pending for the n-th time, or has ended.
    async fn until_pending<T>(work: &mut Pin<Box<impl Future<Output = T>>>, n: usize) -> Option<T> {
        let mut left = n;
        std::future::poll_fn(|context| match left.checked_sub(1) {
            None => Poll::Ready(None),
            Some(fewer) => {
                left = fewer;
                work.as_mut().poll(context).map(Some)
            }
        })
        .await
    }

    #[tokio::test]
    async fn the_next_write_waits_for_fsync() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(&folder.path().join("tidegate.db")).await;
        assert_eq!(waits_for(&store).await, FULL, "the first write, too");
        assert_eq!(charge(&store).await.unwrap(), None);
        assert_eq!(waits_for(&store).await, FULL);
        for n in 0..20_usize {
            let mut charge = Box::pin(charge(&store));
            let _ = until_pending(&mut charge, n).await;
            drop(charge);
            assert_eq!(waits_for(&store).await, FULL, "dropped after {n}");
        }
    }

    /// The file is deleted at every moment of a write, and before the commit of a transaction.
    #[tokio::test]
    async fn no_write_into_a_file_that_was_taken_away_is_confirmed() {
        let mut moments = 0;
        loop {
            let folder = tempfile::tempdir().unwrap();
            let store = open(&folder.path().join("tidegate.db")).await;
            let mut charge = Box::pin(charge(&store));
            if until_pending(&mut charge, moments).await.is_some() {
                break;
            }
            std::fs::remove_file(folder.path().join("tidegate.db")).unwrap();
            let refused = charge.await;
            let is_told = matches!(refused, Err(Error::Unavailable(_) | Error::Unconfirmed { .. }));
            assert!(is_told, "after {moments}: {refused:?}");
            moments += 1;
        }
        assert!(moments > 1, "{moments}");
        let folder = tempfile::tempdir().unwrap();
        let taken_away = async |_: &mut Tx| {
            std::fs::remove_file(folder.path().join("tidegate.db")).unwrap();
            Ok::<_, Error>(())
        };
        let refused = open(&folder.path().join("tidegate.db")).await.tx("test", REALM, taken_away).await;
        assert!(matches!(refused, Err(Error::Unconfirmed { .. })), "{refused:?}");
    }
}
