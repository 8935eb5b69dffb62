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
            sqlx::Error::Database(error) => match error.code().as_deref().map(class) {
                Some(Class::Outage) => Self::Unavailable(source),
                Some(Class::Undone) => Self::Undone { name, source },
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

/// What an error of an engine means, whatever the statement was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    /// The engine is not reachable, not writable, out of space, or set so that it refuses; nothing is wrong with the
    /// statement. Worth a retry.
    Outage,
    /// Two transactions were in each other's way.
    Undone,
    /// The statement or the data in the database is wrong, or the database is damaged. A retry finds the same.
    Wrong,
}

/// By the code: PostgreSQL's five characters, or SQLite's extended number.
fn class(code: &str) -> Class {
    match sqlite_number(code) {
        Some(number) => sqlite_class(number & 0xff),
        None => postgres_class(code),
    }
}

fn sqlite_number(code: &str) -> Option<u32> {
    code.parse().ok().filter(|_| code.len() != 5)
}

/// <https://www.sqlite.org/rescode.html#primary_result_code_list>
const fn sqlite_class(primary: u32) -> Class {
    match primary {
        // PERM: access is denied. BUSY, LOCKED. NOMEM. READONLY: the file, its folder or the file system became so.
        // INTERRUPT. IOERR. FULL. CANTOPEN. PROTOCOL: too many programs lock the file at once. SCHEMA: another program
        // changed it. NOLFS: the file may not grow.
        3 | 5 | 6 | 7 | 8 | 9 | 10 | 13 | 14 | 15 | 17 | 22 => Class::Outage,
        // ERROR, INTERNAL, ABORT, CORRUPT, NOTFOUND, EMPTY, TOOBIG, CONSTRAINT, MISMATCH, MISUSE, AUTH, FORMAT, RANGE,
        // NOTADB.
        _ => Class::Wrong,
    }
}

/// <https://www.postgresql.org/docs/current/errcodes-appendix.html>
fn postgres_class(code: &str) -> Class {
    match (code.get(..2).unwrap_or_default(), code) {
        // Connection. Authentication. Resources. A state that passes: in use, a lock that is not available. An operator
        // intervened, or a timeout. The system around the server. Its configuration file.
        ("08" | "28" | "53" | "55" | "57" | "58" | "F0", _)
        // A server that only reads; transactions that the server ended, because they were idle or took too long; a database
        // that was dropped, or is being restored under another name; a commit that is not known to be done; privileges
        // that were taken away; a snapshot that is too old.
        | (_, "25006" | "25P03" | "25P04" | "3D000" | "40003" | "42501" | "72000") => Class::Outage,
        ("40", _) => Class::Undone,
        // Among them XX001 and XX002: data or an index is damaged.
        _ => Class::Wrong,
    }
}

/// SQLite's primary code.
pub(crate) fn sqlite_primary(source: &sqlx::Error) -> Option<u32> {
    let code = source.as_database_error()?.code()?;
    sqlite_number(&code).map(|number| number & 0xff)
}

/// Whether another program locks the SQLite file.
pub(crate) fn is_busy(source: &sqlx::Error) -> bool {
    matches!(sqlite_primary(source), Some(5 | 6))
}

/// Whether it is certain that nothing was changed: the statement was not sent, or the engine itself reported its
/// failure. An I/O error of SQLite is not certain, because it may come from the commit; BUSY, LOCKED and READONLY are.
/// PostgreSQL is not certain when it ends the connection: the commit may wait for a standby, and is done nevertheless.
fn is_undone(source: &sqlx::Error) -> bool {
    match source {
        sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed => true,
        error if is_before_connection(error) => true,
        sqlx::Error::Database(error) => error.code().is_some_and(|code| match sqlite_number(&code) {
            Some(number) => matches!(number & 0xff, 5 | 6 | 8),
            None => !code.starts_with("08") && !code.starts_with("57P") && code != "40003",
        }),
        _ => false,
    }
}

/// Whether a server that refused a connection may accept one in a moment. A wrong password or name is reported at once,
/// with its cause.
pub(crate) fn is_away(source: &sqlx::Error) -> bool {
    match source {
        // A name that does not resolve or a path that does not exist is reported at once too.
        sqlx::Error::Io(error) => {
            use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
            matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
        }
        sqlx::Error::Database(error) => error
            .code()
            .is_some_and(|code| ["08", "53", "57", "55"].contains(&code.get(..2).unwrap_or_default())),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every primary code of SQLite.
    #[test]
    fn each_code_of_sqlite_is_an_outage_or_wrong() {
        let outages = [3, 5, 6, 7, 8, 9, 10, 13, 14, 15, 17, 22];
        for primary in 1..=26 {
            let expected = if outages.contains(&primary) { Class::Outage } else { Class::Wrong };
            assert_eq!(class(&primary.to_string()), expected, "{primary}");
        }
        // Extended codes: BUSY_SNAPSHOT, READONLY_DBMOVED, IOERR_FSYNC, CORRUPT_INDEX, CONSTRAINT_UNIQUE.
        for (extended, expected) in [
            ("517", Class::Outage),
            ("1032", Class::Outage),
            ("1034", Class::Outage),
            ("779", Class::Wrong),
            ("2067", Class::Wrong),
        ] {
            assert_eq!(class(extended), expected, "{extended}");
        }
    }

    #[test]
    fn an_outage_of_postgres_is_told_from_what_is_wrong() {
        for code in [
            // Connections.
            "08000", "08001", "08003", "08004", "08006", "08007", "08P01",
            // Authentication and the database's name.
            "28000", "28P01", "3D000", "42501", // A standby, and transactions that were ended.
            "25006", "25P03", "25P04", "40003", "72000",
            // Resources: a full disk, memory, connections, limits.
            "53000", "53100", "53200", "53300", "53400", // States that pass.
            "55000", "55006", "55P02", "55P03", "55P04", // Operators and timeouts.
            "57000", "57014", "57P01", "57P02", "57P03", "57P04", "57P05", // The system.
            "58000", "58030", "58P01", "58P02", "58P03", "F0000", "F0001",
        ] {
            assert_eq!(class(code), Class::Outage, "{code}");
        }
        for code in ["40000", "40001", "40002", "40P01"] {
            assert_eq!(class(code), Class::Undone, "{code}");
        }
        for code in [
            "0A000", "22001", "22P02", "23505", "25001", "25P02", "26000", "3F000", "42601", "42P01",
            "54000", "P0001", "XX000", "XX001", "XX002",
        ] {
            assert_eq!(class(code), Class::Wrong, "{code}");
        }
    }
}
