//! What can go wrong with remembering. Never "not found": that is `Ok(None)`.

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The engine cannot be reached, is going away, or has no connection left; worth a retry.
    #[error("the database is not reachable")]
    Unavailable(#[source] sqlx::Error),
    /// The commit was sent and its answer lost: it may or may not have happened.
    #[error("the database did not confirm the commit of {tx}")]
    Unconfirmed { tx: &'static str, source: sqlx::Error },
    /// A row this version cannot read.
    #[error("{table}.{column} of {key} is unreadable")]
    Inconsistent { table: &'static str, column: &'static str, key: String, source: sqlx::Error },
    /// A statement failed that must not fail.
    #[error("a statement of {name} failed")]
    Statement { name: &'static str, source: sqlx::Error },
    /// Two transactions met in the wrong order: a bug, logged, and worth one retry.
    #[error("a transaction of {name} was undone by the database")]
    Undone { name: &'static str, source: sqlx::Error },
}

impl Error {
    pub(crate) fn of(name: &'static str, source: sqlx::Error) -> Self {
        match &source {
            sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::Io(_) => {
                Self::Unavailable(source)
            }
            sqlx::Error::Database(error) => match error.code().as_deref() {
                // Too many connections, the server is starting, stopping, or gone.
                Some("53300" | "57P01" | "57P02" | "57P03" | "57P05" | "08000" | "08003" | "08006") => {
                    Self::Unavailable(source)
                }
                Some("40001" | "40P01") => Self::Undone { name, source },
                _ => Self::Statement { name, source },
            },
            _ => Self::Statement { name, source },
        }
    }
}
