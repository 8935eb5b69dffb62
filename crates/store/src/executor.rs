//! Runs statements: the only file that tells the two engines apart.
//!
//! A `View` reads, a `Tx` reads and writes; both belong to one realm, and bind it as `$1` of every
//! statement themselves. A statement that forgets its realm does not get past PostgreSQL's
//! "could not determine data type of parameter $1", which the test of all statements asks for.

use std::sync::Arc;

use sqlx::{Encode, Postgres, SqlitePool, Type, postgres::PgArguments, sqlite::SqliteArguments};
use tidegate_core::RealmId;
use tokio::sync::Mutex;

use crate::{
    Error,
    column::{Args, Column, Row, Unreadable},
    connection_pool::ConnectionPool,
    statement::{Select, Statement},
    transaction_connection::{self, TransactionConnection, Writer},
};

/// Where a statement runs.
pub(crate) enum Via {
    SqlitePool(SqlitePool),
    /// For what brings its own transaction.
    SqliteWriter(Arc<Mutex<Writer>>),
    Postgres(ConnectionPool),
    Transaction(TransactionConnection),
}

/// Reads of one realm. Each statement borrows a connection for itself, so a view that is kept
/// around holds nothing and cannot starve a transaction.
pub struct View {
    pub(crate) via: Via,
    pub(crate) realm: RealmId,
    pub(crate) name: &'static str,
}

/// Reads of no particular realm: finding the credential that names one, listing realms, and workers
/// that serve all of them.
pub struct Across {
    pub(crate) via: Via,
    pub(crate) name: &'static str,
}

/// A row that can be read as a value, and says what it is when it cannot.
pub(crate) trait Record: Sized {
    const TABLE: &'static str;
    const KEY: &'static str;
    fn read(row: &Row) -> Result<Self, Unreadable>;
}

impl View {
    pub fn realm(&self) -> RealmId {
        self.realm
    }
    pub(crate) fn select(&mut self, statement: Select) -> Query<'_> {
        Query::new(&mut self.via, self.name, statement.0).bind(self.realm)
    }
}

impl Across {
    pub(crate) fn select(&mut self, statement: Select) -> Query<'_> {
        Query::new(&mut self.via, self.name, statement.0)
    }
}

pub(crate) struct Query<'v> {
    via: &'v mut Via,
    name: &'static str,
    sql: Statement,
    args: Result<Args, sqlx::Error>,
    /// It commits by itself.
    autocommit: bool,
    /// And SQLite does not wait for the disk.
    deferred_sync: bool,
}

/// Runs one sqlx call on a line.
macro_rules! on_pooled {
    ($connection:ident, $query:expr, $call:ident) => {{
        let done = match $connection.connection() {
            Ok(connection) => $query.$call(connection).await,
            Err(error) => Err(error),
        };
        done.inspect_err(|error| $connection.note(error))
    }};
}

/// Runs one sqlx call on whichever connection there is, and wraps what it returns.
macro_rules! on {
    ($query:ident, $call:ident, $sqlite:expr, $postgres:expr) => {{
        let args = $query.args.map_err(|source| Error::of($query.name, source))?;
        let done = match ($query.via, args) {
            (Via::SqlitePool(pool), Args::Sqlite(args)) => {
                sqlx::query_with($query.sql.sqlite, args).$call(&*pool).await.map($sqlite)
            }
            (Via::Transaction(TransactionConnection::Sqlite(writer)), Args::Sqlite(args)) => {
                sqlx::query_with($query.sql.sqlite, args).$call(&mut writer.connection).await.map($sqlite)
            }
            (Via::SqliteWriter(writer), Args::Sqlite(args)) => {
                match transaction_connection::lock_writer(writer, $query.deferred_sync).await {
                    Ok(mut writer) => {
                        // A pragma acts when it is prepared, so it has to be prepared each time.
                        let query =
                            sqlx::query_with($query.sql.sqlite, args).persistent(!$query.deferred_sync);
                        let done = query.$call(&mut writer.connection).await;
                        writer.judge(&done);
                        done.map($sqlite)
                    }
                    Err(error) => Err(error),
                }
            }
            (Via::Postgres(pool), Args::Postgres(args)) => match pool.take().await {
                Ok(mut connection) => {
                    let done = on_pooled!(connection, sqlx::query_with($query.sql.postgres, args), $call);
                    connection.judge(&done);
                    done.map($postgres)
                }
                Err(error) => Err(error),
            },
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
            Via::SqlitePool(_)
            | Via::SqliteWriter(_)
            | Via::Transaction(TransactionConnection::Sqlite(_)) => Args::Sqlite(SqliteArguments::default()),
            Via::Postgres(_) | Via::Transaction(TransactionConnection::Postgres(_)) => {
                Args::Postgres(PgArguments::default())
            }
        };
        Self { via, name, sql, args: Ok(args), autocommit: false, deferred_sync: false }
    }

    /// An error may then hide that it was done.
    pub(crate) fn autocommit(self) -> Self {
        Self { autocommit: true, ..self }
    }

    /// What it writes reaches the disk with the next transaction.
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

    /// A value of each of several, as a list; PostgreSQL alone has them.
    pub(crate) fn bind_each<C: Column>(mut self, values: impl IntoIterator<Item = C>) -> Self
    where
        Vec<C::Postgres>: for<'q> Encode<'q, Postgres> + Type<Postgres>,
    {
        self.args = self.args.and_then(|mut args| {
            args.add_each(values).map_err(sqlx::Error::Encode)?;
            Ok(args)
        });
        self
    }

    /// How many rows it changed.
    pub(crate) async fn rows(self) -> Result<u64, Error> {
        on!(self, execute, |done| done.rows_affected(), |done| done.rows_affected())
    }

    /// Whether it changed its row: the answer of a compare-and-set.
    pub(crate) async fn hit(self) -> Result<bool, Error> {
        Ok(self.rows().await? > 0)
    }

    /// Of at most one row. Reads to the end, so that nothing of a deed is left out, and nothing of this
    /// statement left for the next one on its connection.
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
    R::read(row).map_err(|Unreadable { column, source }| {
        let key = row.key(R::KEY).unwrap_or_else(|| "a row without key".to_owned());
        Error::Inconsistent { table: R::TABLE, column, key, source }
    })
}
