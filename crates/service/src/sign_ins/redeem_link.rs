//! Redeems a mailed link, from any browser. It only marks what it was issued for.

use tidegate_core::{Answered, EnrollmentState, Fact, LinkTarget, Permission, Secret};
use tidegate_keyring::TokenKind;
use tidegate_store::{accounts, enrollments, links};

use crate::{Command, Error, Fault, Pen, links::UNKNOWN};

#[derive(Debug)]
pub struct RedeemLink {
    pub token: Secret<String>,
}

impl Command for RedeemLink {
    const NAME: &'static str = "redeem_link";
    const PERMISSION: Permission = Permission::SignIn;
    type Outcome = Answered;

    async fn run(self, pen: &Pen) -> Result<Answered, Error> {
        pen.once(async |tx| {
            let Some(digest) = TokenKind::Link.digest(self.token.expose()) else { return Ok(Ok(UNKNOWN)) };
            let Some(link) = links::find(tx, digest).await? else { return Ok(Ok(UNKNOWN)) };
            // A verification mail is for ConfirmEmail.
            let LinkTarget::Enrollment(id) = link.target else { return Ok(Ok(UNKNOWN)) };
            let found = enrollments::find(tx, id).await?.ok_or(Fault::Dangling("enrollment"))?;
            if !pen.caller.products.include(&found.product) {
                return Ok(Ok(UNKNOWN));
            }
            let now = pen.now();
            if !links::redeem(tx, digest, now).await? {
                let used = link.used_at.is_some() || now < link.expires_at;
                return Ok(Ok(if used { Answered::Replayed } else { Answered::Expired }));
            }
            let account = accounts::get(tx, link.account).await?.ok_or(Fault::Dangling("account"))?;
            let is_still = account.contact.as_ref().is_some_and(|c| *c.email.canonical() == link.email);
            if !is_still {
                return Ok(Ok(Answered::Superseded));
            }
            let (from, to) = (EnrollmentState::AwaitingConfirmation, EnrollmentState::Confirmed);
            if !enrollments::advance(tx, id, from, to, now).await? {
                return Ok(Ok(Answered::UsedUp));
            }
            let event = pen.event(Fact::EnrollmentConfirmed { enrollment: id });
            event.at(&found.product).of(&account).record(tx).await?;
            Ok(Ok(Answered::Approved))
        })
        .await
    }
}
