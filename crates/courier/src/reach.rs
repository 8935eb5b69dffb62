//! Whether the services that messages need can be reached, for `tidegate doctor`. It sends no message.

use std::error::Error;

use tidegate_core::Timestamp;

use crate::{
    PushSettings, SetupError, SmsSettings, SmtpSettings,
    letter::Sender,
    text::Templates,
    transport::{self, Smtp},
    trouble::Trouble,
};

/// What is in the way of a service. No text contains a URL, or what a service replied: both may be secrets (INV-47).
#[derive(Debug, thiserror::Error)]
pub enum Obstacle {
    #[error(transparent)]
    Setup(#[from] SetupError),
    #[error("its name does not resolve ({0})")]
    Name(String),
    #[error("it cannot be connected to ({0})")]
    Connection(String),
    #[error("the encryption failed ({0})")]
    Encryption(String),
    #[error("it did not answer in time")]
    Slow,
    #[error("it does not offer what is needed ({0})")]
    NotOffered(String),
    #[error("it does not accept the user and the password, with {0}")]
    Credentials(u16),
    #[error("it refuses this server, with {0}")]
    Refused(u16),
    #[error("it hung up, or its answer makes no sense")]
    Answer,
    /// The access token that a push service needs.
    #[error("{0}")]
    Token(String),
}

/// A service that was looked at.
#[derive(Debug)]
pub struct Reached {
    pub service: &'static str,
    /// Its host and its port.
    pub at: String,
    pub outcome: Result<(), Obstacle>,
}

/// Connects to the mail server, greets it, encrypts the connection and authenticates, as the settings say.
pub async fn reach_mail_server(settings: SmtpSettings, from: &str) -> Result<(), Obstacle> {
    Smtp::open(settings, sender(from)?.domain())?.reach().await
}

/// Requests nothing but the head of the page `/`, and takes every answer.
pub async fn reach_sms_gateway(settings: SmsSettings) -> Reached {
    transport::reach_gateway(settings).await
}

/// The services that are set up, all at once. Google is asked for an access token, which shows whether it accepts the
/// account's key.
pub async fn reach_push_services(settings: PushSettings, now: Timestamp) -> Vec<Reached> {
    transport::reach_push(settings, now).await
}

fn sender(from: &str) -> Result<Sender, SetupError> {
    let sender = Sender::parse(from, Templates::new(std::path::PathBuf::new()));
    sender.ok_or_else(|| SetupError::From { from: from.to_owned() })
}

impl From<Trouble> for Obstacle {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Slow => Self::Slow,
            trouble => Self::Token(trouble.to_string()),
        }
    }
}

impl Obstacle {
    /// Of a connection that did not come about. Only the innermost cause is told: outer ones may quote the URL.
    pub(crate) fn of_connection(error: &(dyn Error + 'static)) -> Self {
        let innermost = causes(error).last().map(ToString::to_string).unwrap_or_default();
        let kind = causes(error).filter_map(|cause| cause.downcast_ref()).map(innermost_kind).last();
        match kind {
            Some(std::io::ErrorKind::TimedOut) => Self::Slow,
            // The errors of rustls come in this form.
            Some(std::io::ErrorKind::InvalidData) => Self::Encryption(innermost),
            _ if innermost.starts_with("failed to lookup address") => Self::Name(innermost),
            Some(_) => Self::Connection(innermost),
            None => Self::Answer,
        }
    }
}

fn causes<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&cause| cause.source())
}

/// An error of the system may be wrapped in another one, which is no cause of its own.
fn innermost_kind(error: &std::io::Error) -> std::io::ErrorKind {
    match error.get_ref().and_then(|inner| inner.downcast_ref()) {
        Some(inner) => innermost_kind(inner),
        None => error.kind(),
    }
}
