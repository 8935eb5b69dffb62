//! The servers that an address names: a new connection is used only if it leads to the primary, and to the database that
//! is served.
//!
//! A stand-by has lost what was not replicated yet, such as the end of a session, so nothing is read from it. After a
//! fail-over the old primary may still be there. It is known by its timeline: PostgreSQL gives a new number to each
//! promotion.

use std::{
    fmt, io,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use sqlx::{
    ConnectOptions as _, PgConnection, Row as _,
    postgres::{PgConnectOptions, PgRow},
};
use tidegate_core::RealmId;
use uuid::Uuid;

use crate::{connect_failure::ConnectFailure, postgres_url::Server};

/// Whether every connection leads to a server of PostgreSQL, or to a pooler between.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pooler {
    #[default]
    None,
    /// Each transaction may run on another connection to the server (`pool_mode = transaction` of PgBouncer): nothing of a
    /// session is used.
    Transaction,
}

/// Why a connection that was opened is not used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unfit {
    Standby,
    /// An old primary, after a fail-over.
    Behind,
    /// The database is not the one that is served.
    Foreign,
    Encoding(String),
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Standby => f.write_str(
                "the server is a standby (it is in recovery): nothing can be written. Name the primary, or promote this one",
            ),
            Self::Behind => f.write_str(
                "the server is an old primary: another one was promoted since. Shut it down, or name the new one",
            ),
            Self::Foreign => f.write_str(
                "the database is another one than the one that is served. Restart the program if that is intended",
            ),
            Self::Encoding(encoding) => write!(
                f,
                "the database has the encoding {encoding}, so names in other scripts cannot be stored. Make one with \
                 CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0"
            ),
        }
    }
}

impl std::error::Error for Unfit {}

impl Unfit {
    /// Whether another attempt may find a server that is fit.
    pub(crate) const fn may_pass(&self) -> bool {
        matches!(self, Self::Standby | Self::Behind)
    }
}

impl From<Unfit> for sqlx::Error {
    fn from(unfit: Unfit) -> Self {
        io::Error::other(unfit).into()
    }
}

pub(crate) struct Servers {
    list: Vec<Server>,
    /// The place of the one that was the primary last.
    primary: AtomicUsize,
    /// Connections to a server of any kind are used.
    of_any_kind: bool,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    /// The installation that is served, once it is known.
    installation: Option<RealmId>,
    cluster: Option<Cluster>,
    /// No connection is used that was opened until then.
    doubted: Option<Instant>,
    doubts: u64,
    /// Why no connection could be opened, since one was.
    failure: Option<ConnectFailure>,
}

/// Whose data a server has, and how often it was promoted.
#[derive(Clone, PartialEq, Eq)]
struct Cluster {
    system: String,
    timeline: i64,
}

/// The least time between two times that all connections are opened anew because none can write. The server may stay
/// read-only for long.
const DOUBT_INTERVAL: Duration = Duration::from_secs(1);

const KIND: &str = "SELECT current_setting('server_encoding') AS encoding, pg_is_in_recovery() AS standby";
/// Services that only resemble PostgreSQL may not have these functions.
const CLUSTER: &str = "SELECT (SELECT system_identifier::text FROM pg_control_system()) AS system, \
    ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int8 AS timeline";
const INSTALLATION: &str = "SELECT first_realm_id AS realm FROM installation";

impl Servers {
    pub(crate) fn new(list: Vec<Server>) -> Self {
        Self { list, primary: AtomicUsize::new(0), of_any_kind: false, seen: Mutex::default() }
    }

    /// The same, whatever kind of server they are.
    pub(crate) fn of_any_kind(self) -> Self {
        Self { of_any_kind: true, ..self }
    }

    /// The same list, of which nothing is known yet.
    pub(crate) fn again(&self) -> Self {
        Self { of_any_kind: self.of_any_kind, ..Self::new(self.list.clone()) }
    }

    /// The same with other options.
    pub(crate) fn with(mut self, change: impl Fn(PgConnectOptions) -> PgConnectOptions) -> Self {
        for server in &mut self.list {
            server.options = change(server.options.clone());
        }
        self
    }

    /// From now on only connections to this installation's database are used.
    pub(crate) fn serve_only(&self, installation: RealmId) {
        self.seen().installation = Some(installation);
    }

    /// Why no connection can be opened at the moment.
    pub(crate) fn failure(&self) -> Option<ConnectFailure> {
        self.seen().failure.clone()
    }

    /// Whether the connection may lead to a server that is the primary no more.
    pub(crate) fn doubts(&self, opened: Instant) -> bool {
        self.seen().doubted.is_some_and(|doubted| opened <= doubted)
    }

    /// A server said that it is read-only. No connection is used any more that is as old: it leads to the same server.
    pub(crate) fn cannot_write(&self) {
        let mut seen = self.seen();
        if seen.doubted.is_none_or(|doubted| doubted.elapsed() >= DOUBT_INTERVAL) {
            seen.doubt();
        }
    }

