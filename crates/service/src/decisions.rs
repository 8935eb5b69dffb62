//! What is known of accounts, and the decision made from it.

use tidegate_core::{Account, ClientContext, Decision, Fact, FirstShown, Product, Reason};
use tidegate_rollout::decide;
use tidegate_store::{Tx, View, ledger, rollouts, standings};

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
        let known = standings::get(view, account.id).await?.ok_or(Fault::Dangling("account"))?;
        Ok(decide(product, rollouts.iter(), &known.standing, self.now()).decision())
    }
}

/// An app is told to show the feature: from the first time on the account stays reached here, until a roll
/// back takes it back.
pub(crate) async fn show(
    pen: &Pen,
    tx: &mut Tx,
    account: &Account,
    decision: &Decision,
    client: &ClientContext,
) -> Result<(), Fault> {
    let newly = matches!(decision.reason, Reason::Wave | Reason::Allowed);
    let (Some(rollout), Some(revision), true) = (&decision.rollout, decision.revision, newly) else {
        return Ok(());
    };
    let shown = FirstShown { at: pen.now(), revision, wave: decision.wave };
    if ledger::show(tx, account.id, (rollout, &decision.product), shown).await? {
        let event = pen.event(Fact::TwoStepShown { rollout: rollout.clone() });
        event.at(&decision.product).of(account).from(client).record(tx).await?;
    }
    Ok(())
}
