//! The pool of PostgreSQL connections.
//!
//! A connection is tainted from the moment its user takes it until a statement on it ended well. A connection that
//! is dropped while tainted, in the middle of a statement or a transaction, is closed, and the server rolls back what
//! was not committed. So a connection that comes back needs no check. (The pool of sqlx checks at every return: one
//! more round trip and one more task for each statement.)
//!
//! A server that does not answer is given up after `Timeouts::answer`: the connection stays tainted and is closed, and the
//! others are pinged before they are used again.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use deadpool::{
    Status,
    managed::{Manager, Metrics, Object, Pool, PoolError, QueueMode, RecycleError, RecycleResult},
};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, error::DatabaseError};
use tidegate_core::RealmId;

use crate::{
    Pooler, Timeouts,
    breakage::Breakage,
    connect_failure::{self, ConnectFailure},
    open::Settings,
    postgres_servers::Servers,
    shares::{Place, Share, Shares},
    timeouts::bounded,
};

/// Older connections are replaced: the server's memory for a connection grows, and servers move.
const MAX_AGE: Duration = Duration::from_mins(30);
/// PostgreSQL's code of a write on a server or in a transaction that is read-only.
const READ_ONLY: &str = "25006";

/// Cheap to clone; all clones share the connections.
#[derive(Clone)]
pub(crate) struct ConnectionPool {
    pool: Pool<Opener, PooledConnection>,
    shares: Shares,
    /// Callers that wait for a place in their share.
    waiting: Arc<AtomicUsize>,
    counted: Arc<tidegate_metrics::Metrics>,
    /// Whether callers wait for a server that refuses connections. One that asks whether it is there does not.
    patient: bool,
}

/// Counts one that waits.
struct WaitingForPlace<'w>(&'w AtomicUsize);

impl<'w> WaitingForPlace<'w> {
    fn among(waiting: &'w AtomicUsize) -> Self {
        waiting.fetch_add(1, Ordering::Relaxed);
        Self(waiting)
    }
}

impl Drop for WaitingForPlace<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl ConnectionPool {
    /// A pool of at most `settings.connections`. None is open yet.
    pub(crate) fn new(
        servers: Servers,
        settings: &Settings,
        counted: Arc<tidegate_metrics::Metrics>,
    ) -> Result<Self, sqlx::Error> {
        let pool = Pool::builder(Opener::new(servers, settings.pooler, settings.timeouts))
            .queue_mode(QueueMode::Lifo);
        let pool = pool.max_size(usize::try_from(settings.connections).unwrap_or(usize::MAX)).build();
        let pool = pool.map_err(|error| sqlx::Error::Configuration(Box::new(error)))?;
        let shares = Shares::of(settings.connections);
        Ok(Self { pool, shares, waiting: Arc::default(), counted, patient: true })
    }

    /// Another pool to the same servers, of one connection, which fails at once where they refuse it.
    /// The server itself ends what takes longer than `within`, so that nothing is left behind there.
    pub(crate) fn apart(&self, within: Duration) -> Self {
        let Opener { servers, pooler, timeouts, .. } = self.pool.manager();
        let timeouts =
            Timeouts { acquire: within, connect: within, lock: within, statement: within, ..*timeouts };
        // The last of two settings with one name counts.
        let opener = Opener::new(servers.again(), *pooler, timeouts);
        // Only timeouts that need a runtime make a builder fail, and there are none.
        let pool = Pool::builder(opener).max_size(1).build().unwrap_or_else(|_| self.pool.clone());
        let (shares, waiting, counted) = (Shares::of(1), Arc::default(), self.counted.clone());
        Self { pool, shares, waiting, counted, patient: false }
    }

    /// Opens a connection now, so that a wrong address fails at the start. Waits for a server that is away.
    pub(crate) async fn open_one(&self, within: Duration) -> Result<(), sqlx::Error> {
        tokio::time::timeout(within, self.wait()).await.map_err(|_| self.timed_out())?.map(drop)
    }

