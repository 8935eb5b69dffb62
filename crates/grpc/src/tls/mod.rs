//! TLS on the port: the certificate that is served, which clients must show one, and both read again
//! while the server runs.

mod chain;
mod files;
mod identities;

use std::{path::PathBuf, sync::Arc, time::Duration};

use rustls::{
    RootCertStore, ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::{NoClientAuth, WebPkiClientVerifier, danger::ClientCertVerifier},
};
use tidegate_core::{CredentialId, Timestamp};
use tokio::{
    sync::{Notify, watch},
    time::timeout,
};
use tokio_rustls::TlsAcceptor;
use x509_parser::{certificate::X509Certificate, extensions::GeneralName, prelude::FromDer as _};

pub use self::chain::{ChainFault, ServedChain};
pub use self::identities::{ClientIdentities, NotAnIdentity};
use self::{chain::instant, files::Contents};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsSettings {
    /// The server's certificate, followed by those of the authorities below the root (PEM).
    pub cert_file: PathBuf,
    /// Its key (PEM).
    pub key_file: PathBuf,
    /// The authorities whose client certificates are trusted (PEM).
    pub client_ca_file: Option<PathBuf>,
    pub client_certificates: ClientCertificates,
    pub client_identities: ClientIdentities,
    /// Whether clients may speak HTTP/1.1, which only gRPC-Web needs.
    pub http1: bool,
}

/// Whether a client must show a certificate. One that it shows must be valid in both cases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientCertificates {
    Optional,
    Required,
}

#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("failed to read {}", file.display())]
    Unreadable { file: PathBuf, source: std::io::Error },
    #[error("{} holds no certificate in PEM", file.display())]
    NoCertificate { file: PathBuf },
    #[error("{} holds no private key in PEM", file.display())]
    NoKey { file: PathBuf },
    #[error("the certificate in {} and the key in {} cannot be used together", cert_file.display(), key_file.display())]
    Pair { cert_file: PathBuf, key_file: PathBuf, source: rustls::Error },
    #[error("the certificate in {} cannot be read", file.display())]
    Certificate { file: PathBuf },
    #[error("the authorities in {} cannot be used", file.display())]
    Authorities { file: PathBuf, source: Box<dyn std::error::Error + Send + Sync> },
}

/// The certificate that is served. Clones share it.
#[derive(Clone)]
pub struct Certificates(Arc<Shared>);

struct Shared {
    settings: TlsSettings,
    served: watch::Sender<Served>,
    asked: Notify,
}

/// What new connections get.
struct Served {
    tls: TlsAcceptor,
    info: CertificateInfo,
    contents: Contents,
}

/// What a certificate says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateInfo {
    pub expires_at: Timestamp,
    /// In hexadecimal digits, as `openssl x509 -serial` prints it.
    pub serial: String,
    /// The first DNS name that it is valid for.
    pub name: Option<String>,
}

impl Certificates {
    pub fn load(settings: TlsSettings) -> Result<Self, TlsError> {
        let served = Served::from(Contents::read(&settings)?, &settings)?;
        Ok(Self(Arc::new(Shared { settings, served: watch::Sender::new(served), asked: Notify::new() })))
    }

    /// The certificate that new connections get.
    pub fn info(&self) -> CertificateInfo {
        self.0.served.borrow().info.clone()
    }

    /// What the certificate and those after it say of themselves. `None`: they cannot be read.
    pub fn chain(&self, now: Timestamp) -> Option<ServedChain> {
        ServedChain::of(&certificates(self.0.served.borrow().contents.certificate())?, now)
    }

