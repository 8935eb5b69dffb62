//! Tells one account by mail that two-step will be required, if nobody has told it yet: the mail is the reminder of day 0.

use tidegate_core::{
    Account, AccountId, AccountState, ClientContext, Permission, Product, ProductKey, Rollout, RolloutKey,
    Standing, Timestamp,
};
use tidegate_store::{Tx, accounts, products, rollouts, standings};

use super::{remind::remind, tells};
use crate::{Command, CommandContext, Error, Fault, decisions, reminders::Reminded};

/// The worker's own command. No call of the contract runs it.
#[derive(Debug)]
pub struct TellAccount {
    pub account: AccountId,
    pub rollout: RolloutKey,
    pub product: ProductKey,
}

impl Command for TellAccount {
    const NAME: &'static str = "tell_account";
    const PERMISSION: Permission = Permission::AccountsSupport;
    type Outcome = Reminded;

    async fn run(self, cx: &CommandContext) -> Result<Reminded, Error> {
        cx.idempotent(async |tx| {
            let account = accounts::lock(tx, self.account).await?.ok_or(Fault::Dangling("account"))?;
            let rollout = rollouts::find(tx, &self.rollout).await?;
            let product = products::find(tx, &self.product).await?;
            if let (Some(rollout), Some(product)) = (rollout, product)
                && account.state == AccountState::Active
                && rollout.held_since().is_none()
            {
                tell(cx, tx, &account, (&rollout, &product)).await?;
            }
            Ok(Reminded {})
        })
        .await
    }
}

async fn tell(
    cx: &CommandContext,
    tx: &mut Tx,
    account: &Account,
    (rollout, product): (&Rollout, &Product),
) -> Result<(), Fault> {
    let known = standings::get(tx, account.id).await?.ok_or(Fault::Dangling("account"))?.standing;
    if !is_untold(rollout, product, &known, cx.now()) {
        return Ok(());
    }
    let decision = decisions::by_rollout(product, rollout, &known, cx.now());
    decisions::tell(cx, tx, (account, product), &decision, &ClientContext::default()).await?;
    remind(cx, tx, account, (rollout, product)).await
}

/// Whether the worker has to tell the account. Without a verified address it cannot.
pub(super) fn is_untold(rollout: &Rollout, product: &Product, known: &Standing, now: Timestamp) -> bool {
    let mut entries = known.ledger.iter();
    let entry = entries.find(|entry| entry.rollout == rollout.key && entry.product == product.key);
    if !known.email_verified
        || entry.is_some_and(|entry| entry.marks.since(rollout.ladder_since).told_at.is_some())
    {
        return false;
    }
    let ladder = decisions::by_rollout(product, rollout, known, now).ladder.filter(decisions::warns);
    ladder.is_some_and(|ladder| decisions::rule(rollout, &ladder).is_some_and(tells))
}
