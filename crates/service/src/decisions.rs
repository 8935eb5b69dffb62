//! What is known of accounts, and the decision made from it.

use std::sync::Arc;

use tidegate_core::{
    Account, AccountId, ClientContext, Decision, Fact, FirstShown, Product, ProductKey, Reason, Rollout,
    RolloutKey,
};
use tidegate_rollout::decide;
use tidegate_store::{Tx, View, ledger, rollouts, standings};

use crate::{CommandContext, Fault, QueryContext, cache};

impl QueryContext {
    /// The decision for one account, read from the database. Sign-ins are held to it.
    pub(crate) async fn decide(
        &self,
        view: &mut View,
        product: &Product,
        account: AccountId,
    ) -> Result<Decision, Fault> {
        let rollouts = self.rollouts(view).await?;
        let known = standings::get(view, account).await?.ok_or(Fault::Dangling("account"))?;
        let verdict = decide(product, cache::rollouts(&rollouts), &known.standing, self.now());
        Ok(verdict.decision())
    }

    /// The newest rollouts. The cached ones are used if the database has exactly their revisions,
    /// which saves reading and parsing the documents.
    async fn rollouts(&self, view: &mut View) -> Result<Vec<Arc<Rollout>>, Fault> {
        let newest = rollouts::newest(view).await?;
        match self.cache().last_of_realm(self.realm()).filter(|known| known.has(&newest)) {
            Some(known) => Ok(known.rollouts.clone()),
            None => Ok(rollouts::all(view).await?.into_iter().map(Arc::new).collect()),
        }
    }
}

/// Records that an app is told to show the feature. From the first time on the account stays
/// reached here, until a roll back takes it back.
pub(crate) async fn show(
    cx: &CommandContext,
    tx: &mut Tx,
    account: &Account,
    decision: &Decision,
    client: &ClientContext,
) -> Result<(), Fault> {
    let newly = matches!(decision.reason, Reason::Wave | Reason::Allowed);
    let (Some(rollout), Some(revision), true) = (&decision.rollout, decision.revision, newly) else {
        return Ok(());
    };
    let shown = FirstShown { at: cx.now(), revision, wave: decision.wave };
    if ledger::show(tx, account.id, (rollout, &decision.product), shown).await? {
        let event = cx.event(Fact::TwoStepShown { rollout: rollout.clone() });
        event.at(&decision.product).of(account).from(client).record(tx).await?;
    }
    Ok(())
}

/// Records that two-step acts for the account at the product, from the first time on for good
/// (INV-42).
pub(crate) async fn activate(
    cx: &CommandContext,
    tx: &mut Tx,
    account: &Account,
    (rollout, product): (&RolloutKey, &ProductKey),
    client: &ClientContext,
) -> Result<(), Fault> {
    if ledger::activate(tx, account.id, rollout, product, cx.now()).await? {
        let event = cx.event(Fact::TwoStepActive { rollout: rollout.clone() });
        event.at(product).of(account).from(client).record(tx).await?;
    }
    Ok(())
}
