//! Runs statements: the only file that tells the two engines apart.
//!
//! A `View` reads, a `Tx` reads and writes. Both belong to one realm and bind it as `$1` of every statement
//! themselves (INV-32). A statement that forgets its realm fails on PostgreSQL with "could not determine data type
//! of parameter $1"; a test prepares every statement to find such a one.

use std::time::Duration;

use sqlx::{Encode, Postgres, SqlitePool, Type, postgres::PgArguments, sqlite::SqliteArguments};
use tidegate_core::RealmId;

use crate::{
    Error, Timeouts,
    column::{Args, Column, Row, Unreadable},
    connection_pool::ConnectionPool,
    shares::{Place, Share, Shares},
    sqlite_writer::SqliteWriter,
    statement::{Select, Statement},
    timeouts::bounded,
    transaction_connection::TransactionConnection,
};

/// Where a statement runs.
pub(crate) enum Via {
    SqliteReaders(SqliteReaders, Share),
    /// For statements that contain their own transaction.
    SqliteWriter(SqliteWriter),
    Postgres(ConnectionPool, Share),
    Transaction(TransactionConnection),
}

impl Via {
    /// A transaction keeps the place that it has.
    fn sharing(self, share: Share) -> Self {
        match self {
            Self::SqliteReaders(readers, _) => Self::SqliteReaders(readers, share),
            Self::Postgres(pool, _) => Self::Postgres(pool, share),
            Self::SqliteWriter(_) | Self::Transaction(_) => self,
        }
    }
}

/// SQLite's connections that read. Cheap to clone; all clones are the same.
#[derive(Clone)]
pub(crate) struct SqliteReaders {
    pub(crate) pool: SqlitePool,
    shares: Shares,
    acquire: Duration,
    /// How long the answer to a statement is waited for. `None`: to its end.
    bound: Option<Duration>,
}

impl SqliteReaders {
    pub(crate) fn new(pool: SqlitePool, connections: u32, timeouts: &Timeouts) -> Self {
        let (shares, bound) = (Shares::of(connections), Some(timeouts.answer()));
        Self { pool, shares, acquire: timeouts.acquire, bound }
    }

    /// The same, for statements that may read the whole file.
    pub(crate) fn unbounded(self) -> Self {
        Self { bound: None, ..self }
    }

    async fn enter(&self, share: Share) -> Result<Place, sqlx::Error> {
        let entered = tokio::time::timeout(self.acquire, self.shares.enter(share, false)).await;
        entered.map_err(|_| sqlx::Error::PoolTimedOut)?
    }

    /// The pool's own wait for a connection is bounded beside the statement's.
    fn bound(&self) -> Duration {
        self.bound.map_or(Duration::MAX, |bound| bound.saturating_add(self.acquire))
    }
}

/// Reads of one realm. Each statement takes a connection for itself, so a view that is kept around holds none and
/// cannot starve a transaction.
pub struct View {
    pub(crate) via: Via,
    pub(crate) realm: RealmId,
    pub(crate) name: &'static str,
}

/// Reads of no particular realm: to find the credential that names one, to list realms, and for
/// workers that serve all of them.
pub struct Across {
    pub(crate) via: Via,
    pub(crate) name: &'static str,
}

/// A row that is read as a value. Table and key name it in an error when it cannot be read.
pub(crate) trait Record: Sized {
    const TABLE: &'static str;
    const KEY: &'static str;
    fn read(row: &Row) -> Result<Self, Unreadable>;
}

impl View {
    pub fn realm(&self) -> RealmId {
        self.realm
    }
    /// The same, for work of this kind.
    #[must_use]
    pub fn sharing(self, share: Share) -> Self {
        Self { via: self.via.sharing(share), ..self }
    }
    pub(crate) fn select(&mut self, statement: Select) -> Query<'_> {
        Query::new(&mut self.via, self.name, statement.0).bind(self.realm)
    }
}

impl Across {
    /// The same, for work of this kind.
    #[must_use]
    pub fn sharing(self, share: Share) -> Self {
        Self { via: self.via.sharing(share), ..self }
    }
    pub(crate) fn select(&mut self, statement: Select) -> Query<'_> {
        Query::new(&mut self.via, self.name, statement.0)
    }
}

