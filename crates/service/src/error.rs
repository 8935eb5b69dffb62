//! The two ways a use case ends badly: it says no, or it cannot say.

use tidegate_core::Refusal;
use tidegate_factors::totp::Unusable;
use tidegate_keyring::{Unreadable, passwords::HashFault};

/// What a use case returns outside its transactions.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The answer is no, and the caller may know why.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// There is no answer; the caller learns an incident id and nothing else.
    #[error(transparent)]
    Failed(#[from] Fault),
}

/// What a transaction may fail with. No `Refusal` converts into it, so that a denial inside a
/// transaction can only be a value, and is committed.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    #[error(transparent)]
    Store(#[from] tidegate_store::Error),
    #[error(transparent)]
    Sealed(#[from] Unreadable),
    #[error(transparent)]
    Totp(#[from] Unusable),
    #[error(transparent)]
    Password(#[from] HashFault),
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

impl From<tidegate_store::Error> for Error {
    fn from(error: tidegate_store::Error) -> Self {
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
