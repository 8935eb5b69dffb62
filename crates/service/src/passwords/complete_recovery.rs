//! Sets a new password by a mailed link.

use tidegate_core::{
    AccountState, Answered, ClientContext, LinkTarget, Permission, ProductKey, Refusal, Secret,
};
use tidegate_store::accounts;

use super::{reset::reset, rules};
use crate::{Command, CommandContext, Error, Fault, accounts::verify_email, links};

#[derive(Debug)]
pub struct CompleteRecovery {
    pub product: ProductKey,
    pub token: Secret<String>,
    pub password: Secret<String>,
    pub client: ClientContext,
}

impl Command for CompleteRecovery {
    const NAME: &'static str = "complete_recovery";
    const PERMISSION: Permission = Permission::SignIn;
    type Outcome = Answered;

    /// The link is redeemed only with an acceptable password, so that the person may try another one. All sessions end, and two-step
    /// stays as it is. The click proves the address, so one that was not verified is verified.
    async fn run(self, cx: &CommandContext) -> Result<Answered, Error> {
        let mut view = cx.view();
        let product = cx.product(&mut view, &self.product).await?;
        let found = links::find(&mut view, &self.token).await?;
        let account = match found.filter(|found| found.link.target == LinkTarget::Password) {
            Some(presented) if presented.is_open(cx.now()) => {
                accounts::get(&mut view, presented.link.account).await?
            }
            // What is wrong with the link is told without a look at the password.
            _ => None,
        };
        let hash = match &account {
            Some(account) => Some(rules::hash(cx, account, &self.password).await?),
            None => None,
        };
        cx.idempotent(async |tx| {
            let found = links::find(tx, &self.token).await?;
            let Some(presented) = found.filter(|found| found.link.target == LinkTarget::Password) else {
                return Ok(links::UNKNOWN);
            };
            let account = match links::redeem(cx, tx, &presented).await? {
                Ok(account) => account,
                Err(answer) => return Ok(answer),
            };
            let account = accounts::lock(tx, account.id).await?.ok_or(Fault::Dangling("account"))?;
            if account.state != AccountState::Active {
                return Err(Refusal::AccountNotUsable.into());
            }
            let hash = hash.ok_or(Fault::Raced)?;
            verify_email(cx, tx, (&account, &self.client), &presented.link.email).await?;
            reset(cx, tx, (&account, &product, &self.client), hash).await?;
            Ok(Answered::Approved)
        })
        .await
    }
}
