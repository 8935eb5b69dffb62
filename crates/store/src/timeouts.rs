//! How long the store waits before it gives up, so that no call waits without bound.

use std::{io, time::Duration};

/// The program's patience with a statement beyond the server's own.
const MARGIN: Duration = Duration::from_secs(1);

/// Each wait has its own bound. A wait that reaches its bound fails with `Error::Unavailable`: the caller may try
/// again, and nothing was changed. None may be zero; a bound of less than a millisecond counts as a millisecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// For a connection of the pool. While the server is away, the pool tries to reach it for as long.
    pub acquire: Duration,
    /// For PostgreSQL to accept a new connection. A store that is opened waits as long for a server that is away.
    pub connect: Duration,
    /// For a lock that another transaction holds: PostgreSQL's `lock_timeout`. On SQLite for the writer and for the write
    /// lock of another program, both together.
    pub lock: Duration,
    /// For one statement: PostgreSQL's `statement_timeout`. The program itself waits a second longer: a server that is
    /// stopped, or whose network swallows what is sent, does not count the time.
    pub statement: Duration,
    /// How long a transaction may keep its locks between two statements: PostgreSQL's
    /// `idle_in_transaction_session_timeout`. A replica that lost its network must not block the others.
    pub idle_in_transaction: Duration,
    /// How long queued answers wait for the answer that leads them. Nothing fails when it is over: the queue goes on
    /// without the leader, which waits for a lock.
    pub leader: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            acquire: Duration::from_secs(2),
            connect: Duration::from_secs(5),
            lock: Duration::from_secs(5),
            statement: Duration::from_secs(10),
            idle_in_transaction: Duration::from_secs(15),
            leader: Duration::from_millis(50),
        }
    }
}

impl Timeouts {
    /// As PostgreSQL's settings of a session.
    pub(crate) fn of_session(&self) -> [(&'static str, String); 3] {
        [
            ("idle_in_transaction_session_timeout", milliseconds(self.idle_in_transaction)),
            ("lock_timeout", milliseconds(self.lock)),
            ("statement_timeout", milliseconds(self.statement)),
        ]
        .map(|(name, value)| (name, format!("{value}ms")))
    }

    /// How long the program waits for the answer to one statement.
    pub(crate) const fn answer(&self) -> Duration {
        self.statement.saturating_add(MARGIN)
    }
}

/// Waits for an answer of the database no longer than this. An answer that does not come says nothing about whether the
/// statement was carried out, and its connection is in no known state.
pub(crate) async fn bounded<T>(
    bound: Duration,
    answer: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    if let Ok(answered) = tokio::time::timeout(bound, answer).await {
        return answered;
    }
    let what = format!("the database did not answer within {bound:?}");
    Err(io::Error::new(io::ErrorKind::TimedOut, what).into())
}

/// At least one: zero would mean that there is no bound. At most what PostgreSQL takes.
pub(crate) fn milliseconds(timeout: Duration) -> u128 {
    timeout.as_millis().clamp(1, u128::from(i32::MAX.unsigned_abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_timeout_of_a_session_is_switched_off() {
        let none = Timeouts { lock: Duration::ZERO, statement: Duration::MAX, ..Timeouts::default() };
        assert_eq!(none.of_session().map(|(_, value)| value), ["15000ms", "1ms", "2147483647ms"]);
    }
}
