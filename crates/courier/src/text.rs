//! What a mail says: the templates, filled in. The name of a template decides about escaping: the
//! HTML form is escaped, the text form is not.

use minijinja::{Environment, UndefinedBehavior};
use serde::Serialize;
use tidegate_core::{Mail, Template, Timestamp};
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
    link: &'m str,
    until: String,
}

impl Text {
    pub(crate) fn of(mail: &Mail) -> Result<Self, Trouble> {
        let product = mail.product.as_str();
        let (subject, plain, html) = match mail.template {
            Template::VerifyEmail => (
                format!("Confirm your email address for {product}"),
                include_str!("../templates/verify_email.txt"),
                include_str!("../templates/verify_email.html"),
            ),
            Template::ConfirmEnrollment => (
                format!("Confirm two-step verification for {product}"),
                include_str!("../templates/confirm_enrollment.txt"),
                include_str!("../templates/confirm_enrollment.html"),
            ),
        };
        let link = mail.link();
        let words = Words {
            subject: &subject,
            product,
            to: mail.to.as_typed(),
            link: link.expose(),
            until: readable(mail.expires_at),
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
