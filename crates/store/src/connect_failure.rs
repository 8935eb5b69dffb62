//! Why no connection to PostgreSQL can be opened: the server's address and the last cause, once, and what to do where that
//! is known.

use std::{borrow::Cow, fmt, io, time::Duration};

use crate::{error, postgres_servers::Unfit};

/// The time between two attempts to reach a server that refuses connections.
const RECONNECT_INTERVAL: Duration = Duration::from_millis(20);
/// The same for a server that must be promoted first.
const PROMOTION_INTERVAL: Duration = Duration::from_millis(200);
/// PostgreSQL's code.
const PROTOCOL_VIOLATION: &str = "08P01";

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ConnectFailure {
    text: String,
    again: Option<Duration>,
}

impl fmt::Display for ConnectFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for ConnectFailure {}

/// Nothing was sent to the database, so nothing was changed.
impl From<ConnectFailure> for sqlx::Error {
    fn from(failure: ConnectFailure) -> Self {
        io::Error::other(failure).into()
    }
}

impl ConnectFailure {
    pub(crate) fn of(server: &str, error: &sqlx::Error) -> Self {
        let cause = Self::last_cause(error);
        let hint = hint(error, &cause).map(|hint| format!(": {hint}")).unwrap_or_default();
        Self { text: format!("{server}: {cause}{hint}"), again: again(error) }
    }

    /// Whether another attempt may succeed.
    pub(crate) const fn may_pass(&self) -> bool {
        self.again.is_some()
    }

    /// In plain words: drivers and operating systems wrap it several times.
    pub(crate) fn last_cause(error: &sqlx::Error) -> String {
        match error {
            sqlx::Error::Database(error) => return error.message().to_owned(),
            sqlx::Error::Io(error)
                if error.kind() == io::ErrorKind::TimedOut && error.get_ref().is_none() =>
            {
                return "no answer in time".to_owned();
            }
            _ => {}
        }
        let mut cause: &dyn std::error::Error = error;
        while let Some(next) = cause.source() {
            cause = next;
        }
        cause.to_string()
    }
}

/// When to try again, where another attempt may succeed.
pub(crate) fn again(error: &sqlx::Error) -> Option<Duration> {
    match unfit(error) {
        // The server must do a whole handshake each time.
        Some(unfit) => unfit.may_pass().then_some(PROMOTION_INTERVAL),
        // What the two sides disagree about stays: a pooler that refuses a parameter, for example.
        None if code(error).as_deref() == Some(PROTOCOL_VIOLATION) => None,
        None => error::is_away(error).then_some(RECONNECT_INTERVAL),
    }
}

/// Whether the error says that there was no connection, so that nothing can have been changed.
pub(crate) fn is_before_connection(error: &sqlx::Error) -> bool {
    let sqlx::Error::Io(error) = error else { return false };
    error.get_ref().is_some_and(|cause| cause.is::<ConnectFailure>() || cause.is::<Unfit>())
}

/// Whether only a server could be reached that is not the primary.
pub(crate) fn is_no_primary(error: &sqlx::Error) -> bool {
    unfit(error).is_some_and(Unfit::may_pass)
}

fn unfit(error: &sqlx::Error) -> Option<&Unfit> {
    let sqlx::Error::Io(error) = error else { return None };
    error.get_ref()?.downcast_ref()
}

fn code(error: &sqlx::Error) -> Option<Cow<'_, str>> {
    error.as_database_error()?.code()
}

fn hint(error: &sqlx::Error, cause: &str) -> Option<&'static str> {
    let has = |part: &str| cause.contains(part);
    Some(match (code(error).as_deref(), error) {
        (Some(PROTOCOL_VIOLATION), _) if has("startup parameter") => {
            "this is PgBouncer, or a pooler like it; set database.pooler to \"transaction\""
        }
        (Some("28P01" | "28000"), _) => {
            "correct the user or the password, or what the server allows (pg_hba.conf)"
        }
        (Some("3D000"), _) => "make the database, or correct its name",
        (Some("53300"), _) => "close connections, or raise the server's max_connections",
        (None, _) if has("not valid for") || has("NotValidForName") => {
            "the name in the address must be a subjectAltName of the server's certificate (its common name does not \
             count); reissue it, or verify the authority alone: sslmode=verify-ca"
        }
        (None, _) if has("UnknownIssuer") || has("BadSignature") => {
            "the server's certificate is signed by none of the authorities in sslrootcert"
        }
        (None, _) if has("does not support TLS") => {
            "switch ssl on in the server; sslmode=disable goes without it"
        }
        (None, sqlx::Error::Io(error)) if error.kind() == io::ErrorKind::ConnectionRefused => {
            "nothing listens there; see that the server runs, and that host and port are right"
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_cause_is_told_once() {
        let refused = sqlx::Error::Io(io::Error::from(io::ErrorKind::ConnectionRefused));
        let failure = ConnectFailure::of("db:5432", &refused);
        assert!(failure.may_pass());
        let text = failure.to_string();
        assert!(text.starts_with("db:5432: connection refused: nothing listens there"), "{text}");
        let silent = ConnectFailure::of("db:5432", &io::Error::from(io::ErrorKind::TimedOut).into());
        assert_eq!(silent.to_string(), "db:5432: no answer in time");
        let unfit = ConnectFailure::of("db:5432", &Unfit::Standby.into());
        assert!(unfit.may_pass() && unfit.to_string().starts_with("db:5432: the server is a standby"));
        assert!(is_before_connection(&failure.into()) && !is_before_connection(&refused));
    }
}
