//! Access tokens of Google for a service account (OAuth 2.0, RFC 7523 §2.1): a token signed with the account's key is
//! exchanged for an access token, which is used until shortly before it expires.
//!
//! <https://developers.google.com/identity/protocols/oauth2/service-account#httprest>

use std::{fs, path::Path};

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reqwest::Url;
use serde::{Deserialize, Serialize};
use tidegate_core::{Secret, Span, Timestamp};

use super::{SERVICE, Trouble};
use crate::{
    SetupError,
    transport::{
        http::{Answer, Http, service_url},
        tokens::{BearerToken, TokenStore},
    },
};

pub(super) struct ServiceAccount {
    key: EncodingKey,
    key_id: String,
    email: String,
    token_url: Url,
    tokens: TokenStore,
}

/// The file of a service account's key. Other fields are not read.
#[derive(Deserialize)]
struct AccountFile {
    project_id: String,
    private_key_id: String,
    private_key: String,
    client_email: String,
    token_uri: String,
}

const SCOPE: &str = "https://www.googleapis.com/auth/firebase.messaging";
const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// How long the signed token is valid. Google accepts an hour at most.
const TTL: Span = Span::hours(1);
/// So long before its expiry an access token is renewed: a request that is on its way must not find it expired.
const MARGIN: Span = Span::minutes(5);
/// RFC 6749 §5.2.
const REASONS: &[&str] =
    &["invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "invalid_scope"];

#[derive(Serialize)]
struct GrantClaims<'c> {
    iss: &'c str,
    scope: &'static str,
    aud: &'c str,
    iat: i64,
    exp: i64,
}

/// RFC 6749 §5.1.
#[derive(Deserialize)]
struct AccessGrant {
    access_token: String,
    expires_in: i64,
}

impl ServiceAccount {
    /// The account, and the project that it belongs to.
    pub(super) fn open(file: &Path, token_url: Option<String>) -> Result<(Self, String), SetupError> {
        let unusable = |source| SetupError::KeyFile { file: file.display().to_string(), source };
        let text = Secret::new(fs::read(file).map_err(unusable)?);
        // The error of serde is dropped, because it may quote the key.
        let wrong = |what| unusable(std::io::Error::other(what));
        let account: AccountFile = serde_json::from_slice(text.expose())
            .map_err(|_| wrong("it is no key of a service account in JSON"))?;
        let pem = Secret::new(account.private_key);
        let key = EncodingKey::from_rsa_pem(pem.expose().as_bytes())
            .map_err(|_| wrong("its private_key is no RSA key in PEM"))?;
        let token_url = service_url(SERVICE, &token_url.unwrap_or(account.token_uri))?;
        let (key_id, email, tokens) = (account.private_key_id, account.client_email, TokenStore::default());
        Ok((Self { key, key_id, email, token_url, tokens }, account.project_id))
    }

    /// The access token in use, or a new one.
    pub(super) async fn access(&self, http: &Http, now: Timestamp) -> Result<BearerToken, Trouble> {
        self.tokens.get(SCOPE, now, self.fetch(http, now)).await
    }

    pub(super) async fn drop_refused(&self, refused: &BearerToken) {
        self.tokens.drop_refused(SCOPE, refused).await;
    }

    async fn fetch(&self, http: &Http, now: Timestamp) -> Result<BearerToken, Trouble> {
        let assertion = self.assertion(now)?;
        let form = [("grant_type", GRANT), ("assertion", assertion.expose())];
        let answer = http.send(http.post(self.token_url.clone()).form(&form)).await?;
        if !answer.is_success() {
            return Err(refusal(&answer));
        }
        let granted = answer.json().and_then(|body| serde_json::from_value(body).ok());
        let AccessGrant { access_token, expires_in } = granted.ok_or_else(|| answer.no_sense())?;
        let renew_at = now.plus(Span::seconds(expires_in)).minus(MARGIN);
        Ok(BearerToken { text: Secret::new(access_token), made_at: now, renew_at })
    }

    fn assertion(&self, now: Timestamp) -> Result<Secret<String>, Trouble> {
        let (iat, exp) = (now.unix_seconds(), now.plus(TTL).unix_seconds());
        let claims = GrantClaims { iss: &self.email, scope: SCOPE, aud: self.token_url.as_str(), iat, exp };
        let header = Header { kid: Some(self.key_id.clone()), ..Header::new(Algorithm::RS256) };
        let unsigned = |_| Trouble::Service { service: SERVICE, why: "the token for it cannot be signed" };
        jsonwebtoken::encode(&header, &claims, &self.key).map(Secret::new).map_err(unsigned)
    }
}

/// Whatever the token endpoint has against the account, it says nothing of the message.
fn refusal(answer: &Answer) -> Trouble {
    let reason = answer.known_word("/error", REASONS);
    match answer.refusal(reason) {
        Trouble::Rejected { .. } | Trouble::TooLong { .. } => answer.not_accepted(reason),
        trouble => trouble,
    }
}
