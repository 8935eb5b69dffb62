//! What can go wrong with the database. "Not found" is no error: it is `Ok(None)`.

use crate::connect_failure::is_before_connection;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The engine cannot be reached, is shutting down, or has no connection left. Worth a retry.
    #[error("the database is not reachable")]
    Unavailable(#[source] sqlx::Error),
    /// The commit was sent and its answer was lost: it may or may not have happened.
    #[error("the database did not confirm the commit of {tx}")]
    Unconfirmed { tx: &'static str, source: sqlx::Error },
    /// A row that this version cannot read.
    #[error("{table}.{column} of {key} is unreadable")]
    Inconsistent { table: &'static str, column: &'static str, key: String, source: sqlx::Error },
    /// A newer version wrote the document: it has a field or a word that this version does not know. Deciding without
    /// it may decide something weaker (INV-44). Worth a retry: another replica may be newer.
    #[error("a newer version wrote the document {key} of {table}")]
    NewerDocument { table: &'static str, key: String },
    /// A statement failed that must not fail.
    #[error("a statement of {name} failed")]
    Statement { name: &'static str, source: sqlx::Error },
    /// A deadlock or a serialization failure: two transactions locked rows in different orders. A bug; worth one retry.
    #[error("a transaction of {name} was undone by the database")]
    Undone { name: &'static str, source: sqlx::Error },
}

impl Error {
    pub(crate) fn of(name: &'static str, source: sqlx::Error) -> Self {
        match &source {
            sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::Protocol(_) => Self::Unavailable(source),
            sqlx::Error::Database(error) => match error.code().as_deref() {
                Some(code) if is_outage(code) => Self::Unavailable(source),
                Some("40001" | "40P01") => Self::Undone { name, source },
                _ => Self::Statement { name, source },
            },
            _ => Self::Statement { name, source },
        }
    }

    /// The error of a statement that commits by itself: an outage may have hidden its success.
    pub(crate) fn of_autocommit(name: &'static str, source: sqlx::Error) -> Self {
        match Self::of(name, source) {
            Self::Unavailable(source) if !is_undone(&source) => Self::Unconfirmed { tx: name, source },
            error => error,
        }
    }
}

/// Whether it is certain that nothing was changed: the statement was not sent, or the engine itself reported its
/// failure. An I/O error of SQLite is not certain, because it may come from the commit; BUSY and LOCKED are.
fn is_undone(source: &sqlx::Error) -> bool {
    match source {
        sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => true,
        error if is_before_connection(error) => true,
        sqlx::Error::Database(error) => match error.code().as_deref() {
            Some(code) => {
                code.len() == 5 || code.parse::<u32>().is_ok_and(|code| matches!(code & 0xff, 5 | 6))
            }
            None => false,
        },
        _ => false,
    }
}

/// Whether a server that refused a connection may accept one in a moment.
pub(crate) fn is_away(source: &sqlx::Error) -> bool {
    match source {
        // A name that does not resolve or a path that does not exist is reported at once, with its cause.
        sqlx::Error::Io(error) => {
            use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
            matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
        }
        sqlx::Error::Database(error) => error.code().is_some_and(|code| is_outage(&code)),
        _ => false,
    }
}

/// Whether a code (PostgreSQL's five characters, or SQLite's extended number) means that the engine is not reachable,
/// not writable or out of space, while nothing is wrong with the statement.
fn is_outage(code: &str) -> bool {
    let sqlite = code.parse::<u32>().ok().filter(|_| code.len() != 5).map(|number| number & 0xff);
    match sqlite {
        // BUSY, LOCKED, IOERR, FULL, CANTOPEN.
        Some(primary) => matches!(primary, 5 | 6 | 10 | 13 | 14),
        // Connection, resources, a server that starts or stops, a read-only server, a timeout.
        None => {
            code.starts_with("08")
                || code.starts_with("53")
                || matches!(
                    code,
                    "57P01" | "57P02" | "57P03" | "57P05" | "57014" | "25006" | "25P03" | "55P03" | "55000"
                )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_told_from_a_wrong_statement() {
        for code in ["08006", "53300", "57P01", "25006", "25P03", "5", "261", "13", "14"] {
            assert!(is_outage(code), "{code}");
        }
        for code in ["23505", "42601", "1", "19", "2067"] {
            assert!(!is_outage(code), "{code}");
        }
    }
}
