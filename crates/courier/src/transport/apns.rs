//! Notifications for Apple devices (APNs), over HTTP/2 with a provider token.
//!
//! <https://developer.apple.com/documentation/usernotifications/sending-notification-requests-to-apns>

use std::{fs, path::PathBuf, time::Duration};

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reqwest::Url;
use serde::Serialize;
use serde_json::{Value, json};
use tidegate_core::{DeliveryId, Notification, Secret, Span, Timestamp};

use super::{
    http::{Answer, Http, Versions, service_url},
    push::{NOTICE, tag},
    reach::HttpEndpoint,
    tokens::{BearerToken, TokenStore},
};
use crate::{SetupError, trouble::Trouble};

/// An app, and the key by which notifications for it are sent.
#[derive(Debug, Clone)]
pub struct ApnsSettings {
    /// The key of the developer account (`AuthKey_….p8`).
    pub key_file: PathBuf,
    /// The key's id, 10 letters and digits.
    pub key_id: String,
    /// The team's id, 10 letters and digits.
    pub team_id: String,
    /// The app's bundle id.
    pub topic: String,
    /// `https://api.push.apple.com`, or `https://api.sandbox.push.apple.com` for apps under development.
    pub base: String,
    /// How long one request may take.
    pub timeout: Duration,
}

impl ApnsSettings {
    pub const DEFAULT_BASE: &str = "https://api.push.apple.com";
}

pub(super) struct Apns {
    http: Http,
    base: Url,
    topic: String,
    key: EncodingKey,
    key_id: String,
    team_id: String,
    tokens: TokenStore,
}

pub(super) const SERVICE: &str = "the Apple Push Notification service";
/// What the one token of the store is for.
const AUDIENCE: &str = "apns";
/// A token is used for 40 minutes. Apple refuses one that is older than an hour, and more than one in 20 minutes.
const USE: Span = Span::minutes(40);
const MIN_USE: Span = Span::minutes(20);

/// The reasons that are told apart or worth a log line.
/// <https://developer.apple.com/documentation/usernotifications/handling-notification-responses-from-apns>
const REASONS: &[&str] = &[
    "BadCollapseId",
    "BadDeviceToken",
    "BadEnvironmentKeyIdInToken",
    "BadExpirationDate",
    "BadMessageId",
    "BadPath",
    "BadPriority",
    "BadTopic",
    "DeviceTokenNotForTopic",
    "DuplicateHeaders",
    "ExpiredProviderToken",
    "ExpiredToken",
    "Forbidden",
    "IdleTimeout",
    "InternalServerError",
    "InvalidProviderToken",
    "InvalidPushType",
    "MethodNotAllowed",
    "MissingDeviceToken",
    "MissingProviderToken",
    "MissingTopic",
    "PayloadEmpty",
    "PayloadTooLarge",
    "ServiceUnavailable",
    "Shutdown",
    "TooManyProviderTokenUpdates",
    "TooManyRequests",
    "TopicDisallowed",
    "UnrelatedKeyIdInToken",
    "Unregistered",
];

#[derive(Serialize)]
struct ProviderClaims<'c> {
    iss: &'c str,
    iat: i64,
}

impl Apns {
    pub(super) fn open(settings: ApnsSettings) -> Result<Self, SetupError> {
        let ApnsSettings { key_file, key_id, team_id, topic, base, timeout } = settings;
        let http = Http::open(SERVICE, timeout, Versions::Http2, None)?;
        let base = service_url(SERVICE, &base)?;
        let unusable = |source| SetupError::KeyFile { file: key_file.display().to_string(), source };
        let pem = Secret::new(fs::read(&key_file).map_err(unusable)?);
        let wrong =
            |_| unusable(std::io::Error::other("it holds no private key of the curve P-256 in PKCS #8"));
        let key = EncodingKey::from_ec_pem(pem.expose()).map_err(wrong)?;
        // A key that cannot sign is found now, not at the first notification.
        sign(&key, &key_id, &team_id, Timestamp::from_unix_micros(0)).map_err(wrong)?;
        Ok(Self { http, base, topic, key, key_id, team_id, tokens: TokenStore::default() })
    }

