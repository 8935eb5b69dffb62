//! Why a mail was not sent.

use tidegate_core::DeliveryProblem;

/// It is logged as it is. So it contains nothing of the mail, and no reply of a mail server, which
/// may quote the address.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    /// The payload is unavailable, never absent: the key may come back.
    #[error("the payload does not open, or is no mail")]
    Sealed,
    #[error("the address cannot be written into a mail")]
    Address,
    #[error("the template cannot be filled in")]
    Template(minijinja::ErrorKind),
    #[error("the mail cannot be put together")]
    Letter(#[source] lettre::error::Error),
    #[error("the folder cannot be written")]
    Folder(#[from] lettre::transport::file::Error),
    #[error("the file cannot be moved into the folder")]
    File(#[from] std::io::Error),
    #[error("sending took too long")]
    Slow,
}

impl Trouble {
    /// What is kept of it, and told to operators.
    pub(crate) const fn problem(&self) -> DeliveryProblem {
        match self {
            Self::Sealed => DeliveryProblem::Sealed,
            Self::Address => DeliveryProblem::Destination,
            Self::Template(_) | Self::Letter(_) => DeliveryProblem::Text,
            Self::Folder(_) | Self::File(_) => DeliveryProblem::Transport,
            Self::Slow => DeliveryProblem::TimedOut,
        }
    }
}
