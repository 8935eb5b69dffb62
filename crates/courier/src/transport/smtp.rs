//! Hands mails to a mail server (SMTP, RFC 5321), over connections that are kept and reused.
//!
//! The encryption is demanded, not tried: a server that offers none gets no mail and no password (RFC 8314 §3).

use std::{fs, path::PathBuf, time::Duration};

use lettre::{
    AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor,
    transport::smtp::{
        Error, PoolConfig,
        authentication::Credentials,
        client::{Certificate, CertificateStore, Tls as Encryption, TlsParameters, TlsVersion},
        extension::ClientId,
        response::Severity,
    },
};
use tidegate_core::Secret;

use crate::{Obstacle, SetupError, trouble::Trouble};

/// A mail server, and how it is reached.
#[derive(Debug, Clone)]
pub struct SmtpSettings {
    pub host: String,
    pub port: u16,
    pub tls: Tls,
    /// Without a user nothing is said of who sends.
    pub user: Option<String>,
    pub password: Option<Secret<String>>,
    /// Certificates (PEM) that are trusted in place of the system's.
    pub ca_file: Option<PathBuf>,
    /// How long it may take to hand one mail over.
    pub timeout: Duration,
    /// How many connections are kept while nothing is sent.
    pub idle_connections: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// The connection begins in the clear, and is encrypted before anything is said (RFC 3207).
    StartTls,
    /// It is encrypted from the first byte (RFC 8314).
    Implicit,
    None,
}

pub(crate) struct Smtp {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    timeout: Duration,
}

/// A connection that was not used for so long is closed. Servers close theirs after some minutes (RFC 5321 §4.5.3.2.7).
const IDLE: Duration = Duration::from_mins(1);

impl Smtp {
    pub(crate) fn open(settings: SmtpSettings, domain: &str) -> Result<Self, SetupError> {
        let SmtpSettings { host, port, tls, user, password, ca_file, timeout, idle_connections } = settings;
        let encryption = match tls {
            Tls::None if password.is_some() => return Err(SetupError::PasswordInTheClear),
            Tls::None => Encryption::None,
            Tls::StartTls => Encryption::Required(parameters(&host, ca_file)?),
            Tls::Implicit => Encryption::Wrapper(parameters(&host, ca_file)?),
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host)
            .port(port)
            .tls(encryption)
            .hello_name(ClientId::Domain(domain.to_owned()))
            .timeout(Some(timeout))
            .pool_config(PoolConfig::new().max_size(idle_connections).idle_timeout(IDLE));
        if let Some(user) = user {
            let password = password.ok_or(SetupError::NoPassword)?;
            builder = builder.credentials(Credentials::new(user, password.expose().clone()));
        }
        Ok(Self { transport: builder.build(), timeout })
    }

    pub(super) async fn send(&self, message: Message) -> Result<(), Trouble> {
        let is_international = message.envelope().to().iter().any(|to| !AsRef::<str>::as_ref(to).is_ascii());
        // lettre's own timeout covers the connecting only.
        let sent = tokio::time::timeout(self.timeout, self.transport.send(message)).await;
        let Err(error) = sent.map_err(|_| Trouble::Slow)? else { return Ok(()) };
        Err(match self.refusal_of(&error).await {
            Some(trouble) => trouble,
            None if error.is_client() && is_international => Trouble::NotInternational,
            None if error.is_timeout() => Trouble::Slow,
            None => Trouble::Server(kind(&error)),
        })
    }

    /// Connects, greets, encrypts and authenticates as for a mail, and hands none over.
    pub(crate) async fn reach(&self) -> Result<(), Obstacle> {
        let tried = tokio::time::timeout(self.timeout, self.transport.test_connection()).await;
        match tried.map_err(|_| Obstacle::Slow)? {
            Ok(true) => Ok(()),
            Ok(false) => Err(Obstacle::Answer),
            Err(error) => Err(obstacle(&error)),
        }
    }

    /// What a reply of the server says of the mail. `None`: it says nothing of the mail, but of the connection.
    async fn refusal_of(&self, error: &Error) -> Option<Trouble> {
        let code = error.status()?;
        let number = u16::from(code);
        match (code.severity, number) {
            // The password, or that one is wanted (RFC 4954 §6): the operator's fault, not the mail's.
            (_, 530 | 534 | 535 | 538) => None,
            // "No service" also greets senders that a server does not like (RFC 5321 §3.1).
            (Severity::PermanentNegativeCompletion, 554) => {
                self.transport.test_connection().await.ok().filter(|up| *up).map(|_| Trouble::Refused(number))
            }
            (Severity::PermanentNegativeCompletion, _) => Some(Trouble::Refused(number)),
            (Severity::TransientNegativeCompletion, _) => Some(Trouble::RefusedForNow(number)),
            _ => None,
        }
    }
}

/// Of a reply only the code is told: the text may quote what was sent.
fn obstacle(error: &Error) -> Obstacle {
    match error.status().map(u16::from) {
        // RFC 4954 §6.
        Some(code @ (530 | 534 | 535 | 538)) => Obstacle::Credentials(code),
        Some(code) => Obstacle::Refused(code),
        // The texts are lettre's own.
        None if error.is_client() => Obstacle::NotOffered(
            std::error::Error::source(error).map(ToString::to_string).unwrap_or_default(),
        ),
        None if error.is_response() => Obstacle::Answer,
        None => Obstacle::of_connection(error),
    }
}

/// A word for the log. The text of the error may quote the address.
fn kind(error: &Error) -> &'static str {
    match error {
        error if error.status().is_some() => "it does not accept this sender",
        error if error.is_tls() => "the encryption failed",
        error if error.is_client() => "it does not offer what is needed",
        error if error.is_response() => "its reply makes no sense",
        _ => "it cannot be reached, or hung up",
    }
}

fn parameters(host: &str, ca_file: Option<PathBuf>) -> Result<TlsParameters, SetupError> {
    let mut builder = TlsParameters::builder(host.to_owned()).set_min_tls_version(TlsVersion::Tlsv12);
    if let Some(file) = ca_file {
        let unusable = |source| SetupError::CaFile { file: file.display().to_string(), source };
        let pem = fs::read(&file).map_err(unusable)?;
        let none = || unusable(std::io::Error::other("it holds no certificate"));
        builder = builder.certificate_store(CertificateStore::None);
        let mut found = false;
        for certificate in certificates(&pem) {
            builder = builder.add_root_certificate(Certificate::from_pem(&certificate).map_err(|_| none())?);
            found = true;
        }
        if !found {
            return Err(none());
        }
    }
    builder.build_rustls().map_err(SetupError::Tls)
}

/// Each certificate of a PEM file by itself.
fn certificates(pem: &[u8]) -> Vec<Vec<u8>> {
    const END: &str = "-----END CERTIFICATE-----";
    let text = String::from_utf8_lossy(pem);
    let blocks = text.split_inclusive(END).filter(|block| block.ends_with(END));
    blocks.map(|block| block.as_bytes().to_vec()).collect()
}