pub(crate) struct Query<'v> {
    via: &'v mut Via,
    name: &'static str,
    sql: Statement,
    args: Result<Args, sqlx::Error>,
    /// The statement commits by itself.
    autocommit: bool,
    /// SQLite commits without waiting for fsync.
    deferred_sync: bool,
    /// `bind_each` binds the value of a single item, and no array.
    single: bool,
}

/// Runs one sqlx call on a PostgreSQL connection, and notes its error.
macro_rules! on_pooled {
    ($connection:ident, $query:expr, $call:ident) => {{
        let bound = $connection.bound();
        let query = $query.persistent($connection.keeps_statements());
        let done = match $connection.connection() {
            Ok(connection) => bounded(bound, query.$call(connection)).await,
            Err(error) => Err(error),
        };
        done.inspect_err(|error| $connection.note(error))
    }};
}

/// Runs one sqlx call on the query's connection, and wraps its result.
macro_rules! on {
    ($query:ident, $call:ident, $sqlite:expr, $postgres:expr) => {{
        let args = $query.args.map_err(|source| Error::of($query.name, source))?;
        let done = match ($query.via, args) {
            (Via::SqliteReaders(readers, share), Args::Sqlite(args)) => match readers.enter(*share).await {
                Ok(_place) => {
                    let query = sqlx::query_with($query.sql.sqlite, args);
                    bounded(readers.bound(), query.$call(&readers.pool)).await.map($sqlite)
                }
                Err(error) => Err(error),
            },
            (Via::Transaction(TransactionConnection::Sqlite(writer)), Args::Sqlite(args)) => {
                let bound = writer.bound();
                match writer.connection() {
                    Ok(connection) => {
                        let query = sqlx::query_with($query.sql.sqlite, args);
                        bounded(bound, query.$call(connection)).await.map($sqlite)
                    }
                    Err(error) => Err(error),
                }
            }
            (Via::SqliteWriter(writer), Args::Sqlite(args)) => {
                match writer.lock($query.deferred_sync).await {
                    Ok(mut writer) => {
                        // SQLite applies this pragma when the text is prepared, so it must not be cached.
                        let query =
                            sqlx::query_with($query.sql.sqlite, args).persistent(!$query.deferred_sync);
                        let bound = writer.bound();
                        let done = match writer.connection() {
                            Ok(connection) => bounded(bound, query.$call(connection)).await,
                            Err(error) => Err(error),
                        };
                        writer.judge(done).map($sqlite)
                    }
                    Err(error) => Err(error),
                }
            }
            (Via::Postgres(pool, share), Args::Postgres(args)) => {
                match pool.take_for_statement(*share, $query.autocommit).await {
                    Ok(mut connection) => {
                        let done = on_pooled!(connection, sqlx::query_with($query.sql.postgres, args), $call);
                        let done = connection.finish(done).await;
                        connection.judge(&done);
                        done.map($postgres)
                    }
                    Err(error) => Err(error),
                }
            }
            (Via::Transaction(TransactionConnection::Postgres(connection)), Args::Postgres(args)) => {
                on_pooled!(connection, sqlx::query_with($query.sql.postgres, args), $call).map($postgres)
            }
            _ => Err(sqlx::Error::Protocol("arguments of another engine".into())),
        };
        done.map_err(|source| {
            if $query.autocommit {
                Error::of_autocommit($query.name, source)
            } else {
                Error::of($query.name, source)
            }
        })
    }};
}

impl<'v> Query<'v> {
    pub(crate) fn new(via: &'v mut Via, name: &'static str, sql: Statement) -> Self {
        let args = match via {
            Via::SqliteReaders(..)
            | Via::SqliteWriter(_)
            | Via::Transaction(TransactionConnection::Sqlite(_)) => Args::Sqlite(SqliteArguments::default()),
            Via::Postgres(..) | Via::Transaction(TransactionConnection::Postgres(_)) => {
                Args::Postgres(PgArguments::default())
            }
        };
        Self { via, name, sql, args: Ok(args), autocommit: false, deferred_sync: false, single: false }
    }