    /// How often a connection broke, or led to another server than before.
    pub(crate) fn breaks(&self) -> u64 {
        let opener = self.pool.manager();
        opener.breakage.count().saturating_add(opener.servers.doubts_raised())
    }

    /// Why no connection can be opened at the moment.
    pub(crate) fn failure(&self) -> Option<ConnectFailure> {
        self.pool.manager().servers.failure()
    }

    /// From now on only connections to this installation's database are used.
    pub(crate) fn serve_only(&self, installation: RealmId) {
        self.pool.manager().servers.serve_only(installation);
    }

    pub(crate) async fn take(&self, share: Share, writes: bool) -> Result<PooledConnection, sqlx::Error> {
        let (acquire, asked) = (self.pool.manager().timeouts.acquire, Instant::now());
        let taken = tokio::time::timeout(acquire, self.take_place(share, writes)).await;
        self.counted.waited_for_connection(asked.elapsed());
        taken.map_err(|_| self.timed_out())?
    }

    /// The same for a statement that is a transaction of its own. A pooler may run what belongs together on several
    /// connections to the server, unless a transaction is around it.
    pub(crate) async fn take_for_statement(
        &self,
        share: Share,
        writes: bool,
    ) -> Result<PooledConnection, sqlx::Error> {
        let mut connection = self.take(share, writes).await?;
        if self.pool.manager().pooler == Pooler::Transaction {
            connection.begin().await?;
            connection.is_wrapped = true;
        }
        Ok(connection)
    }

    /// Why no connection can be opened, or that all are in use.
    fn timed_out(&self) -> sqlx::Error {
        self.failure().map_or(sqlx::Error::PoolTimedOut, sqlx::Error::from)
    }

    async fn take_place(&self, share: Share, writes: bool) -> Result<PooledConnection, sqlx::Error> {
        let waiting = WaitingForPlace::among(&self.waiting);
        let place = self.shares.enter(share, writes).await?;
        drop(waiting);
        let mut connection = self.wait().await?;
        connection.place = Some(place);
        Ok(connection)
    }

    /// Connections in use, idle ones, and callers that wait for one.
    pub(crate) fn connections(&self) -> [usize; 3] {
        let Status { size, available, waiting, .. } = self.pool.status();
        let for_a_place = self.waiting.load(Ordering::Relaxed);
        [size.saturating_sub(available), available, waiting.saturating_add(for_a_place)]
    }

    async fn wait(&self) -> Result<PooledConnection, sqlx::Error> {
        loop {
            match self.get().await {
                Ok(connection) => return Ok(connection),
                Err(PoolError::Backend(error)) => match connect_failure::again(&error) {
                    Some(interval) if self.patient => tokio::time::sleep(interval).await,
                    _ => return Err(error),
                },
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
            // The connection is dropped, whatever the server answers, and also if it does not.
            let _ = bounded(self.pool.manager().timeouts.acquire, connection.close()).await;
        }
    }
}

/// Opens connections, and decides which of them may be used again.
struct Opener {
    servers: Servers,
    pooler: Pooler,
    /// Begins a transaction.
    begin: String,
    timeouts: Timeouts,
    breakage: Breakage,
}

impl Opener {
    fn new(servers: Servers, pooler: Pooler, timeouts: Timeouts) -> Self {
        let servers = servers.with(|options| match pooler {
            Pooler::None => options.options(timeouts.of_session()),
            // It refuses options that it does not know, and hands connections on with the statements of others.
            Pooler::Transaction => options.extra_float_digits(None).statement_cache_capacity(0),
        });
        let begin = match pooler {
            Pooler::None => "BEGIN".to_owned(),
            Pooler::Transaction => {
                timeouts.of_session().iter().fold("BEGIN".to_owned(), |begin, (name, value)| {
                    format!("{begin}; SET LOCAL {name} = '{value}'")
                })
            }
        };
        Self { servers, pooler, begin, timeouts, breakage: Breakage::none_yet() }
    }
}

impl Manager for Opener {
    type Type = PgConnection;
    type Error = sqlx::Error;

