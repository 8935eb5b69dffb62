//! Redeems the link of a verification mail.

use tidegate_core::{Answered, Fact, LinkTarget, Permission, Secret};
use tidegate_store::{accounts, factors as kept};

use crate::{Command, CommandContext, Error, factors, links};

#[derive(Debug)]
pub struct ConfirmEmail {
    pub token: Secret<String>,
}

impl Command for ConfirmEmail {
    const NAME: &'static str = "confirm_email";
    const PERMISSION: Permission = Permission::AccountsOwn;
    type Outcome = Answered;

    async fn run(self, cx: &CommandContext) -> Result<Answered, Error> {
        cx.idempotent(async |tx| {
            let found = links::find(tx, &self.token).await?;
            let Some(presented) = found.filter(|found| found.link.target == LinkTarget::Email) else {
                return Ok(links::UNKNOWN);
            };
            let account = match links::redeem(cx, tx, &presented).await? {
                Ok(account) => account,
                Err(answer) => return Ok(answer),
            };
            if accounts::verify_email(tx, account.id, &presented.link.email, cx.now()).await? {
                kept::insert(tx, &factors::of_verified_address(cx, account.id)).await?;
                cx.event(Fact::EmailVerified {}).of(&account).record(tx).await?;
            }
            Ok(Answered::Approved)
        })
        .await
    }
}
