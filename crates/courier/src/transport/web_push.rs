//! Notifications for browsers: Web Push (RFC 8030), encrypted for the subscription (RFC 8291), in the name of this server
//! (RFC 8292).
//!
//! The owner of a subscription chooses its endpoint. A server that requests any URL it is given can be made to reach
//! hosts that only it can reach (server-side request forgery), so only the hosts of the settings are requested.

mod encryption;
mod vapid;

use std::{path::PathBuf, time::Duration};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use encryption::Subscription;
use reqwest::{
    Url,
    header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE},
};
use serde_json::json;
use tidegate_core::{ChallengeId, Entropy, Notification, Timestamp};
use vapid::Vapid;

use super::{
    http::{Answer, Http, Versions},
    push::{NOTICE, seconds_left},
    reach::HttpEndpoint,
};
use crate::{SetupError, trouble::Trouble};

/// Which push services are requested, and in whose name.
#[derive(Debug, Clone)]
pub struct WebPushSettings {
    /// The private key (P-256, PEM) by which push services recognise this server. Browsers subscribe with its public key,
    /// so another key makes all subscriptions useless.
    pub key_file: PathBuf,
    /// How a push service reaches the operator: `mailto:` or `https:` (RFC 8292 §2.1).
    pub contact: String,
    /// The hosts that may be requested: `push.example`, or `*.push.example` for every host below it.
    pub hosts: Vec<String>,
    /// How long one request may take.
    pub timeout: Duration,
}

impl WebPushSettings {
    /// The push services of Chrome, Firefox, Edge and Safari.
    pub const DEFAULT_HOSTS: &[&str] = &[
        "fcm.googleapis.com",
        "updates.push.services.mozilla.com",
        "*.notify.windows.com",
        "web.push.apple.com",
    ];
}

pub(super) struct WebPush {
    http: Http,
    vapid: Vapid,
    hosts: Vec<String>,
}

/// The name in the log. Which service it is would say which browser the owner has.
pub(super) const SERVICE: &str = "the Web Push service";

impl WebPush {
    pub(super) fn open(settings: WebPushSettings) -> Result<Self, SetupError> {
        let WebPushSettings { key_file, contact, hosts, timeout } = settings;
        let http = Http::open(SERVICE, timeout, Versions::Negotiated, None)?;
        let hosts: Vec<_> = hosts.into_iter().map(|host| host.to_ascii_lowercase()).collect();
        if let Some(host) = hosts.iter().find(|host| !is_pattern(host)) {
            return Err(SetupError::PushHost { host: host.clone() });
        }
        Ok(Self { http, vapid: Vapid::open(&key_file, contact)?, hosts })
    }

    /// The key that browsers subscribe with (`applicationServerKey`), in base64url.
    pub(super) fn public_key(&self) -> &str {
        self.vapid.public_key()
    }

    /// What shows whether the push services can be reached: the hosts that are named in full.
    pub(super) fn endpoints(&self) -> Vec<HttpEndpoint<'_>> {
        let named = self.hosts.iter().filter(|host| !host.starts_with('*'));
        let urls = named.filter_map(|host| Url::parse(&format!("https://{host}")).ok());
        urls.map(|url| HttpEndpoint { http: &self.http, url }).collect()
    }

    pub(super) async fn send(
        &self,
        (endpoint, p256dh, auth): (&str, &[u8], &[u8]),
        notification: &Notification,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<(), Trouble> {
        let endpoint = self.allowed(endpoint).ok_or(Trouble::NotAllowed)?;
        let subscription = Subscription::read(p256dh, auth).ok_or(Trouble::Subscription)?;
        let content = content(notification);
        let body = subscription.encrypt(content.as_bytes(), entropy);
        let body = body.ok_or(Trouble::TooLong { service: SERVICE })?;
        let token = self.vapid.authorization(&endpoint, now).await?;
        let request = self
            .http
            .post(endpoint)
            .header(AUTHORIZATION, token)
            .header(CONTENT_ENCODING, "aes128gcm")
            .header(CONTENT_TYPE, "application/octet-stream")
            .header("ttl", seconds_left(notification, now))
            .header("urgency", "high")
            .header("topic", topic(notification.challenge))
            .body(body);
        judge(&self.http.send(request).await?)
    }

    /// The endpoint, if it may be requested. `localhost` is for tests and development, and is allowed by name only.
    fn allowed(&self, endpoint: &str) -> Option<Url> {
        let url = Url::parse(endpoint).ok()?;
        let host = url.host_str()?;
        let is_listed = self.hosts.iter().any(|allowed| matches_host(allowed, host));
        let is_local = host == "localhost" && url.scheme() == "http";
        let is_usual = url.scheme() == "https" && url.port().is_none();
        let is_nameless = url.username().is_empty() && url.password().is_none();
        (is_listed && is_nameless && (is_usual || is_local)).then_some(url)
    }
}

/// What the browser's service worker gets.
fn content(notification: &Notification) -> String {
    let (title, text) = (notification.title.as_str(), &notification.text);
    let content = match notification.challenge {
        Some(challenge) => json!({ "title": title, "text": text, "challenge": challenge.to_string() }),
        None => json!({ "title": title, "text": text, "kind": NOTICE }),
    };
    content.to_string()
}

/// A host, or `*.` and a domain. Without this check `*.` would allow every host with a dot at its end.
fn is_pattern(text: &str) -> bool {
    let mut labels = text.strip_prefix("*.").unwrap_or(text).split('.');
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    labels.all(|label| !label.is_empty() && label.bytes().all(is_letter))
}

/// Whether a host is the allowed one, or below the domain of `*.domain`.
fn matches_host(allowed: &str, host: &str) -> bool {
    match allowed.strip_prefix("*.") {
        Some(domain) => host
            .strip_suffix(domain)
            .and_then(|rest| rest.strip_suffix('.'))
            .is_some_and(|rest| !rest.is_empty()),
        None => allowed == host,
    }
}

/// A later notification of the same challenge, or a later notice, replaces one that was not delivered yet (RFC 8030 §5.4). A topic has at most
/// 32 letters of base64url.
fn topic(challenge: Option<ChallengeId>) -> String {
    challenge
        .map_or_else(|| NOTICE.to_owned(), |challenge| BASE64_URL_SAFE_NO_PAD.encode(challenge.as_bytes()))
}

/// RFC 8030 §5 and §7.3. A subscription that was made with another key gets 403: the operator has changed the key.
fn judge(answer: &Answer) -> Result<(), Trouble> {
    match answer.status {
        200..=202 | 204 => Ok(()),
        404 | 410 => Err(answer.gone("no such subscription")),
        _ => Err(answer.refusal("not said")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_allows_the_hosts_below_a_domain_and_no_others() {
        for host in ["a.notify.windows.com", "b.a.notify.windows.com"] {
            assert!(matches_host("*.notify.windows.com", host), "{host}");
        }
        for host in [
            "notify.windows.com",
            ".notify.windows.com",
            "evilnotify.windows.com",
            "notify.windows.com.evil.example",
            "a.notify.windows.com.",
        ] {
            assert!(!matches_host("*.notify.windows.com", host), "{host}");
        }
        assert!(WebPushSettings::DEFAULT_HOSTS.iter().all(|host| is_pattern(host)));
        for text in ["", "*", "*.", "*.*.com", "a..b", "a.", ".a", "https://a", "a:1", "a/b", "[::1]"] {
            assert!(!is_pattern(text), "{text}");
        }
        assert!(matches_host("web.push.apple.com", "web.push.apple.com"));
        assert!(!matches_host("web.push.apple.com", "a.web.push.apple.com"));
    }
}
