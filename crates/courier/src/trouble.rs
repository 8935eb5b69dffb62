//! Why a message was not sent.

use tidegate_core::{DeliveryProblem, Span};

/// It is logged as it is. So it contains nothing of the message. Of a reply it contains only the code and reasons that are
/// known words, because the text may quote the address.
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
    /// A push service or gateway that cannot be reached, or whose answer makes no sense.
    #[error("{service}: {why}")]
    Service { service: &'static str, why: &'static str },
    #[error("{service} refused for now, with {status}")]
    Busy { service: &'static str, status: u16, retry_after: Option<Span> },
    /// The settings are wrong, or the account at the service is: the operator's fault, not the message's.
    #[error("{service} does not accept this server, with {status} ({reason})")]
    NotAccepted { service: &'static str, status: u16, reason: &'static str },
    #[error("{service} refused the message for good, with {status} ({reason})")]
    Rejected { service: &'static str, status: u16, reason: &'static str },
    #[error("{service} no longer knows the device ({reason})")]
    Gone { service: &'static str, reason: &'static str },
    #[error("{service} is not set up")]
    NotConfigured { service: &'static str },
    #[error("the endpoint is not at an allowed push service")]
    NotAllowed,
    #[error("the keys of the subscription cannot be used")]
    Subscription,
    #[error("the message is too long for {service}")]
    TooLong { service: &'static str },
}

/// What is done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Remedy {
    /// It may pass: the message is tried again until it expires.
    Wait,
    /// The same, but the service asks to be left alone for so long.
    WaitFor(Span),
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
            Self::Address | Self::NotInternational | Self::NotAllowed | Self::Subscription => {
                DeliveryProblem::Destination
            }
            Self::Template { .. } | Self::Letter(_) | Self::TooLong { .. } => DeliveryProblem::Text,
            Self::Folder(_)
            | Self::File(_)
            | Self::Server(_)
            | Self::Service { .. }
            | Self::NotAccepted { .. } => DeliveryProblem::Transport,
            Self::Slow => DeliveryProblem::TimedOut,
            Self::RefusedForNow(_) | Self::Busy { .. } => DeliveryProblem::RefusedForNow,
            Self::Refused(_) | Self::Rejected { .. } => DeliveryProblem::Refused,
            Self::Gone { .. } => DeliveryProblem::Gone,
            Self::NotConfigured { .. } => DeliveryProblem::NotConfigured,
        }
    }

    pub(crate) const fn remedy(&self) -> Remedy {
        match self {
            Self::Busy { retry_after: Some(span), .. } => Remedy::WaitFor(*span),
            Self::Sealed
            | Self::Folder(_)
            | Self::File(_)
            | Self::Slow
            | Self::Server(_)
            | Self::RefusedForNow(_)
            | Self::Service { .. }
            | Self::Busy { retry_after: None, .. }
            | Self::NotAccepted { .. } => Remedy::Wait,
            Self::Template { .. } | Self::Letter(_) | Self::NotInternational | Self::NotConfigured { .. } => {
                Remedy::Retry
            }
            Self::Address
            | Self::Refused(_)
            | Self::Rejected { .. }
            | Self::Gone { .. }
            | Self::NotAllowed
            | Self::Subscription
            | Self::TooLong { .. } => Remedy::GiveUp,
        }
    }
}
