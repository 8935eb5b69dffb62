//! What is known of accounts, and the decision made from it.

use tidegate_core::{Account, ClientContext, Decision, Fact, LedgerEntry, Product, Standing};
use tidegate_rollout::decide;
use tidegate_store::{Tx, View, ledger, rollouts};

use crate::{Desk, Fault, Pen};

impl Desk {
    /// The decision for one account, read now: what a sign-in is held to.
    pub(crate) async fn decide(
        &self,
        view: &mut View,
        product: &Product,
        account: &Account,
    ) -> Result<Decision, Fault> {
        let rollouts = rollouts::all(view).await?;
        let ledger = ledger::of_account(view, account.id).await?;
        Ok(decide(product, &rollouts, &standing(account, ledger), self.now()))
    }
}

pub(crate) fn standing(account: &Account, ledger: Vec<LedgerEntry>) -> Standing {
    Standing {
        account: account.id,
        email_verified: account.verified().is_some(),
        two_step_since: account.two_step_since,
        ledger,
    }
}

/// An app is told to show the feature: from the first time on the account stays reached here.
pub(crate) async fn show(
    pen: &Pen,
    tx: &mut Tx,
    account: &Account,
    decision: &Decision,
    client: &ClientContext,
) -> Result<(), Fault> {
    let Some(rollout) = &decision.rollout else { return Ok(()) };
    if ledger::show(tx, account.id, rollout, &decision.product, pen.now()).await? {
        let event = pen.event(Fact::TwoStepShown { rollout: rollout.clone() });
        event.at(&decision.product).of(account).from(client).record(tx).await?;
    }
    Ok(())
}
