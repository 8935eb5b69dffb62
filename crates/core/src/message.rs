//! A message that waits to be sent. `service` seals it into a delivery; `courier`, the outbox worker,
//! opens and sends it.

use serde::{Deserialize, Serialize};

use crate::{Destination, LinkUrl, Secret, Timestamp, Title, words};

words! {
    /// How a message travels. Each channel has a worker of its own, so that one that hangs delays no other.
    Channel "channel" {
        Mail = "mail",
    }
}

words! {
    /// What a message is for. It decides about the text.
    MessagePurpose "message purpose" {
        VerifyEmail = "verify_email",
        ConfirmEnrollment = "confirm_enrollment",
        FactorAdded = "factor_added",
        FactorRemoved = "factor_removed",
        RecoveryCodesReplaced = "recovery_codes_replaced",
        RecoveryCodeUsed = "recovery_code_used",
    }
}

/// It may hold a link that can take over an account. It has no `Debug`, and is serialised only in
/// order to be sealed.
#[derive(Clone, Serialize, Deserialize)]
pub struct Message {
    pub purpose: MessagePurpose,
    pub to: Destination,
    /// The product's title.
    pub product: Title,
    pub body: Body,
    pub expires_at: Timestamp,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// A link to redeem.
    Link { url: LinkUrl, token: String },
    /// Something happened to the account.
    Notice(Notice),
}

#[derive(Clone, Serialize, Deserialize)]
pub struct Notice {
    pub at: Timestamp,
    /// What the owner calls the factor it is about.
    pub factor: Option<Title>,
    /// How many recovery codes are left.
    pub codes_left: Option<usize>,
}

impl Message {
    /// A message with a link, which is valid as long as the message.
    pub fn link_to(
        purpose: MessagePurpose,
        to: Destination,
        product: Title,
        url: LinkUrl,
        token: &Secret<String>,
        expires_at: Timestamp,
    ) -> Self {
        let body = Body::Link { url, token: token.expose().clone() };
        Self { purpose, to, product, body, expires_at }
    }

    /// The product's page with the token after `#`, where no server log sees it: `#verify=tgl_…` or `#confirm=tgl_…`. The
    /// word names the call that redeems the token. `None` for a notice.
    pub fn link(&self) -> Option<Secret<String>> {
        let Body::Link { url, token } = &self.body else { return None };
        let call = if self.purpose == MessagePurpose::VerifyEmail { "verify" } else { "confirm" };
        Some(Secret::new(format!("{url}#{call}={token}")))
    }

    /// Reads a message as it was sealed, by this version of the program or one before the channels.
    pub fn read(plain: &[u8]) -> Option<Self> {
        if let Ok(message) = serde_json::from_slice(plain) {
            return Some(message);
        }
        let LinkMail { template, to, product, link_url, token, expires_at } =
            serde_json::from_slice(plain).ok()?;
        let body = Body::Link { url: link_url, token };
        Some(Self { purpose: template, to, product, body, expires_at })
    }
}

/// Before the channels, every message was a mail with a link.
#[derive(Deserialize)]
struct LinkMail {
    template: MessagePurpose,
    to: Destination,
    product: Title,
    link_url: LinkUrl,
    token: String,
    expires_at: Timestamp,
}

words! {
    DeliveryState "delivery state" {
        Queued = "queued",
        Sent = "sent",
        Failed = "failed",
    }
}

words! {
    /// Why a message was not sent.
    DeliveryProblem "delivery problem" {
        /// It expired before it was sent.
        Expired = "expired",
        /// Its payload does not open. It waits for its key until it expires.
        Sealed = "sealed",
        /// The destination cannot be written into a message.
        Destination = "destination",
        /// The text could not be made.
        Text = "text",
        /// The transport could not take it.
        Transport = "transport",
        /// Sending took too long.
        TimedOut = "timed_out",
    }
}
