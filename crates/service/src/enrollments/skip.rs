//! The owner does not want to set two-step up now.
//!
//! ```text
//!   nudge                            the advice rests for the spacing; any number of times
//!   required, not enforced, skips    one skip fewer, if the last one is over
//!   anything else                    there is nothing to skip
//! ```
//!
//! The advice of a rollout of a method is skipped by naming the rollout.

use tidegate_core::{
    Account, Decision, Fact, LadderDecision, Permission, Refusal, RolloutKey, Rung, Subject,
};
use tidegate_store::{
    Tx,
    ledger::{self, LedgerKey},
};

use super::Switched;
use crate::{Command, CommandContext, Denied, Error, accounts::owner, acting::Acting};

#[derive(Debug)]
pub struct SkipEnrollment {
    pub subject: Subject,
    /// A rollout of a method, whose advice is skipped. `None`: the ladder's.
    pub rollout: Option<RolloutKey>,
}

impl Command for SkipEnrollment {
    const NAME: &'static str = "skip_enrollment";
    const PERMISSION: Permission = Permission::Enroll;
    type Outcome = Switched;

    async fn run(self, cx: &CommandContext) -> Result<Switched, Error> {
        let acting = cx.acting(&self.subject).await?;
        acting.session()?;
        cx.idempotent(async |tx| {
            // Two skips at once run one after the other, and the second one finds the first.
            let account = owner::lock(tx, &acting).await?;
            let product = &acting.product;
            let decision = cx.decide(tx, product, account.id).await?;
            if let Some(rollout) = &self.rollout {
                skip_method(cx, tx, (&acting, &account), rollout).await?;
                return Ok(Switched(decision));
            }
            let ladder = asks(&decision).ok_or(Refusal::NothingToSkip)?;
            let counted = ladder.rung == Rung::Required;
            match (counted, ladder.skips_left, ladder.skipped_until) {
                (true, None, _) => return Err(Refusal::NothingToSkip.into()),
                (true, Some(0), _) => return Err(Refusal::NoSkipLeft.into()),
                (true, Some(_), Some(until)) => {
                    return Err(Refusal::SkipTooSoon { until, retry_after: until.since(cx.now()) }.into());
                }
                // The advice rests already.
                (false, _, Some(_)) => return Ok(Switched(decision)),
                (_, _, None) => {}
            }
            let rollout = ladder.rollout.clone();
            let at = LedgerKey { account: account.id, rollout: &rollout, product: &product.key };
            ledger::skip(tx, at, ladder.since, (cx.now(), counted)).await?;
            let after = cx.decide(tx, product, account.id).await?;
            let until = after.ladder.as_ref().and_then(|ladder| ladder.skipped_until);
            let until = until.unwrap_or_else(|| cx.now());
            let event = cx.event(Fact::EnrollmentSkipped { rollout: rollout.clone(), until, counted });
            event.at(&product.key).of(&account).from(&acting.client).record(tx).await?;
            Ok(Switched(after))
        })
        .await
    }
}

/// Skips the advice to add a better method.
async fn skip_method(
    cx: &CommandContext,
    tx: &mut Tx,
    (acting, account): (&Acting, &Account),
    rollout: &RolloutKey,
) -> Result<(), Denied> {
    let product = &acting.product;
    let advised = cx.query().method_advice(tx, product, account.id).await?.map(|(advice, _)| advice);
    let advised = advised.filter(|advice| advice.rollout == *rollout).ok_or(Refusal::NothingToSkip)?;
    if advised.snoozed_until.is_some() {
        return Ok(());
    }
    if advised.snoozes_left == Some(0) {
        return Err(Refusal::NoSkipLeft.into());
    }
    let counted = advised.snoozes_left.is_some();
    let at = LedgerKey { account: account.id, rollout, product: &product.key };
    ledger::skip(tx, at, None, (cx.now(), counted)).await?;
    let after = cx.query().method_advice(tx, product, account.id).await?;
    let until = after.and_then(|(advice, _)| advice.snoozed_until).unwrap_or_else(|| cx.now());
    let event = cx.event(Fact::EnrollmentSkipped { rollout: rollout.clone(), until, counted });
    Ok(event.at(&product.key).of(account).from(&acting.client).record(tx).await?)
}

/// The ladder, while it asks for a set-up that can wait.
fn asks(decision: &Decision) -> Option<&LadderDecision> {
    let ladder = decision.ladder.as_ref().filter(|_| !decision.on)?;
    let asks = matches!(ladder.rung, Rung::Nudge | Rung::Required);
    Some(ladder).filter(|ladder| asks && !ladder.enforced && ladder.exempt_until.is_none())
}
