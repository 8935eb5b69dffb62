//! Which credential a client certificate stands for.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use tidegate_core::CredentialId;
use x509_parser::{certificate::X509Certificate, extensions::GeneralName, prelude::FromDer as _};

/// Names in client certificates, and the credential that each one acts as. A certificate without any of
/// them stands for none: its calls carry a token.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClientIdentities(Arc<[(CertificateName, CredentialId)]>);

/// What a certificate calls its holder.
#[derive(Debug, Clone, PartialEq, Eq)]
enum CertificateName {
    /// A URI among the alternative names, such as a SPIFFE id.
    Uri(String),
    /// The subject's common name.
    CommonName(String),
}

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0:?} is not of the form spiffe://…=cred_… or CN=…=cred_…")]
pub struct NotAnIdentity(String);

impl ClientIdentities {
    /// Reads `spiffe://…=cred_…` and `CN=…=cred_…`, separated by commas.
    pub fn parse(text: &str) -> Result<Self, NotAnIdentity> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        let identity = |text: &str| identity(text).ok_or_else(|| NotAnIdentity(text.to_owned()));
        Ok(Self(text.split(',').map(str::trim).map(identity).collect::<Result<_, _>>()?))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The credential of a certificate that was verified. If several names are in it, the first of this
    /// list counts.
    pub(crate) fn of(&self, certificate: &CertificateDer<'_>) -> Option<CredentialId> {
        if self.is_empty() {
            return None;
        }
        let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
        let others = certificate.subject_alternative_name().ok().flatten();
        let holds = |name: &CertificateName| match name {
            CertificateName::Uri(uri) => others
                .iter()
                .flat_map(|others| &others.value.general_names)
                .any(|other| matches!(other, GeneralName::URI(other) if other == uri)),
            CertificateName::CommonName(name) => {
                let mut names = certificate.subject().iter_common_name();
                names.any(|other| other.as_str().is_ok_and(|other| other == name))
            }
        };
        self.0.iter().find(|(name, _)| holds(name)).map(|(_, credential)| *credential)
    }
}

fn identity(text: &str) -> Option<(CertificateName, CredentialId)> {
    let (name, credential) = text.rsplit_once('=')?;
    let name = match name.strip_prefix("CN=") {
        Some(name) if !name.is_empty() => CertificateName::CommonName(name.to_owned()),
        None if name.contains("://") => CertificateName::Uri(name.to_owned()),
        _ => return None,
    };
    Some((name, credential.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "cred_01234567890123456789012345";

    #[test]
    fn a_uri_or_a_common_name_stands_for_a_credential() {
        let read = ClientIdentities::parse(&format!("spiffe://a/b?c=d={ID}, CN=Ann Example={ID}")).unwrap();
        let names: Vec<_> = read.0.iter().map(|(name, _)| name.clone()).collect();
        let uri = CertificateName::Uri("spiffe://a/b?c=d".to_owned());
        assert_eq!(names, [uri, CertificateName::CommonName("Ann Example".to_owned())]);
        assert!(ClientIdentities::parse("").unwrap().is_empty());
        for text in ["x", &format!("CN=={ID}"), &format!("ann={ID}"), "CN=ann=cred_1", &format!("CN=a={ID},")]
        {
            assert!(ClientIdentities::parse(text).is_err(), "{text}");
        }
    }
}
