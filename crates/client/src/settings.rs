//! Where the server is, who calls, and how long a call may take.

use std::time::Duration;

use http::HeaderValue;
use tidegate_core::{RealmKey, Secret};
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity as Pair};

use crate::{
    Retries, TraceSource,
    transport::{Deadline, Identity, Story},
};

/// How a [`Client`](crate::Client) connects.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `https://host:port`, or `http://host:port`. The latter is not encrypted and carries the credential, so use it on
    /// the same machine, on a trusted network, or to a proxy that adds TLS.
    pub address: String,
    /// For `https://`.
    pub tls: Tls,
    /// The whole token, `tgk_<id>_<secret>`; empty where the client certificate says who calls.
    pub credential: Secret<String>,
    /// The realm that an operator means; absent: the credential's own. The server reads it for operators only.
    pub realm: Option<RealmKey>,
    /// How long a call may take, connecting included. The server gets it too. A peer that does not
    /// answer a keepalive ping for as long counts as gone.
    pub deadline: Duration,
    /// How [`Client::retrying`](crate::Client::retrying) retries.
    pub retries: Retries,
    /// Which trace a call belongs to; absent: it names none.
    pub trace: Option<TraceSource>,
}

/// Whom a client trusts, and the certificate that it shows.
#[derive(Debug, Clone, Default)]
pub struct Tls {
    /// The authorities (PEM) that are trusted in place of the system's; empty: the system's.
    pub authorities: Vec<u8>,
    /// For servers that ask for a certificate.
    pub certificate: Option<ClientCertificate>,
}

/// A client's certificate.
#[derive(Debug, Clone)]
pub struct ClientCertificate {
    /// With those of the authorities below the root (PEM).
    pub chain: Vec<u8>,
    /// The certificate's key (PEM).
    pub key: Secret<Vec<u8>>,
}

impl Settings {
    /// `http://127.0.0.1:50051`, the credential's own realm, 10 seconds, 4 attempts.
    pub fn new(credential: Secret<String>) -> Self {
        Self {
            address: "http://127.0.0.1:50051".to_owned(),
            tls: Tls::default(),
            credential,
            realm: None,
            deadline: Duration::from_secs(10),
            retries: Retries::default(),
            trace: None,
        }
    }

    pub(crate) fn endpoint(&self) -> Result<Endpoint, ConnectError> {
        let malformed = || ConnectError::Address { address: self.address.clone() };
        let endpoint = Endpoint::from_shared(self.address.clone()).map_err(|_| malformed())?;
        let endpoint = match endpoint.uri().scheme_str() {
            Some("http") => endpoint,
            Some("https") => {
                let unusable = |error: tonic::transport::Error| Story(&error).to_string();
                let config = self.tls.config(self.deadline).map_err(str::to_owned);
                let encrypted = config.and_then(|config| endpoint.tls_config(config).map_err(unusable));
                encrypted.map_err(|reason| ConnectError::Tls { reason })?
            }
            _ => return Err(malformed()),
        };
        // Keepalive pings find a peer that is gone while a call without a deadline waits for it.
        Ok(endpoint
            .connect_timeout(self.deadline)
            .http2_keep_alive_interval(Duration::from_secs(30))
            .keep_alive_timeout(self.deadline))
    }

    pub(crate) fn identity(&self) -> Result<Identity, ConnectError> {
        let token = self.credential.expose();
        let bearer = (!token.is_empty()).then(|| Secret::new(format!("Bearer {token}")));
        let authorization = bearer.map(|bearer| HeaderValue::from_str(bearer.expose())).transpose();
        let authorization = authorization.map_err(|_| ConnectError::Credential)?;
        let realm = self.realm.as_ref().map(|realm| HeaderValue::from_str(realm.as_str())).transpose();
        // Without the realm, the call would act in another realm.
        let realm = realm.map_err(|_| ConnectError::Realm)?;
        Ok(Identity::new(authorization, realm))
    }

    pub(crate) fn deadline(&self) -> Deadline {
        Deadline::new(self.deadline)
    }
}

impl Tls {
    fn config(&self, deadline: Duration) -> Result<ClientTlsConfig, &'static str> {
        const BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----";
        let has_certificate = |pem: &[u8]| pem.windows(BEGIN.len()).any(|part| part == BEGIN);
        let config = ClientTlsConfig::new().timeout(deadline);
        let config = if self.authorities.is_empty() {
            config.with_native_roots()
        } else if has_certificate(&self.authorities) {
            config.ca_certificate(Certificate::from_pem(&self.authorities))
        } else {
            return Err("the authorities hold no certificate in PEM");
        };
        Ok(match &self.certificate {
            Some(shown) => config.identity(Pair::from_pem(&shown.chain, shown.key.expose())),
            None => config,
        })
    }
}

/// Why there is no [`Client`](crate::Client).
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The address is not of the form `https://host:port` or `http://host:port`.
    #[error("the address must be https://host:port or http://host:port, not {address:?}")]
    Address {
        /// As it was given.
        address: String,
    },
    /// The certificates or the key cannot be used.
    #[error("the TLS settings cannot be used: {reason}")]
    Tls {
        /// What is wrong.
        reason: String,
    },
    /// The credential has characters that no token has.
    #[error("the credential is not a token: it must be printable ASCII, tgk_<id>_<secret>")]
    Credential,
    /// The realm cannot be sent.
    #[error("the realm is not a key")]
    Realm,
    /// Nothing answers at the address.
    #[error("no connection to {address}: {reason}")]
    Unreachable {
        /// Where it was tried.
        address: String,
        /// What the system says.
        reason: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(address: &str, credential: &str) -> Settings {
        Settings { address: address.to_owned(), ..Settings::new(Secret::new(credential.to_owned())) }
    }

    #[test]
    fn an_address_names_scheme_and_host() {
        assert!(settings("http://tidegate.internal:50051", "x").endpoint().is_ok());
        for address in ["127.0.0.1:50051", "ftp://tidegate.internal", "", "http://"] {
            let refused = settings(address, "x").endpoint();
            assert!(matches!(refused, Err(ConnectError::Address { .. })), "{address}");
        }
    }

    #[test]
    fn a_certificate_that_is_no_pem_is_refused() {
        for broken in ["-----BEGIN CERTIFICATE-----\nMII", "nothing"] {
            let tls = Tls { authorities: broken.into(), certificate: None };
            let refused = Settings { tls, ..settings("https://tidegate.internal", "x") }.endpoint();
            assert!(matches!(refused, Err(ConnectError::Tls { .. })), "{refused:?}");
        }
    }

    #[test]
    fn a_credential_with_a_line_break_is_refused_without_being_printed() {
        let Err(error) = settings("http://a", "tgk_1_hidden\n").identity() else { panic!("accepted") };
        assert!(!format!("{error} {error:?}").contains("hidden"));
    }

    #[test]
    fn settings_do_not_print_the_credential() {
        assert!(!format!("{:?}", settings("http://a", "tgk_1_hidden")).contains("hidden"));
    }
}
