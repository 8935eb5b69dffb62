//! Why a message was not sent.

use tidegate_core::DeliveryProblem;

/// It is logged as it is. So it contains nothing of the mail, and of the reply of a mail server only the code, because
/// the text may quote the address.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    /// The payload is unavailable, never absent: the key may come back.
    #[error("the payload does not open, or is no message")]
    Sealed,
    #[error("the address cannot be written into a mail")]
    Address,
    #[error("the template {name} cannot be filled in, line {line}: {kind}")]
    Template { name: String, line: usize, kind: minijinja::ErrorKind },
    #[error("the mail cannot be put together")]
    Letter(#[source] lettre::error::Error),
    #[error("the folder cannot be written")]
    Folder(#[from] lettre::transport::file::Error),
    #[error("the file cannot be moved into the folder")]
    File(#[from] std::io::Error),
    #[error("sending took too long")]
    Slow,
    #[error("the mail server: {0}")]
    Server(&'static str),
    #[error("the mail server refused for now, with {0}")]
    RefusedForNow(u16),
    #[error("the mail server refused for good, with {0}")]
    Refused(u16),
    #[error("the mail server takes no international addresses (SMTPUTF8)")]
    NotInternational,
}

/// What is done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Remedy {
    /// It may pass: the message is tried again until it expires.
    Wait,
    /// It may be repaired: the message is tried again some times.
    Retry,
    /// It stays: the message is given up.
    GiveUp,
}

impl Trouble {
    /// What is kept of it, and told to operators.
    pub(crate) const fn problem(&self) -> DeliveryProblem {
        match self {
            Self::Sealed => DeliveryProblem::Sealed,
            Self::Address | Self::NotInternational => DeliveryProblem::Destination,
            Self::Template { .. } | Self::Letter(_) => DeliveryProblem::Text,
            Self::Folder(_) | Self::File(_) | Self::Server(_) => DeliveryProblem::Transport,
            Self::Slow => DeliveryProblem::TimedOut,
            Self::RefusedForNow(_) => DeliveryProblem::RefusedForNow,
            Self::Refused(_) => DeliveryProblem::Refused,
        }
    }

    pub(crate) const fn remedy(&self) -> Remedy {
        match self {
            Self::Sealed
            | Self::Folder(_)
            | Self::File(_)
            | Self::Slow
            | Self::Server(_)
            | Self::RefusedForNow(_) => Remedy::Wait,
            Self::Template { .. } | Self::Letter(_) | Self::NotInternational => Remedy::Retry,
            Self::Address | Self::Refused(_) => Remedy::GiveUp,
        }
    }
}
