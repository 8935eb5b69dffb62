//! The pool of PostgreSQL connections.
//!
//! A connection is tainted from the moment its user takes it until a statement on it ended well. A connection that
//! is dropped while tainted, in the middle of a statement or a transaction, is closed, and the server rolls back what
//! was not committed. So a connection that comes back needs no check. (The pool of sqlx checks at every return: one
//! more round trip and one more task for each statement.)

use std::{
    io,
    sync::Arc,
    time::{Duration, Instant},
};

use deadpool::{
    Status,
    managed::{Manager, Metrics, Object, Pool, PoolError, QueueMode, RecycleError, RecycleResult},
};
use sqlx::{ConnectOptions as _, Connection as _, PgConnection, postgres::PgConnectOptions};

use crate::{Timeouts, breakage::Breakage, error};

/// The time between two attempts to reach a server that refuses connections.
const RECONNECT_INTERVAL: Duration = Duration::from_millis(20);
/// Older connections are replaced: the server's memory for a connection grows, and servers move.
const MAX_AGE: Duration = Duration::from_mins(30);

/// Cheap to clone; all clones share the connections.
#[derive(Clone)]
pub(crate) struct ConnectionPool {
    pool: Pool<Opener, PooledConnection>,
    counted: Arc<tidegate_metrics::Metrics>,
}

impl ConnectionPool {
    /// A pool of at most `most` connections. One is opened now, so that a wrong address fails at the start.
    pub(crate) async fn open(
        options: PgConnectOptions,
        most: u32,
        timeouts: Timeouts,
        counted: Arc<tidegate_metrics::Metrics>,
    ) -> Result<Self, sqlx::Error> {
        let opener = Opener { options, timeouts, breakage: Breakage::none_yet() };
        let pool = Pool::builder(opener).max_size(usize::try_from(most).unwrap_or(usize::MAX));
        let pool = pool.queue_mode(QueueMode::Lifo).build();
        let pool = pool.map_err(|error| sqlx::Error::Configuration(Box::new(error)))?;
        let pool = Self { pool, counted };
        let first = tokio::time::timeout(timeouts.connect, pool.wait()).await;
        first.map_err(|_| sqlx::Error::PoolTimedOut)?.map(|_| pool)
    }

    pub(crate) async fn take(&self) -> Result<PooledConnection, sqlx::Error> {
        let (acquire, asked) = (self.pool.manager().timeouts.acquire, Instant::now());
        let taken = tokio::time::timeout(acquire, self.wait()).await;
        self.counted.waited_for_connection(asked.elapsed());
        taken.map_err(|_| sqlx::Error::PoolTimedOut)?
    }

    /// Connections in use, idle ones, and callers that wait for one.
    pub(crate) fn connections(&self) -> [usize; 3] {
        let Status { size, available, waiting, .. } = self.pool.status();
        [size.saturating_sub(available), available, waiting]
    }

    async fn wait(&self) -> Result<PooledConnection, sqlx::Error> {
        loop {
            match self.get().await {
                Ok(connection) => return Ok(connection),
                Err(PoolError::Backend(error)) if error::is_away(&error) => {
                    tokio::time::sleep(RECONNECT_INTERVAL).await;
                }
                Err(PoolError::Backend(error)) => return Err(error),
                Err(_) => return Err(sqlx::Error::PoolClosed),
            }
        }
    }

    /// A new connection is opened in a task of its own: a cancelled caller must not abort the attempt, or callers with
    /// short deadlines would starve the pool.
    async fn get(&self) -> Result<PooledConnection, PoolError<sqlx::Error>> {
        let Status { size, max_size, available, .. } = self.pool.status();
        if available > 0 || size >= max_size {
            return self.pool.get().await;
        }
        let pool = self.pool.clone();
        tokio::spawn(async move { pool.get().await }).await.unwrap_or(Err(PoolError::Closed))
    }

    /// Closes the idle connections now, and those in use when they are returned. Hands out no
    /// further connection.
    pub(crate) async fn close(&self) {
        let idle = self.pool.retain(|_, _| false);
        self.pool.close();
        for connection in idle.removed {
            // The connection is dropped, whatever the server answers.
            let _ = connection.close().await;
        }
    }
}

/// Opens connections, and decides which of them may be used again.
struct Opener {
    options: PgConnectOptions,
    timeouts: Timeouts,
    breakage: Breakage,
}

impl Manager for Opener {
    type Type = PgConnection;
    type Error = sqlx::Error;

    async fn create(&self) -> Result<PgConnection, sqlx::Error> {
        // Boxed, because this future is large and rarely made.
        let opened = tokio::time::timeout(self.timeouts.connect, Box::pin(self.options.connect())).await;
        opened.unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut).into()))
    }

    async fn recycle(&self, connection: &mut PgConnection, metrics: &Metrics) -> RecycleResult<sqlx::Error> {
        if metrics.age() < MAX_AGE && self.breakage.passes(connection, metrics.last_used()).await {
            return Ok(());
        }
        Err(RecycleError::message("too old, or broken"))
    }
}

/// One connection, for one user at a time.
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
    /// The connection, which is tainted from now on.
    pub(crate) fn connection(&mut self) -> Result<&mut PgConnection, sqlx::Error> {
        self.tainted = true;
        self.held.as_deref_mut().ok_or(sqlx::Error::PoolClosed)
    }

    /// Clears the taint after one statement outside of a transaction, if it succeeded or the server itself reported the
    /// failure: then the connection is in a known state.
    pub(crate) fn judge<T>(&mut self, done: &Result<T, sqlx::Error>) {
        self.tainted = !matches!(done, Ok(_) | Err(sqlx::Error::Database(_)));
    }

    /// Tells the pool of an error, which may mean that all its connections are broken.
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
