//! For whom security keys sign: the relying party of WebAuthn. A key signs for one domain only, so that a page of another
//! domain cannot ask for it (phishing).

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use url::Url;
use uuid::Uuid;

use crate::Malformed;

/// The domain that keys are registered for, and the pages that may ask for them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RelyingParty {
    /// The RP ID: a domain in lower case, an internationalised one as A-labels. Keys of another one cannot be used.
    pub id: String,
    /// At least one; exact, without wildcards.
    pub origins: Vec<Origin>,
    /// Only these keys are registered, and each must prove its model (attestation). Empty: any key is, and none is asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<KeyModel>,
}

/// A model of security keys, and the certificate of its maker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyModel {
    pub aaguid: Uuid,
    /// The root of the chain that attests the model, as PEM.
    pub root_pem: String,
}

/// How many models of keys a product may name.
const MAX_MODELS: usize = 50;
/// The longest certificate, in bytes.
const MAX_PEM_BYTES: usize = 8_192;

impl KeyModel {
    pub fn new(aaguid: &str, root_pem: &str) -> Result<Self, Malformed> {
        let aaguid = Uuid::try_parse(aaguid).map_err(|_| Malformed("have an AAGUID, which is a UUID"))?;
        if aaguid.is_nil() {
            return Err(Malformed(
                "have an AAGUID that is not zero: zero stands for every model that says nothing",
            ));
        }
        let is_pem = root_pem.trim_start().starts_with("-----BEGIN CERTIFICATE-----");
        if !is_pem || root_pem.len() > MAX_PEM_BYTES {
            return Err(Malformed("have one certificate as PEM, at most 8192 bytes"));
        }
        Ok(Self { aaguid, root_pem: root_pem.to_owned() })
    }
}

/// How many pages may ask for keys.
const MAX_ORIGINS: usize = 10;

impl RelyingParty {
    /// Every origin must be the domain itself or one below it (WebAuthn §5.1.3).
    pub fn new(id: &str, origins: Vec<Origin>) -> Result<Self, Malformed> {
        if !is_domain(id) {
            return Err(Malformed("be a domain in lower case"));
        }
        if origins.is_empty() || origins.len() > MAX_ORIGINS {
            return Err(Malformed("have 1 to 10 origins"));
        }
        let below = format!(".{id}");
        let belongs =
            |origin: &Origin| origin.host().is_some_and(|host| host == id || host.ends_with(&below));
        if !origins.iter().all(belongs) {
            return Err(Malformed("have origins at its domain, or below it"));
        }
        Ok(Self { id: id.to_owned(), origins, models: Vec::new() })
    }

    /// The same, taking only keys of these models; any key if there are none.
    pub fn taking(self, models: Vec<KeyModel>) -> Result<Self, Malformed> {
        if models.len() > MAX_MODELS {
            return Err(Malformed("have at most 50 models"));
        }
        Ok(Self { models, ..self })
    }
}

/// Whether the text is a domain in its normal form, and nothing else.
pub(crate) fn is_domain(text: &str) -> bool {
    let url = Url::parse(&format!("https://{text}/"));
    url.is_ok_and(|url| url.domain() == Some(text) && url.port().is_none() && !text.ends_with('.'))
}

/// Scheme, host and port of a page: `https://login.kasa.example`, or `http://localhost:8080` for development.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Origin(String);

impl Origin {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn host(&self) -> Option<String> {
        Url::parse(&self.0).ok()?.domain().map(str::to_owned)
    }
}

impl FromStr for Origin {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        const FORM: Malformed = Malformed("be an origin such as https://login.example.com");
        let url = Url::parse(text).map_err(|_| FORM)?;
        let local = url.scheme() == "http" && url.host_str() == Some("localhost");
        let is_origin = url.origin().ascii_serialization() == text;
        if (url.scheme() == "https" || local) && is_origin { Ok(Self(text.to_owned())) } else { Err(FORM) }
    }
}

impl TryFrom<String> for Origin {
    type Error = Malformed;
    fn try_from(text: String) -> Result<Self, Malformed> {
        text.parse()
    }
}

impl From<Origin> for String {
    fn from(origin: Origin) -> Self {
        origin.0
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn party(id: &str, origins: &[&str]) -> Result<RelyingParty, Malformed> {
        let origins = origins.iter().map(|origin| origin.parse()).collect::<Result<Vec<Origin>, _>>()?;
        RelyingParty::new(id, origins)
    }

    #[test]
    fn pages_of_the_domain_may_ask_for_keys() {
        for (id, origins) in [
            ("kasa.example", &["https://kasa.example", "https://login.kasa.example:8443"][..]),
            ("localhost", &["http://localhost:8080"]),
            ("xn--bcher-kva.example", &["https://xn--bcher-kva.example"]),
        ] {
            assert!(party(id, origins).is_ok(), "{id}");
        }
    }

    #[test]
    fn pages_elsewhere_may_not() {
        for (id, origins) in [
            ("kasa.example", &["https://evil.example"][..]),
            ("kasa.example", &["https://notkasa.example"]),
            ("login.kasa.example", &["https://kasa.example"]),
            ("kasa.example", &["http://kasa.example"]),
            ("kasa.example", &["https://kasa.example/"]),
            ("kasa.example", &["https://kasa.example:443"]),
            ("kasa.example", &["https://KASA.example"]),
            ("kasa.example", &["https://ann@kasa.example"]),
            ("kasa.example", &[]),
            ("Kasa.example", &["https://kasa.example"]),
            ("kasa.example.", &["https://kasa.example."]),
            ("bücher.example", &["https://xn--bcher-kva.example"]),
            ("192.0.2.1", &["https://192.0.2.1"]),
            ("", &["https://kasa.example"]),
            ("kasa.example/x", &["https://kasa.example"]),
        ] {
            assert!(party(id, origins).is_err(), "{id} {origins:?}");
        }
        assert!(party("kasa.example", &["https://kasa.example"; 11]).is_err());
    }
}
