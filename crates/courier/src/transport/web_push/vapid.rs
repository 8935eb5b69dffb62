//! In whose name notifications are sent (VAPID, RFC 8292): a token for each push service, signed with the key that browsers
//! subscribe with.

use std::{fs, path::Path};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use p256::{
    SecretKey,
    elliptic_curve::sec1::ToSec1Point as _,
    pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _},
};
use reqwest::{Url, header::HeaderValue};
use serde::Serialize;
use tidegate_core::{Secret, Span, Timestamp};

use super::{SERVICE, Trouble};
use crate::{
    SetupError,
    transport::tokens::{BearerToken, TokenStore},
};

pub(super) struct Vapid {
    key: EncodingKey,
    public_key: String,
    contact: String,
    tokens: TokenStore,
}

/// How long a token is valid. A push service refuses more than a day (RFC 8292 §2).
const TTL: Span = Span::hours(12);
/// How long a token is used. The rest is for clocks that differ.
const USE: Span = Span::hours(10);

#[derive(Serialize)]
struct VapidClaims<'c> {
    aud: &'c str,
    exp: i64,
    sub: &'c str,
}

impl Vapid {
    /// Reads a key in PKCS #8 (`BEGIN PRIVATE KEY`) or SEC 1 (`BEGIN EC PRIVATE KEY`).
    pub(super) fn open(file: &Path, contact: String) -> Result<Self, SetupError> {
        if !contact.starts_with("mailto:") && !contact.starts_with("https:") {
            return Err(SetupError::Contact { contact });
        }
        let unusable = |source| SetupError::KeyFile { file: file.display().to_string(), source };
        let pem = Secret::new(fs::read_to_string(file).map_err(unusable)?);
        let pem: &str = pem.expose();
        let secret = SecretKey::from_pkcs8_pem(pem).ok().or_else(|| SecretKey::from_sec1_pem(pem).ok());
        let wrong = || unusable(std::io::Error::other("it holds no private key of the curve P-256"));
        let secret = secret.ok_or_else(wrong)?;
        let key = EncodingKey::from_ec_der(secret.to_pkcs8_der().map_err(|_| wrong())?.as_bytes());
        let public_key = BASE64_URL_SAFE_NO_PAD.encode(secret.public_key().to_sec1_point(false).as_bytes());
        Ok(Self { key, public_key, contact, tokens: TokenStore::default() })
    }

    pub(super) fn public_key(&self) -> &str {
        &self.public_key
    }

    /// The value of the header `Authorization` for the push service of an endpoint (RFC 8292 §3).
    pub(super) async fn authorization(&self, endpoint: &Url, now: Timestamp) -> Result<HeaderValue, Trouble> {
        let origin = endpoint.origin().ascii_serialization();
        let token = self.tokens.get(&origin, now, async { self.token(&origin, now) }).await?;
        let mut value =
            HeaderValue::from_str(&format!("vapid t={}, k={}", token.text.expose(), self.public_key))
                .map_err(|_| UNSIGNED)?;
        value.set_sensitive(true);
        Ok(value)
    }

    fn token(&self, aud: &str, now: Timestamp) -> Result<BearerToken, Trouble> {
        let claims = VapidClaims { aud, exp: now.plus(TTL).unix_seconds(), sub: &self.contact };
        let text =
            jsonwebtoken::encode(&Header::new(Algorithm::ES256), &claims, &self.key).map_err(|_| UNSIGNED)?;
        Ok(BearerToken { text: Secret::new(text), made_at: now, renew_at: now.plus(USE) })
    }
}

const UNSIGNED: Trouble = Trouble::Service { service: SERVICE, why: "the token for it cannot be signed" };
