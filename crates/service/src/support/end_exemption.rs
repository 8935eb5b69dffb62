//! Ends an exemption before its time: from now on the ladder counts for the account again.

use tidegate_core::{Fact, Permission, Refusal};
use tidegate_store::{
    ledger::{self, LedgerKey},
    rollouts,
};

use super::exemption::{Eased, LadderCase};
use crate::{Command, CommandContext, Error};

#[derive(Debug)]
pub struct EndExemption(pub LadderCase);

impl Command for EndExemption {
    const NAME: &'static str = "end_exemption";
    const PERMISSION: Permission = Permission::AccountsSupport;
    type Outcome = Eased;

    async fn run(self, cx: &CommandContext) -> Result<Eased, Error> {
        let Self(of) = self;
        let product = cx.product(&mut cx.view(), &of.case.product).await?;
        cx.idempotent(async |tx| {
            let account = of.lock_account(tx).await?;
            rollouts::find(tx, &of.rollout).await?.ok_or(Refusal::RolloutNotFound)?;
            let at = LedgerKey { account: account.id, rollout: &of.rollout, product: &product.key };
            if !ledger::end_exemption(tx, at, cx.now()).await? {
                return Err(Refusal::NotExempt.into());
            }
            let (rollout, reason) = (of.rollout.clone(), of.case.reason.clone());
            let event = cx.event(Fact::ExemptionEnded { rollout, reason });
            event.at(&product.key).of(&account).record(tx).await?;
            Ok(of.outcome(cx, tx, (account.id, &product)).await?)
        })
        .await
    }
}