    /// Marks a statement that commits by itself: an outage may hide that it was done.
    pub(crate) fn autocommit(self) -> Self {
        Self { autocommit: true, ..self }
    }

    /// The statement is about a single item, whose values are bound without arrays.
    pub(crate) fn single(self) -> Self {
        Self { single: true, ..self }
    }

    /// Commits without waiting for fsync on SQLite; the next commit that waits flushes this one too.
    pub(crate) fn deferred_sync(self) -> Self {
        Self { deferred_sync: true, ..self }
    }

    pub(crate) fn bind(mut self, value: impl Column) -> Self {
        self.args = self.args.and_then(|mut args| {
            args.add(value).map_err(sqlx::Error::Encode)?;
            Ok(args)
        });
        self
    }

    /// Binds one value of each item: as an array, or by itself in a statement about a single item.
    pub(crate) fn bind_each<C: Column>(mut self, values: impl IntoIterator<Item = C>) -> Self
    where
        Vec<C::Postgres>: for<'q> Encode<'q, Postgres> + Type<Postgres>,
    {
        self.args = self.args.and_then(|mut args| {
            if self.single { args.add_only(values) } else { args.add_each(values) }
                .map_err(sqlx::Error::Encode)?;
            Ok(args)
        });
        self
    }

    /// How many rows the statement changed.
    pub(crate) async fn rows(self) -> Result<u64, Error> {
        on!(self, execute, |done| done.rows_affected(), |done| done.rows_affected())
    }

    /// Whether the statement changed its row: the result of a compare-and-set.
    pub(crate) async fn hit(self) -> Result<bool, Error> {
        Ok(self.rows().await? > 0)
    }

    /// The value of a statement that returns at most one row. Reads the result to its end: SQLite runs the later
    /// statements of a text only then, and an unread rest would disturb the next statement of the connection.
    pub(crate) async fn optional<R: Record>(self) -> Result<Option<R>, Error> {
        Ok(self.all().await?.pop())
    }

    pub(crate) async fn all<R: Record>(self) -> Result<Vec<R>, Error> {
        let rows: Vec<Row> =
            on!(self, fetch_all, |rows| rows.into_iter().map(Row::Sqlite).collect(), |rows| rows
                .into_iter()
                .map(Row::Postgres)
                .collect())?;
        rows.iter().map(read).collect()
    }
}

fn read<R: Record>(row: &Row) -> Result<R, Error> {
    R::read(row).map_err(|unreadable| {
        let key = row.key(R::KEY).unwrap_or_else(|| "a row without key".to_owned());
        if unreadable.is_newer() {
            return Error::NewerDocument { table: R::TABLE, key };
        }
        let Unreadable { column, source } = unreadable;
        Error::Inconsistent { table: R::TABLE, column, key, source }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Pooler, Settings, Store, open::Db};

    /// The readers of SQLite are shared out as the connections of PostgreSQL are.
    #[tokio::test]
    async fn lists_leave_readers_to_what_is_urgent() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("tidegate.db").display());
        let (timeouts, pooler) = (Timeouts::default(), Pooler::None);
        let store = Store::open(&Settings { url, connections: 4, timeouts, pooler }).await.unwrap();
        let Db::Sqlite { read, .. } = &store.db else { panic!("not SQLite") };
        // What is free is had at once, and the rest never.
        let hasty = Timeouts { acquire: Duration::from_millis(1), ..timeouts };
        let read = SqliteReaders::new(read.pool.clone(), 4, &hasty);
        let held = read.enter(Share::Bulk).await.unwrap();
        assert!(matches!(read.enter(Share::Bulk).await, Err(sqlx::Error::PoolTimedOut)));
        let other = read.enter(Share::Ordinary).await.unwrap();
        assert!(matches!(read.enter(Share::Ordinary).await, Err(sqlx::Error::PoolTimedOut)));
        read.enter(Share::Hot).await.unwrap();
        drop((held, other));
        read.enter(Share::Bulk).await.unwrap();
    }
}
