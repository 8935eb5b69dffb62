//! Redeems the link of a verification mail.

use tidegate_core::{Answered, Fact, LinkTarget, Permission, Secret};
use tidegate_keyring::TokenKind;
use tidegate_store::{accounts, links};

use crate::{Command, Error, Fault, Pen, links::UNKNOWN};

#[derive(Debug)]
pub struct ConfirmEmail {
    pub token: Secret<String>,
}

impl Command for ConfirmEmail {
    const NAME: &'static str = "confirm_email";
    const PERMISSION: Permission = Permission::AccountsOwn;
    type Outcome = Answered;

    async fn run(self, pen: &Pen) -> Result<Answered, Error> {
        pen.once(async |tx| {
            let Some(digest) = TokenKind::Link.digest(self.token.expose()) else { return Ok(Ok(UNKNOWN)) };
            let link = links::find(tx, digest).await?.filter(|link| link.target == LinkTarget::Email);
            let Some(link) = link else { return Ok(Ok(UNKNOWN)) };
            let now = pen.now();
            if !links::redeem(tx, digest, now).await? {
                let used = link.used_at.is_some() || now < link.expires_at;
                return Ok(Ok(if used { Answered::Replayed } else { Answered::Expired }));
            }
            let account = accounts::get(tx, link.account).await?.ok_or(Fault::Dangling("account"))?;
            // The link proves the address it was sent to, and no other the account may have by now.
            let is_still = account.contact.as_ref().is_some_and(|c| *c.email.canonical() == link.email);
            if !is_still {
                return Ok(Ok(Answered::Superseded));
            }
            if accounts::verify_email(tx, account.id, &link.email, now).await? {
                pen.event(Fact::EmailVerified {}).of(&account).record(tx).await?;
            }
            Ok(Ok(Answered::Approved))
        })
        .await
    }
}
