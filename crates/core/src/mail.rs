//! A mail that waits to be sent. `service` seals it into a delivery; `courier`, the outbox worker,
//! opens and sends it.

use serde::{Deserialize, Serialize};

use crate::{Destination, LinkUrl, Secret, Timestamp, Title, words};

words! {
    /// Which text a mail has.
    Template "mail template" {
        VerifyEmail = "verify_email",
        ConfirmEnrollment = "confirm_enrollment",
    }
}

/// Holds a link that can take over an account. It has no `Debug`, and is serialised only in order
/// to be sealed.
#[derive(Clone, Serialize, Deserialize)]
pub struct Mail {
    pub template: Template,
    pub to: Destination,
    pub product: Title,
    pub link_url: LinkUrl,
    token: String,
    pub expires_at: Timestamp,
}

impl Mail {
    pub fn new(
        template: Template,
        to: Destination,
        product: Title,
        link_url: LinkUrl,
        token: &Secret<String>,
        expires_at: Timestamp,
    ) -> Self {
        Self { template, to, product, link_url, token: token.expose().clone(), expires_at }
    }

    /// The product's page with the token after `#`, where no server log sees it: `#verify=tgl_…` or `#confirm=tgl_…`. The
    /// word names the call that redeems the token.
    pub fn link(&self) -> Secret<String> {
        let call = match self.template {
            Template::VerifyEmail => "verify",
            Template::ConfirmEnrollment => "confirm",
        };
        Secret::new(format!("{}#{call}={}", self.link_url, self.token))
    }
}

words! {
    DeliveryState "delivery state" {
        Queued = "queued",
        Sent = "sent",
        Failed = "failed",
    }
}
