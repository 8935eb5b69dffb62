//! ConnectionPool to PostgreSQL: kept open, and lent to one user at a time.
//!
//! A line is in doubt from the moment its connection is handed out until its user has found it well. One that is
//! given up in doubt, in the middle of a statement or of a transaction, is closed, and the server undoes what was
//! not committed. So nothing has to be asked of the server when a line comes back. (The pool of sqlx asks at every
//! return: a round trip more for each statement, and a task.)

use std::{io, time::Duration};

use deadpool::{
    Status,
    managed::{Manager, Metrics, Object, Pool, PoolError, QueueMode, RecycleError, RecycleResult},
};
use sqlx::{ConnectOptions as _, Connection as _, PgConnection, postgres::PgConnectOptions};

use crate::{breakage::Breakage, error};

/// The longest anybody waits for a line.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(2);
/// The longest that a line takes to be opened.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Between two attempts to reach a server that is away.
const RECONNECT_INTERVAL: Duration = Duration::from_millis(20);
/// Older ones are replaced: a server's memory of a line grows, and servers move.
const MAX_AGE: Duration = Duration::from_mins(30);

/// Cheap to clone; all clones share the lines.
#[derive(Clone)]
pub(crate) struct ConnectionPool(Pool<Opener, PooledConnection>);

impl ConnectionPool {
    /// At most so many, of which one is opened now.
    pub(crate) async fn open(options: PgConnectOptions, most: u32) -> Result<Self, sqlx::Error> {
        let opener = Opener { options, breakage: Breakage::none_yet() };
        let pool = Pool::builder(opener).max_size(usize::try_from(most).unwrap_or(usize::MAX));
        let pool = pool.queue_mode(QueueMode::Lifo).build();
        let pool = Self(pool.map_err(|error| sqlx::Error::Configuration(Box::new(error)))?);
        pool.take().await.map(|_| pool)
    }

    pub(crate) async fn take(&self) -> Result<PooledConnection, sqlx::Error> {
        tokio::time::timeout(ACQUIRE_TIMEOUT, self.wait()).await.map_err(|_| sqlx::Error::PoolTimedOut)?
    }

    async fn wait(&self) -> Result<PooledConnection, sqlx::Error> {
        loop {
            match self.get().await {
                Ok(connection) => return Ok(connection),
                Err(PoolError::Backend(error)) if error::is_away(&error) => {
                    tokio::time::sleep(RECONNECT_INTERVAL).await
                }
                Err(PoolError::Backend(error)) => return Err(error),
                Err(_) => return Err(sqlx::Error::PoolClosed),
            }
        }
    }

    /// A line that has to be opened is opened to its end, whether or not anybody waits for that long: callers in
    /// a hurry would otherwise keep each other from ever having one.
    async fn get(&self) -> Result<PooledConnection, PoolError<sqlx::Error>> {
        let Status { size, max_size, available, .. } = self.0.status();
        if available > 0 || size >= max_size {
            return self.0.get().await;
        }
        let pool = self.0.clone();
        tokio::spawn(async move { pool.get().await }).await.unwrap_or(Err(PoolError::Closed))
    }

    /// Lends no more, and closes every line; those that are lent, when they come back.
    pub(crate) async fn close(&self) {
        let idle = self.0.retain(|_, _| false);
        self.0.close();
        for connection in idle.removed {
            // Who hangs up needs no answer.
            let _ = connection.close().await;
        }
    }
}

/// Opens lines, and says which may be lent once more.
struct Opener {
    options: PgConnectOptions,
    breakage: Breakage,
}

impl Manager for Opener {
    type Type = PgConnection;
    type Error = sqlx::Error;

    async fn create(&self) -> Result<PgConnection, sqlx::Error> {
        // Large, and rare.
        let opened = tokio::time::timeout(CONNECT_TIMEOUT, Box::pin(self.options.connect())).await;
        opened.unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut).into()))
    }

    async fn recycle(&self, connection: &mut PgConnection, metrics: &Metrics) -> RecycleResult<sqlx::Error> {
        if metrics.age() < MAX_AGE && self.breakage.passes(connection, metrics.last_used()).await {
            return Ok(());
        }
        Err(RecycleError::message("too old, or broken"))
    }
}

/// One line, of whoever holds it.
pub(crate) struct PooledConnection {
    held: Option<Object<Opener>>,
    tainted: bool,
}

impl From<Object<Opener>> for PooledConnection {
    fn from(held: Object<Opener>) -> Self {
        Self { held: Some(held), tainted: false }
    }
}

impl PooledConnection {
    /// In doubt from now on.
    pub(crate) fn connection(&mut self) -> Result<&mut PgConnection, sqlx::Error> {
        self.tainted = true;
        self.held.as_deref_mut().ok_or(sqlx::Error::PoolClosed)
    }

    /// Outside of a transaction, after one statement: it went to its end, or the server itself said that it failed.
    pub(crate) fn judge<T>(&mut self, done: &Result<T, sqlx::Error>) {
        self.tainted = !matches!(done, Ok(_) | Err(sqlx::Error::Database(_)));
    }

    /// An error may mean that all lines are broken.
    pub(crate) fn note(&self, error: &sqlx::Error) {
        if let Some(pool) = self.held.as_ref().and_then(Object::pool) {
            pool.manager().breakage.note(error);
        }
    }
}

impl Drop for PooledConnection {
    fn drop(&mut self) {
        if let (true, Some(held)) = (self.tainted, self.held.take()) {
            drop(Object::take(held));
        }
    }
}
