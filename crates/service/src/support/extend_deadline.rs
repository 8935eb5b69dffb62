//! Gives an account some days more before its two-step is demanded. The days count on top of its own deadline, whatever becomes of
//! that; under a locked rung they do not count.

use tidegate_core::{Fact, Permission, Refusal, Span};
use tidegate_store::ledger::{self, LedgerKey};

use super::exemption::{Eased, LadderCase};
use crate::{Command, CommandContext, Error};

#[derive(Debug)]
pub struct ExtendDeadline {
    pub of: LadderCase,
    /// 1 to 30.
    pub days: u32,
}

/// How long all extensions of an account are together, at most.
const LONGEST: Span = Span::days(90);

impl Command for ExtendDeadline {
    const NAME: &'static str = "extend_deadline";
    const PERMISSION: Permission = Permission::AccountsSupport;
    type Outcome = Eased;

    async fn run(self, cx: &CommandContext) -> Result<Eased, Error> {
        let Self { of, days } = self;
        let product = cx.product(&mut cx.view(), &of.case.product).await?;
        let by = Span::days(days.into());
        cx.idempotent(async |tx| {
            let on = of.lock(cx, tx, &product, Refusal::ExtensionOfLocked).await?;
            let left = LONGEST.micros() - on.marks.extension.micros();
            if left < by.micros() {
                let days_left = left.max(0) / Span::days(1).micros();
                return Err(Refusal::ExtensionTooLong { days_left }.into());
            }
            let at = LedgerKey { account: on.account.id, rollout: &of.rollout, product: &product.key };
            ledger::extend(tx, at, by).await?;
            let (rollout, reason) = (of.rollout.clone(), of.case.reason.clone());
            let event = cx.event(Fact::DeadlineExtended { rollout, days, reason });
            event.at(&product.key).of(&on.account).record(tx).await?;
            Ok(of.outcome(cx, tx, (on.account.id, &product)).await?)
        })
        .await
    }
}