    async fn create(&self) -> Result<PgConnection, sqlx::Error> {
        self.servers.connect(self.timeouts.connect).await
    }

    async fn recycle(&self, connection: &mut PgConnection, metrics: &Metrics) -> RecycleResult<sqlx::Error> {
        let is_trusted = metrics.age() < MAX_AGE && !self.servers.doubts(metrics.created);
        let patience = self.timeouts.acquire;
        if is_trusted && self.breakage.passes(connection, metrics.last_used(), patience).await {
            return Ok(());
        }
        Err(RecycleError::message("too old, in doubt, or broken"))
    }
}

/// One connection, for one user at a time.
pub(crate) struct PooledConnection {
    held: Option<Object<Opener>>,
    tainted: bool,
    /// A transaction was begun around the one statement.
    is_wrapped: bool,
    /// Declared after the connection, so that it is given back later.
    place: Option<Place>,
}

impl From<Object<Opener>> for PooledConnection {
    fn from(held: Object<Opener>) -> Self {
        Self { held: Some(held), tainted: false, is_wrapped: false, place: None }
    }
}

impl PooledConnection {
    /// The connection, which is tainted from now on.
    pub(crate) fn connection(&mut self) -> Result<&mut PgConnection, sqlx::Error> {
        self.tainted = true;
        self.held.as_deref_mut().ok_or(sqlx::Error::PoolClosed)
    }

    /// Begins a transaction.
    pub(crate) async fn begin(&mut self) -> Result<(), sqlx::Error> {
        let begin = self.held.as_ref().and_then(Object::pool).map(|pool| pool.manager().begin.clone());
        // The text is made of constants and numbers.
        let text = sqlx::raw_sql(AssertSqlSafe(begin.ok_or(sqlx::Error::PoolClosed)?));
        let done = bounded(self.bound(), text.execute(self.connection()?)).await;
        done.map(drop).inspect_err(|error| self.note(error))
    }

    /// Ends the transaction around one statement, if there is one.
    pub(crate) async fn finish<T>(&mut self, done: Result<T, sqlx::Error>) -> Result<T, sqlx::Error> {
        if !std::mem::take(&mut self.is_wrapped) {
            return done;
        }
        let (bound, end) = (self.bound(), if done.is_ok() { "COMMIT" } else { "ROLLBACK" });
        let ended = match self.connection() {
            Ok(connection) => bounded(bound, sqlx::raw_sql(end).execute(connection)).await.map(drop),
            Err(error) => Err(error),
        };
        if let Err(error) = &ended {
            self.note(error);
            // In an unknown state, whatever the statement's own result says of it.
            self.held.take().map(Object::take);
        }
        let value = done?;
        ended.map(|()| value)
    }

    /// Whether a statement that was prepared once is known to the connection later.
    pub(crate) fn keeps_statements(&self) -> bool {
        let pool = self.held.as_ref().and_then(Object::pool);
        pool.is_some_and(|pool| pool.manager().pooler == Pooler::None)
    }

    /// How long the answer to a statement is waited for.
    pub(crate) fn bound(&self) -> Duration {
        let pool = self.held.as_ref().and_then(Object::pool);
        pool.map_or(Duration::ZERO, |pool| pool.manager().timeouts.answer())
    }

    /// Clears the taint after one statement outside of a transaction, if it succeeded or the server itself reported the
    /// failure: then the connection is in a known state.
    pub(crate) fn judge<T>(&mut self, done: &Result<T, sqlx::Error>) {
        self.tainted = !matches!(done, Ok(_) | Err(sqlx::Error::Database(_)));
    }

    /// Tells the pool of an error, which may mean that all its connections are broken, or lead to a server that is the
    /// primary no more.
    pub(crate) fn note(&self, error: &sqlx::Error) {
        let Some(pool) = self.held.as_ref().and_then(Object::pool) else { return };
        pool.manager().breakage.note(error);
        if error.as_database_error().and_then(DatabaseError::code).as_deref() == Some(READ_ONLY) {
            pool.manager().servers.cannot_write();
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