    /// The credential that a client with these certificates acts as, if its calls carry no token.
    pub(crate) fn credential(&self, shown: Option<&[CertificateDer<'_>]>) -> Option<CredentialId> {
        self.0.settings.client_identities.of(shown?.first()?)
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        self.0.served.borrow().tls.clone()
    }

    /// Reads the files, and serves what is new in them: returns whether anything is. If they cannot be
    /// used, what was served before stays. Connections that are open keep what they began with.
    ///
    /// Compares the contents, because Kubernetes replaces a symbolic link and not the files.
    pub fn renew(&self) -> Result<bool, TlsError> {
        let contents = Contents::read(&self.0.settings)?;
        if contents == self.0.served.borrow().contents {
            return Ok(false);
        }
        self.0.served.send_replace(Served::from(contents, &self.0.settings)?);
        Ok(true)
    }

    /// Lets `keep` read the files at once.
    pub fn read_again(&self) {
        self.0.asked.notify_one();
    }

    /// Renews again and again. Never returns.
    pub async fn keep(self, interval: Duration) {
        // A mistake is logged once, not at each look.
        let mut logged = String::new();
        loop {
            if timeout(interval, self.0.asked.notified()).await.is_ok() {
                logged.clear();
            }
            let this = self.clone();
            // Reading files blocks.
            let Ok(renewed) = tokio::task::spawn_blocking(move || this.renew()).await else { continue };
            let wrong = renewed.as_ref().err().map(|error| story(error)).unwrap_or_default();
            if renewed.is_ok_and(|is_new| is_new) {
                let CertificateInfo { expires_at, serial, .. } = self.info();
                tracing::info!(serial, %expires_at, "a new certificate is served");
            } else if !wrong.is_empty() && wrong != logged {
                tracing::error!("the new certificate cannot be used, and the old one stays: {wrong}");
            }
            logged = wrong;
        }
    }
}

impl Served {
    fn from(contents: Contents, settings: &TlsSettings) -> Result<Self, TlsError> {
        let TlsSettings { cert_file, key_file, .. } = settings;
        let no_certificate = || TlsError::NoCertificate { file: cert_file.clone() };
        let chain = certificates(contents.certificate())
            .filter(|chain| !chain.is_empty())
            .ok_or_else(no_certificate)?;
        let info = chain.first().and_then(CertificateInfo::of);
        let info = info.ok_or_else(|| TlsError::Certificate { file: cert_file.clone() })?;
        let key = PrivateKeyDer::from_pem_slice(contents.key());
        let key = key.map_err(|_| TlsError::NoKey { file: key_file.clone() })?;
        let pair =
            |source| TlsError::Pair { cert_file: cert_file.clone(), key_file: key_file.clone(), source };
        let provider = Arc::new(aws_lc_rs::default_provider());
        // TLS 1.2 and 1.3.
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.map_err(pair)?.with_client_cert_verifier(verifier(&contents, settings)?);
        // Fails also if the key is another certificate's.
        let mut config = config.with_single_cert(chain, key).map_err(pair)?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        if settings.http1 {
            config.alpn_protocols.push(b"http/1.1".to_vec());
        }
        Ok(Self { tls: TlsAcceptor::from(Arc::new(config)), info, contents })
    }
}

fn verifier(contents: &Contents, settings: &TlsSettings) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let (Some(file), Some(pem)) = (&settings.client_ca_file, contents.client_ca()) else {
        return Ok(Arc::new(NoClientAuth));
    };
    let found = certificates(pem).filter(|found| !found.is_empty());
    let found = found.ok_or_else(|| TlsError::NoCertificate { file: file.clone() })?;
    let unusable = |source| TlsError::Authorities { file: file.clone(), source };
    let mut roots = RootCertStore::empty();
    for one in found {
        roots.add(one).map_err(|error| unusable(error.into()))?;
    }
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    let verifier = match settings.client_certificates {
        ClientCertificates::Optional => verifier.allow_unauthenticated(),
        ClientCertificates::Required => verifier,
    };
    verifier.build().map_err(|error| unusable(error.into()))
}

/// `None`: a part of the text is cut off, or is no PEM.
fn certificates(pem: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().ok()
}

impl CertificateInfo {
    fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
        let names = certificate.subject_alternative_name().ok().flatten();
        let mut names = names.iter().flat_map(|names| &names.value.general_names);
        let name = names.find_map(|name| match name {
            GeneralName::DNSName(name) => Some((*name).to_owned()),
            _ => None,
        });
        Some(Self {
            expires_at: instant(certificate.validity().not_after.timestamp()),
            serial: certificate.raw_serial_as_string().replace(':', "").to_uppercase(),
            name,
        })
    }
}

/// An error and its causes in one line.
fn story(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