    /// What shows whether the service can be reached.
    pub(super) fn endpoint(&self) -> HttpEndpoint<'_> {
        HttpEndpoint { http: &self.http, url: self.base.clone() }
    }

    pub(super) async fn send(
        &self,
        id: DeliveryId,
        device: &str,
        notification: &Notification,
        now: Timestamp,
    ) -> Result<(), Trouble> {
        let token = self.token(now).await?;
        let answer = self.post(id, device, notification, &token).await?;
        let is_expired = answer.status == 403 && reason(&answer) == "ExpiredProviderToken";
        if is_expired && now.since(token.made_at) >= MIN_USE {
            self.tokens.drop_refused(AUDIENCE, &token).await;
            let token = self.token(now).await?;
            return judge(&self.post(id, device, notification, &token).await?);
        }
        judge(&answer)
    }

    async fn post(
        &self,
        id: DeliveryId,
        device: &str,
        notification: &Notification,
        token: &BearerToken,
    ) -> Result<Answer, Trouble> {
        let mut url = self.base.clone();
        let no_path = |()| Trouble::Service { service: SERVICE, why: "its address takes no path" };
        url.path_segments_mut().map_err(no_path)?.pop_if_empty().extend(["3", "device", device]);
        let request = self
            .http
            .post(url)
            .bearer_auth(token.text.expose())
            // A notification that is sent again has the same id, and replaces one that is shown already.
            .header("apns-id", id.uuid().to_string())
            .header("apns-collapse-id", tag(notification))
            .header("apns-topic", &self.topic)
            .header("apns-push-type", "alert")
            .header("apns-priority", "10")
            .header("apns-expiration", notification.expires_at.unix_seconds().max(0))
            .json(&content(notification));
        self.http.send(request).await
    }

    async fn token(&self, now: Timestamp) -> Result<BearerToken, Trouble> {
        let unsigned = |_| Trouble::Service { service: SERVICE, why: "the token for it cannot be signed" };
        let renewal = async { sign(&self.key, &self.key_id, &self.team_id, now).map_err(unsigned) };
        self.tokens.get(AUDIENCE, now, renewal).await
    }
}

/// <https://developer.apple.com/documentation/usernotifications/establishing-a-token-based-connection-to-apns>
fn sign(
    key: &EncodingKey,
    key_id: &str,
    team_id: &str,
    now: Timestamp,
) -> Result<BearerToken, jsonwebtoken::errors::Error> {
    let header = Header { kid: Some(key_id.to_owned()), ..Header::new(Algorithm::ES256) };
    let text = jsonwebtoken::encode(&header, &ProviderClaims { iss: team_id, iat: now.unix_seconds() }, key)?;
    Ok(BearerToken { text: Secret::new(text), made_at: now, renew_at: now.plus(USE) })
}

fn content(notification: &Notification) -> Value {
    let aps = json!({ "alert": { "title": notification.title.as_str(), "body": notification.text } });
    match notification.challenge {
        Some(challenge) => json!({ "aps": aps, "challenge": challenge.to_string() }),
        None => json!({ "aps": aps, "kind": NOTICE }),
    }
}

fn reason(answer: &Answer) -> &'static str {
    answer.known_word("/reason", REASONS)
}

/// The reason says more than the status: under 400 are devices that are gone, and settings that are wrong.
fn judge(answer: &Answer) -> Result<(), Trouble> {
    if answer.status == 200 {
        return Ok(());
    }
    let reason = reason(answer);
    Err(match (answer.status, reason) {
        (410, _) | (400, "BadDeviceToken" | "DeviceTokenNotForTopic") => answer.gone(reason),
        (400, "BadTopic" | "MissingTopic" | "TopicDisallowed" | "InvalidPushType") => {
            answer.not_accepted(reason)
        }
        (400, "IdleTimeout") => answer.no_sense(),
        _ => answer.refusal(reason),
    })
}
