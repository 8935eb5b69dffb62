//! What exemptions and extensions share: the locked account, and what the ladder of the named rollout says of it.

use serde::{Deserialize, Serialize};
use tidegate_core::{
    Account, AccountId, AccountState, Decision, LadderDecision, LadderMarks, Product, Refusal, RolloutKey,
    Rung, Standing, Title,
};
use tidegate_store::{Tx, accounts, rollouts, standings};

use super::case::{self, Case};
use crate::{CommandContext, Denied, Fault, decisions, idempotency::outcomes};

const FROM: &[AccountState] = &[AccountState::Active, AccountState::Suspended, AccountState::LockedDown];

/// A case that is about one rollout's ladder.
#[derive(Debug)]
pub struct LadderCase {
    pub case: Case,
    pub rollout: RolloutKey,
}

/// The account, locked, and what happened between it and the ladder.
pub(super) struct OnLadder {
    pub(super) account: Account,
    pub(super) marks: LadderMarks,
}

/// What holds for the account now.
#[derive(Debug, Serialize, Deserialize)]
pub struct Eased {
    /// By all rollouts.
    pub decision: Decision,
    /// What the named rollout's ladder says, whether or not another one is stricter.
    pub ladder: Option<LadderDecision>,
}

outcomes!(Eased);

impl LadderCase {
    /// Locks the account. Refused where the ladder has come to no rung for it, and on a locked rung.
    pub(super) async fn lock(
        &self,
        cx: &CommandContext,
        tx: &mut Tx,
        product: &Product,
        of_locked: Refusal,
    ) -> Result<OnLadder, Denied> {
        let account = self.lock_account(tx).await?;
        let rollout = rollouts::find(tx, &self.rollout).await?.ok_or(Refusal::RolloutNotFound)?;
        let known = standings::get(tx, account.id).await?.ok_or(Fault::Dangling("account"))?;
        let decision = decisions::by_rollout(product, &rollout, &known.standing, cx.now());
        let ladder = decision.ladder.ok_or(Refusal::NoLadderApplies)?;
        if ladder.rung == Rung::Locked {
            return Err(of_locked.into());
        }
        let marks = marks(&known.standing, &self.rollout, product);
        Ok(OnLadder { account, marks })
    }

    pub(super) async fn outcome(
        &self,
        cx: &CommandContext,
        tx: &mut Tx,
        (account, product): (AccountId, &Product),
    ) -> Result<Eased, Fault> {
        let decision = cx.decide(tx, product, account).await?;
        let rollout = rollouts::find(tx, &self.rollout).await?.ok_or(Fault::Dangling("rollout"))?;
        let known = standings::get(tx, account).await?.ok_or(Fault::Dangling("account"))?;
        let ladder = decisions::by_rollout(product, &rollout, &known.standing, cx.now()).ladder;
        Ok(Eased { decision, ladder })
    }

    pub(super) async fn lock_account(&self, tx: &mut Tx) -> Result<Account, Denied> {
        let found = self.case.find(tx, FROM).await?;
        let account = accounts::lock(tx, found.id).await?.ok_or(Fault::Dangling("account"))?;
        Ok(case::in_state(account, FROM)?)
    }
}

fn marks(standing: &Standing, rollout: &RolloutKey, product: &Product) -> LadderMarks {
    let mut entries = standing.ledger.iter();
    let entry = entries.find(|entry| entry.rollout == *rollout && entry.product == product.key);
    entry.map_or_else(LadderMarks::default, |entry| entry.marks)
}

/// The person who carries the call out, as lists name them.
pub(super) fn by(cx: &CommandContext) -> Result<Title, Fault> {
    Ok(cx.agent().signature().ok_or(Fault::Dangling("a name"))?.name)
}