    /// How often connections were put in doubt.
    pub(crate) fn doubts_raised(&self) -> u64 {
        self.seen().doubts
    }

    /// Opens a connection to the primary, which may be any of the servers.
    pub(crate) async fn connect(&self, within: Duration) -> Result<PgConnection, sqlx::Error> {
        let first = self.primary.load(Ordering::Relaxed);
        let mut failed: Option<(ConnectFailure, sqlx::Error)> = None;
        for (at, server) in self.list.iter().enumerate().cycle().skip(first).take(self.list.len()) {
            // Boxed, because this future is large and rarely made.
            let opened = tokio::time::timeout(within, Box::pin(self.open(server))).await;
            match opened.unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut).into())) {
                Ok(connection) => {
                    self.primary.store(at, Ordering::Relaxed);
                    self.seen().failure = None;
                    return Ok(connection);
                }
                Err(error) => {
                    let failure = ConnectFailure::of(&server.name, &error);
                    // Of several, the one is told that may pass: the call waits for it.
                    if failed.as_ref().is_none_or(|(worst, _)| !worst.may_pass()) {
                        failed = Some((failure, error));
                    }
                }
            }
        }
        let (failure, error) = failed.unwrap_or_else(|| {
            let error = sqlx::Error::PoolClosed;
            (ConnectFailure::of("", &error), error)
        });
        tracing::warn!(class = "DATABASE", error = %failure, "no connection to the database can be opened");
        self.seen().failure = Some(failure);
        Err(error)
    }

    async fn open(&self, server: &Server) -> Result<PgConnection, sqlx::Error> {
        let mut connection = server.options.connect().await?;
        if self.of_any_kind {
            return Ok(connection);
        }
        let kind = sqlx::raw_sql(KIND).fetch_one(&mut connection).await?;
        let encoding: String = kind.try_get("encoding")?;
        if encoding != "UTF8" {
            return Err(Unfit::Encoding(encoding).into());
        }
        if kind.try_get("standby")? {
            return Err(Unfit::Standby.into());
        }
        match sqlx::raw_sql(CLUSTER).fetch_one(&mut connection).await {
            Ok(row) => self.compare(cluster(&row)?)?,
            Err(sqlx::Error::Database(_)) => {}
            Err(error) => return Err(error),
        }
        let expected = self.seen().installation;
        if let Some(expected) = expected {
            let found = match sqlx::raw_sql(INSTALLATION).fetch_optional(&mut connection).await {
                Ok(row) => row.map(|row| row.try_get::<Uuid, _>("realm")).transpose()?,
                // There is no such table, or the user may not read it.
                Err(sqlx::Error::Database(error)) if is_missing(error.code().as_deref()) => None,
                Err(error) => return Err(error),
            };
            if found != Some(expected.uuid()) {
                return Err(Unfit::Foreign.into());
            }
        }
        Ok(connection)
    }

    /// Compares a server with the one of before. A newer one puts the connections of before in doubt.
    fn compare(&self, cluster: Cluster) -> Result<(), Unfit> {
        let mut seen = self.seen();
        match &seen.cluster {
            Some(known) if *known == cluster => return Ok(()),
            Some(known) if known.system == cluster.system && known.timeline > cluster.timeline => {
                return Err(Unfit::Behind);
            }
            Some(_) => {
                tracing::warn!(
                    timeline = cluster.timeline,
                    "the database is served by another server than before"
                );
                seen.doubt();
            }
            None => {}
        }
        seen.cluster = Some(cluster);
        Ok(())
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    fn doubt(&mut self) {
        (self.doubted, self.doubts) = (Some(Instant::now()), self.doubts.saturating_add(1));
    }
}

fn cluster(row: &PgRow) -> Result<Cluster, sqlx::Error> {
    Ok(Cluster { system: row.try_get("system")?, timeline: row.try_get("timeline")? })
}

fn is_missing(code: Option<&str>) -> bool {
    matches!(code, Some("42P01" | "42703" | "42501"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster(system: &str, timeline: i64) -> Cluster {
        Cluster { system: system.to_owned(), timeline }
    }

    #[test]
    fn a_promotion_puts_older_connections_in_doubt_and_the_old_primary_is_not_used() {
        let servers = Servers::new(Vec::new());
        servers.compare(cluster("a", 1)).unwrap();
        servers.compare(cluster("a", 1)).unwrap();
        assert_eq!(servers.doubts_raised(), 0);
        servers.compare(cluster("a", 2)).unwrap();
        assert_eq!(servers.doubts_raised(), 1);
        assert_eq!(servers.compare(cluster("a", 1)), Err(Unfit::Behind));
        servers.compare(cluster("b", 1)).unwrap();
    }
}
