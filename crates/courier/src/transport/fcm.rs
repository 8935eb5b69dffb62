//! Notifications for Android, and for every other app of Firebase Cloud Messaging (HTTP v1).
//!
//! <https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages/send>

mod access;

use std::{path::PathBuf, time::Duration};

use access::ServiceAccount;
use reqwest::Url;
use serde_json::{Value, json};
use tidegate_core::{Notification, Span, Timestamp};

use super::{
    http::{Answer, Http, Versions, known, service_url},
    push::{NOTICE, seconds_left, tag},
    reach::HttpEndpoint,
};
use crate::{SetupError, trouble::Trouble};

/// A Firebase project, and the account by which it is used.
#[derive(Debug, Clone)]
pub struct FcmSettings {
    /// The key of a service account, as the Google Cloud console writes it (JSON).
    pub account_file: PathBuf,
    /// The project whose apps get the notifications. `None`: the project of the service account.
    pub project: Option<String>,
    /// `https://fcm.googleapis.com`.
    pub base: String,
    /// Where access tokens are fetched. `None`: where the file says.
    pub token_url: Option<String>,
    /// How long one request may take.
    pub timeout: Duration,
}

impl FcmSettings {
    pub const DEFAULT_BASE: &str = "https://fcm.googleapis.com";
}

pub(super) struct Fcm {
    http: Http,
    url: Url,
    account: ServiceAccount,
}

pub(super) const SERVICE: &str = "Firebase Cloud Messaging";

/// <https://firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode>
const REASONS: &[&str] = &[
    "INVALID_ARGUMENT",
    "UNREGISTERED",
    "SENDER_ID_MISMATCH",
    "QUOTA_EXCEEDED",
    "UNAVAILABLE",
    "INTERNAL",
    "THIRD_PARTY_AUTH_ERROR",
];

/// The longest title and text, in bytes. FCM takes 4096 bytes for a message. A longer one would be refused with the code
/// that a wrong token has.
const MAX_TEXT: usize = 3_000;
/// How long to wait after `QUOTA_EXCEEDED` if the answer does not say.
/// <https://firebase.google.com/docs/cloud-messaging/scale-fcm>
const QUOTA_WAIT: Span = Span::seconds(60);

impl Fcm {
    pub(super) fn open(settings: FcmSettings) -> Result<Self, SetupError> {
        let FcmSettings { account_file, project, base, token_url, timeout } = settings;
        let http = Http::open(SERVICE, timeout, Versions::Negotiated, None)?;
        let (account, own_project) = ServiceAccount::open(&account_file, token_url)?;
        let project = project.unwrap_or(own_project);
        let mut url = service_url(SERVICE, &base)?;
        url.path_segments_mut()
            .map_err(|()| SetupError::ServiceUrl { service: SERVICE })?
            .pop_if_empty()
            .extend(["v1", "projects", &project, "messages:send"]);
        Ok(Self { http, url, account })
    }

    /// What shows whether the service can be reached.
    pub(super) fn endpoint(&self) -> HttpEndpoint<'_> {
        HttpEndpoint { http: &self.http, url: self.url.clone() }
    }

    /// Fetches an access token, which shows whether Google accepts the account.
    pub(super) async fn try_account(&self, now: Timestamp) -> Result<(), Trouble> {
        self.account.access(&self.http, now).await.map(drop)
    }

    pub(super) async fn send(
        &self,
        token: &str,
        notification: &Notification,
        now: Timestamp,
    ) -> Result<(), Trouble> {
        if notification.title.as_str().len() + notification.text.len() > MAX_TEXT {
            return Err(Trouble::TooLong { service: SERVICE });
        }
        let access = self.account.access(&self.http, now).await?;
        let request = self.http.post(self.url.clone()).bearer_auth(access.text.expose()).json(&content(
            token,
            notification,
            now,
        ));
        let answer = self.http.send(request).await?;
        let judged = judge(&answer);
        // The access token was revoked or the key was: the next try fetches another one.
        if answer.status == 401 {
            self.account.drop_refused(&access).await;
        }
        judged
    }
}

/// <https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages#Message>
fn content(token: &str, notification: &Notification, now: Timestamp) -> Value {
    let tag = tag(notification);
    let data = match notification.challenge {
        Some(_) => json!({ "challenge": tag, "kind": "challenge" }),
        None => json!({ "kind": NOTICE }),
    };
    json!({
        "message": {
            "token": token,
            "notification": { "title": notification.title.as_str(), "body": notification.text },
            "data": data,
            "android": {
                "priority": "high",
                "ttl": format!("{}s", seconds_left(notification, now)),
                // A notification that is sent again replaces the one that is shown.
                "notification": { "tag": tag },
            },
        }
    })
}

/// The statuses and error codes of the documentation. Only the code `UNREGISTERED` says that the device is gone. A 404
/// without it also comes for a wrong project, which must not cost every owner their device.
fn judge(answer: &Answer) -> Result<(), Trouble> {
    if answer.is_success() {
        return Ok(());
    }
    let body = answer.json().unwrap_or_default();
    let details = body.pointer("/error/details").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let code = details.iter().find_map(|detail| detail.get("errorCode")?.as_str()).unwrap_or_default();
    let reason = known(code, REASONS);
    Err(match reason {
        "UNREGISTERED" => answer.gone(reason),
        "INVALID_ARGUMENT" if !blames_message(details) => answer.gone(reason),
        "SENDER_ID_MISMATCH" | "THIRD_PARTY_AUTH_ERROR" => answer.not_accepted(reason),
        _ => match answer.refusal(reason) {
            Trouble::Busy { service, status: 429, retry_after: None } => {
                Trouble::Busy { service, status: 429, retry_after: Some(QUOTA_WAIT) }
            }
            trouble => trouble,
        },
    })
}

/// Whether the answer names a field that is wrong, other than the token. A wrong token is refused with the code alone, or
/// with its field: <https://firebase.google.com/docs/cloud-messaging/error-codes>.
fn blames_message(details: &[Value]) -> bool {
    let violations = details.iter().filter_map(|detail| detail.get("fieldViolations")?.as_array()).flatten();
    let mut fields = violations.map(|violation| violation.get("field").and_then(Value::as_str));
    fields.any(|field| field != Some("message.token"))
}
