//! When a connection to PostgreSQL broke last. After a restart of the server every idle connection
//! is dead. So a connection that was not used since the last breakage is pinged before it is used.
//! Other connections are not.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use sqlx::{Connection as _, PgConnection};

use crate::timeouts::bounded;

pub(crate) struct Breakage {
    opened: Instant,
    /// Milliseconds after `opened`, plus one; zero for never.
    last: AtomicU64,
    /// How often a connection broke.
    count: AtomicU64,
}

impl Breakage {
    pub(crate) fn none_yet() -> Self {
        Self { opened: Instant::now(), last: AtomicU64::new(0), count: AtomicU64::new(0) }
    }

    pub(crate) fn note(&self, error: &sqlx::Error) {
        if matches!(error, sqlx::Error::Io(_) | sqlx::Error::Protocol(_)) || is_farewell(error) {
            self.last.store(self.millis().saturating_add(1), Ordering::Relaxed);
            self.count.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Whether a connection that was last used `ago` may be used again. Pings it if that is not
    /// certain; a connection that does not answer within `patience` may not.
    pub(crate) async fn passes(
        &self,
        connection: &mut PgConnection,
        ago: Duration,
        patience: Duration,
    ) -> bool {
        let last = self.last.load(Ordering::Relaxed);
        let since = Duration::from_millis(self.millis().saturating_sub(last.saturating_sub(1)));
        last == 0 || ago < since || bounded(patience, connection.ping()).await.is_ok()
    }

    fn millis(&self) -> u64 {
        u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// Whether the server announced that it closes the connection (PostgreSQL's class 57P).
fn is_farewell(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    matches!(code.as_deref(), Some("57P01" | "57P02" | "57P03" | "57P05"))
}
