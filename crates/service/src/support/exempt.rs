//! Exempts an account from what a rollout's ladder requires, for a time. Its owner still cannot switch two-step off where it is
//! on, and nobody is exempted from a locked rung.

use tidegate_core::{Fact, Permission, Refusal, Span, Timestamp};
use tidegate_store::ledger::{self, Exemption};

use super::exemption::{self, Eased, LadderCase};
use crate::{Command, CommandContext, Error};

#[derive(Debug)]
pub struct Exempt {
    pub of: LadderCase,
    pub until: Timestamp,
}

/// How long an exemption lasts at most.
const LONGEST: Span = Span::days(90);

impl Command for Exempt {
    const NAME: &'static str = "exempt";
    const PERMISSION: Permission = Permission::AccountsSupport;
    type Outcome = Eased;

    async fn run(self, cx: &CommandContext) -> Result<Eased, Error> {
        let Self { of, until } = self;
        let (now, case) = (cx.now(), &of.case);
        let product = cx.product(&mut cx.view(), &case.product).await?;
        if until <= now || now.plus(LONGEST) < until {
            let must = "must lie ahead, at most 90 days";
            return Err(Refusal::TimeNotAcceptable { field: "until_time", must }.into());
        }
        cx.idempotent(async |tx| {
            let on = of.lock(cx, tx, &product, Refusal::ExemptionOfLocked).await?;
            let (account, by, reason) = (on.account, exemption::by(cx)?, case.reason.clone());
            let key = product.key.clone();
            let new = Exemption { account: account.id, product: key, until, reason, by, since: now };
            ledger::exempt(tx, &of.rollout, new).await?;
            let (rollout, reason) = (of.rollout.clone(), case.reason.clone());
            let event = cx.event(Fact::AccountExempted { rollout, until, reason });
            event.at(&product.key).of(&account).record(tx).await?;
            Ok(of.outcome(cx, tx, (account.id, &product)).await?)
        })
        .await
    }
}
