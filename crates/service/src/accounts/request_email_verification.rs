//! Mails the owner a link that proves the address.

use serde::{Deserialize, Serialize};
use tidegate_core::{Fact, LinkTarget, MessagePurpose, Permission, Refusal, Span, Subject, Timestamp};
use tidegate_store::accounts;

use crate::{Command, CommandContext, Error, Fault, idempotency::outcomes};

/// How long the link is valid.
const TTL: Span = Span::hours(24);

#[derive(Debug)]
pub struct RequestEmailVerification {
    pub subject: Subject,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Sent {
    /// The address, masked.
    pub to: String,
    pub expires_at: Timestamp,
}

outcomes!(Sent);

impl Command for RequestEmailVerification {
    const NAME: &'static str = "request_email_verification";
    const PERMISSION: Permission = Permission::AccountsOwn;
    type Outcome = Sent;

    async fn run(self, cx: &CommandContext) -> Result<Sent, Error> {
        let acting = cx.acting(&self.subject).await?;
        acting.may_enroll()?;
        cx.idempotent(async |tx| {
            let account = accounts::get(tx, acting.account.id).await?.ok_or(Fault::Dangling("account"))?;
            let contact = account.contact.as_ref().ok_or(Refusal::NoEmail)?;
            if contact.verified_at.is_some() {
                return Err(Refusal::EmailAlreadyVerified.into());
            }
            let purpose = MessagePurpose::VerifyEmail;
            let permit = cx.permit_send(tx, &contact.email, purpose).await?;
            let (whose, of) = ((&account, contact), (&acting.product, &acting.client));
            let mailed = cx.mail_link(tx, whose, of, (LinkTarget::Email, purpose, TTL), permit).await?;
            let fact = Fact::EmailVerificationRequested { delivery: mailed.delivery };
            let event = cx.event(fact).at(&acting.product.key).of(&account).from(&acting.client);
            event.record(tx).await?;
            Ok(Sent { to: contact.email.masked(), expires_at: mailed.expires_at })
        })
        .await
    }
}
