//! How notifications reach an enrolled device. A notification only says that something waits: the device fetches what it
//! shows with its own key, and no code or number passes through the push service (INV-38).

use serde::{Deserialize, Serialize};
use url::Url;

use crate::{ChallengeId, Malformed, Secret, Timestamp, Title};

/// The address that a push service gave to an app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PushAddress {
    /// A subscription of a browser (RFC 8030), with the keys that notifications are encrypted with (RFC 8291).
    WebPush { endpoint: String, p256dh: Vec<u8>, auth: Vec<u8> },
    /// A registration token of Firebase Cloud Messaging.
    Fcm { token: String },
    /// A device token of the Apple Push Notification service, in hexadecimal.
    Apns { token: String },
}

/// The longest endpoint or token, in bytes.
const MAX_LENGTH: usize = 1_024;

impl PushAddress {
    pub fn web_push(endpoint: &str, p256dh: Vec<u8>, auth: Vec<u8>) -> Result<Self, Malformed> {
        let url = Url::parse(endpoint).map_err(|_| Malformed("be a URL"))?;
        let local = url.scheme() == "http" && url.host_str() == Some("localhost");
        if endpoint.len() > MAX_LENGTH || !(url.scheme() == "https" || local) || !url.username().is_empty() {
            return Err(Malformed("be an https URL of at most 1024 bytes"));
        }
        // An uncompressed point of the curve P-256, and a secret of 16 bytes (RFC 8291 §3.1, §3.2).
        if p256dh.len() != 65 || p256dh.first() != Some(&4) {
            return Err(Malformed("have a p256dh key of 65 bytes"));
        }
        if auth.len() != 16 {
            return Err(Malformed("have an auth secret of 16 bytes"));
        }
        Ok(Self::WebPush { endpoint: endpoint.to_owned(), p256dh, auth })
    }

    pub fn fcm(token: &str) -> Result<Self, Malformed> {
        let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-_:".contains(&byte);
        if token.is_empty() || token.len() > MAX_LENGTH || !token.bytes().all(is_token) {
            return Err(Malformed("be an FCM registration token"));
        }
        Ok(Self::Fcm { token: token.to_owned() })
    }

    pub fn apns(token: &str) -> Result<Self, Malformed> {
        let is_token = token.len().is_multiple_of(2) && token.bytes().all(|byte| byte.is_ascii_hexdigit());
        if token.len() < 64 || token.len() > 200 || !is_token {
            return Err(Malformed("be an APNs device token in hexadecimal"));
        }
        Ok(Self::Apns { token: token.to_ascii_lowercase() })
    }
}

/// What a push service is given for a device.
#[derive(Clone)]
pub struct Notification {
    pub to: PushAddress,
    /// The product's title, which the notification shows.
    pub title: Title,
    /// One line in the person's language.
    pub text: String,
    /// What the device asks for. `None`: it is a notice, and asks for nothing.
    pub challenge: Option<ChallengeId>,
    /// Push services drop what they could not deliver until then.
    pub expires_at: Timestamp,
}

/// A text for a phone.
#[derive(Clone)]
pub struct TextMessage {
    /// E.164: `+4915112345678`.
    pub to: Secret<String>,
    pub text: Secret<String>,
}
