//! What an error of the database says about the database as a whole: whether it is away, full, read-only or damaged. One
//! statement that fails for a reason of its own says nothing.

use crate::{Error, connect_failure::is_no_primary};

/// What is wrong with the whole database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outage {
    /// Its disk is full.
    Full,
    /// Its disk reports errors.
    Disk,
    /// It takes no writes: a standby, or a read-only file.
    ReadOnly,
    /// What it holds is damaged.
    Corrupt,
    /// It, or its tables, are missing.
    Absent,
    /// It cannot be reached, or takes no connection.
    Unreachable,
}

impl Error {
    /// What the error says about the whole database; `None`: nothing.
    pub fn outage(&self) -> Option<Outage> {
        match self {
            Self::Unavailable(source)
            | Self::Unconfirmed { source, .. }
            | Self::Statement { source, .. }
            | Self::Undone { source, .. } => of(source),
            Self::Inconsistent { .. } | Self::NewerDocument { .. } => None,
        }
    }
}

fn of(source: &sqlx::Error) -> Option<Outage> {
    match source {
        error if is_no_primary(error) => Some(Outage::ReadOnly),
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::WorkerCrashed
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed => Some(Outage::Unreachable),
        sqlx::Error::Database(error) => {
            let code = error.code()?;
            if code.len() == 5 { of_postgres(&code) } else { of_sqlite(code.parse().ok()?, error.message()) }
        }
        _ => None,
    }
}

/// Of an extended result code of SQLite. Its last byte is the primary one.
fn of_sqlite(code: u32, message: &str) -> Option<Outage> {
    match code & 0xff {
        1 if message.contains("no such table") => Some(Outage::Absent),
        8 => Some(Outage::ReadOnly),
        10 => Some(Outage::Disk),
        11 | 26 => Some(Outage::Corrupt),
        13 => Some(Outage::Full),
        14 => Some(Outage::Unreachable),
        _ => None,
    }
}

fn of_postgres(code: &str) -> Option<Outage> {
    match code {
        "53100" => Some(Outage::Full),
        "58030" => Some(Outage::Disk),
        "25006" => Some(Outage::ReadOnly),
        "XX001" | "XX002" => Some(Outage::Corrupt),
        "3D000" | "3F000" | "42P01" => Some(Outage::Absent),
        // 55000: the database takes no connections.
        "53300" | "55000" | "57P01" | "57P02" | "57P03" | "57P04" | "57P05" => Some(Outage::Unreachable),
        _ if code.starts_with("08") || code.starts_with("28") => Some(Outage::Unreachable),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_say_what_is_wrong_with_the_database() {
        for (code, outage) in [
            ("53100", Some(Outage::Full)),
            ("25006", Some(Outage::ReadOnly)),
            ("3D000", Some(Outage::Absent)),
            ("XX001", Some(Outage::Corrupt)),
            ("57P03", Some(Outage::Unreachable)),
            ("08006", Some(Outage::Unreachable)),
            ("57014", None),
            ("55P03", None),
            ("23505", None),
        ] {
            assert_eq!(of_postgres(code), outage, "{code}");
        }
        // The second one is IOERR_WRITE.
        for (code, outage) in [
            (13, Some(Outage::Full)),
            (778, Some(Outage::Disk)),
            (8, Some(Outage::ReadOnly)),
            (26, Some(Outage::Corrupt)),
            (14, Some(Outage::Unreachable)),
            (5, None),
            (2067, None),
        ] {
            assert_eq!(of_sqlite(code, ""), outage, "{code}");
        }
        assert_eq!(of_sqlite(1, "no such table: installation"), Some(Outage::Absent));
        assert_eq!(of_sqlite(1, "near \"SELEC\": syntax error"), None);
    }
}
