//! What a mail says: the templates, filled in. The name of a template decides about escaping: the
//! HTML form is escaped, the text form is not.

use minijinja::{Environment, UndefinedBehavior};
use serde::Serialize;
use tidegate_core::{Body, Message, MessagePurpose, Timestamp};
use time::OffsetDateTime;

use crate::trouble::Trouble;

/// No `Debug`: it contains a link, which is a secret.
pub(crate) struct Text {
    pub(crate) subject: String,
    pub(crate) plain: String,
    pub(crate) html: String,
}

/// What templates may name.
#[derive(Serialize)]
struct Words<'m> {
    subject: &'m str,
    product: &'m str,
    to: &'m str,
    /// Empty in a notice.
    link: &'m str,
    until: String,
    /// When it happened; empty beside a link.
    at: String,
    factor: &'m str,
    codes_left: Option<usize>,
}

/// The subject and both forms of the text.
fn template(purpose: MessagePurpose, product: &str) -> (String, &'static str, &'static str) {
    macro_rules! files {
        ($name:literal) => {
            (
                include_str!(concat!("../templates/", $name, ".txt")),
                include_str!(concat!("../templates/", $name, ".html")),
            )
        };
    }
    let (subject, (plain, html)) = match purpose {
        MessagePurpose::VerifyEmail => ("Confirm your email address for", files!("verify_email")),
        MessagePurpose::ConfirmEnrollment => {
            ("Confirm two-step verification for", files!("confirm_enrollment"))
        }
        MessagePurpose::FactorAdded => ("A way to sign in was added for", files!("factor_added")),
        MessagePurpose::FactorRemoved => ("A way to sign in was removed for", files!("factor_removed")),
        MessagePurpose::RecoveryCodesReplaced => {
            ("New recovery codes were made for", files!("recovery_codes_replaced"))
        }
        MessagePurpose::RecoveryCodeUsed => ("A recovery code was used for", files!("recovery_code_used")),
    };
    (format!("{subject} {product}"), plain, html)
}

impl Text {
    pub(crate) fn of(message: &Message) -> Result<Self, Trouble> {
        let product = message.product.as_str();
        let (subject, plain, html) = template(message.purpose, product);
        let link = message.link();
        let (at, factor, codes_left) = match &message.body {
            Body::Link { .. } => (String::new(), "", None),
            Body::Notice(notice) => {
                let factor = notice.factor.as_ref().map_or("", |factor| factor.as_str());
                (readable(notice.at), factor, notice.codes_left)
            }
        };
        let words = Words {
            subject: &subject,
            product,
            to: message.to.as_typed(),
            link: link.as_ref().map_or("", |link| link.expose()),
            until: readable(message.expires_at),
            at,
            factor,
            codes_left,
        };
        let mut templates = Environment::new();
        templates.set_undefined_behavior(UndefinedBehavior::Strict);
        let fill = |name, template| {
            let filled = templates.render_named_str(name, template, &words);
            filled.map_err(|error| Trouble::Template(error.kind()))
        };
        Ok(Self { plain: fill("mail.txt", plain)?, html: fill("mail.html", html)?, subject })
    }
}

/// Rounded down to the minute, in UTC: `7 March 2026, 09:05 UTC`.
fn readable(at: Timestamp) -> String {
    match OffsetDateTime::from_unix_timestamp(at.unix_seconds()) {
        Ok(at) => {
            let (hour, minute, _) = at.to_hms();
            format!("{} {} {}, {hour:02}:{minute:02} UTC", at.day(), at.month(), at.year())
        }
        Err(_) => at.to_string(),
    }
}
