//! The owner does not want to set two-step up now.
//!
//! ```text
//!   nudge                            the advice rests for the spacing; any number of times
//!   required, not enforced, skips    one skip fewer, if the last one is over
//!   anything else                    there is nothing to skip
//! ```

use tidegate_core::{Decision, Fact, LadderDecision, Permission, Refusal, Rung, Subject};
use tidegate_store::ledger::{self, LedgerKey};

use super::Switched;
use crate::{Command, CommandContext, Error, accounts::owner};

#[derive(Debug)]
pub struct SkipEnrollment {
    pub subject: Subject,
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
            ledger::skip(tx, at, cx.now(), counted).await?;
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

/// The ladder, while it asks for a set-up that can wait.
fn asks(decision: &Decision) -> Option<&LadderDecision> {
    let ladder = decision.ladder.as_ref().filter(|_| !decision.on)?;
    let asks = matches!(ladder.rung, Rung::Nudge | Rung::Required);
    Some(ladder).filter(|ladder| asks && !ladder.enforced && ladder.exempt_until.is_none())
}
