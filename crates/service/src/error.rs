//! The two ways in which a use case fails: it refuses, or a fault keeps it from answering.

use tidegate_core::Refusal;
use tidegate_factors::method::Unusable;
use tidegate_keyring::{
    Unreadable,
    passwords::{HashFault, JudgeFault},
};
use tidegate_store::Error as StoreError;

use crate::FailureKind;

/// What a use case returns outside its transactions.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The answer is no, and the caller may know the reason.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// There is no answer. The caller learns an incident id and nothing else.
    #[error(transparent)]
    Failed(#[from] Fault),
}

/// How a transaction of a command ends without an outcome. `?` converts into both. Only
/// `CommandContext::idempotent` tells them apart: a refusal commits, because what led to it must be
/// recorded, and a fault rolls back.
#[derive(Debug)]
pub enum Denied {
    Refused(Refusal),
    Failed(Fault),
}

impl From<Denied> for Error {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Refused(refusal) => Self::Refused(refusal),
            Denied::Failed(fault) => Self::Failed(fault),
        }
    }
}

impl From<Refusal> for Denied {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// Everything that converts into a fault converts into a `Denied` too.
impl<F: Into<Fault>> From<F> for Denied {
    fn from(fault: F) -> Self {
        Self::Failed(fault.into())
    }
}

/// An internal failure. No `Refusal` converts into it.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Sealed(#[from] Unreadable),
    #[error(transparent)]
    Unusable(#[from] Unusable),
    #[error(transparent)]
    Password(#[from] HashFault),
    #[error(transparent)]
    NotJudged(#[from] JudgeFault),
    #[error("a stored outcome is unreadable")]
    Outcome(#[from] serde_json::Error),
    #[error("a use case panicked")]
    Panicked(#[from] tokio::task::JoinError),
    #[error("the app is closing")]
    Closing,
    #[error("a transaction was raced too often")]
    Raced,
    #[error("{0} did not remember its request")]
    NotRemembered(&'static str),
    #[error("a row that another one names is missing: {0}")]
    Dangling(&'static str),
    #[error("a batch of the record was not sealed with a key of ours")]
    Forged,
}

impl Fault {
    /// Faults of one kind have one cause, as far as this program can tell.
    pub fn kind(&self) -> FailureKind {
        let (what, place) = match self {
            Self::Store(error) => return stored(error),
            Self::Sealed(Unreadable::Damaged) => ("Sealed", ""),
            Self::Sealed(Unreadable::UnknownKey(_)) => ("UnknownKey", ""),
            Self::Unusable(_) => ("Unusable", ""),
            Self::Password(_) => ("Password", ""),
            Self::NotJudged(_) => ("NotJudged", ""),
            Self::Outcome(_) => ("Outcome", ""),
            Self::Panicked(_) => ("Panicked", ""),
            Self::Closing => ("Closing", ""),
            Self::Raced => ("Raced", ""),
            Self::NotRemembered(name) => ("NotRemembered", *name),
            Self::Dangling(what) => ("Dangling", *what),
            Self::Forged => ("Forged", ""),
        };
        FailureKind(what, place)
    }
}

fn stored(error: &StoreError) -> FailureKind {
    match error {
        StoreError::Unavailable(_) => FailureKind("Unavailable", ""),
        StoreError::Unconfirmed { tx, .. } => FailureKind("Unconfirmed", tx),
        StoreError::Inconsistent { table, .. } => FailureKind("Inconsistent", table),
        StoreError::NewerDocument { table, .. } => FailureKind("NewerDocument", table),
        StoreError::Statement { name, .. } => FailureKind("Statement", name),
        StoreError::Undone { name, .. } => FailureKind("Undone", name),
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

impl From<Unreadable> for Error {
    fn from(error: Unreadable) -> Self {
        Self::Failed(error.into())
    }
}

impl From<Unusable> for Error {
    fn from(error: Unusable) -> Self {
        Self::Failed(error.into())
    }
}
