//! Sets a new password by a mailed link.

use tidegate_core::{
    AccountState, Answered, ClientContext, Fact, LinkTarget, MessagePurpose, Permission, ProductKey, Refusal,
    Secret, SessionEnd,
};
use tidegate_store::{accounts, attempts, factors as kept, passwords};

use super::rules;
use crate::{
    Command, CommandContext, Error, Fault,
    counters::{self, Lane},
    factors, links,
    sessions::ending,
};

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
            let (hash, now) = (hash.ok_or(Fault::Raced)?, cx.now());
            if accounts::verify_email(tx, account.id, &presented.link.email, now).await? {
                kept::insert(tx, &factors::of_verified_address(cx, account.id)).await?;
                cx.event(Fact::EmailVerified {}).of(&account).from(&self.client).record(tx).await?;
            }
            let whose = (&account, &self.client);
            ending::end_all(cx, tx, whose, SessionEnd::PasswordReset, None).await?;
            passwords::reset(tx, account.id, hash, now).await?;
            for lane in [Lane::Unknown, Lane::Known] {
                attempts::forgive(tx, &counters::of_password(account.id, lane)).await?;
            }
            attempts::remove(tx, &counters::of_second_steps(account.id)).await?;
            let event = cx.event(Fact::PasswordReset {}).at(&product.key).of(&account);
            event.from(&self.client).record(tx).await?;
            let whose = (&account, &product, &self.client);
            cx.notify(tx, whose, MessagePurpose::PasswordChanged, (None, None)).await?;
            Ok(Answered::Approved)
        })
        .await
    }
}
