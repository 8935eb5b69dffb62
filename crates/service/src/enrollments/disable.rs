//! Switches two-step off, at every product. Factors, settings, the ledger and challenges stay as they are, so
//! that switching it on again is one call, and asks wherever it has acted.

use tidegate_core::{Fact, Permission, Refusal, Subject};
use tidegate_store::accounts;

use crate::{
    Command, CommandContext, Error,
    enrollments::switch::{self, Switched},
};

#[derive(Debug)]
pub struct DisableTwoStep {
    pub subject: Subject,
}

impl Command for DisableTwoStep {
    const NAME: &'static str = "disable_two_step";
    const PERMISSION: Permission = Permission::Enroll;
    type Outcome = Switched;

    async fn run(self, cx: &CommandContext) -> Result<Switched, Error> {
        let acting = cx.acting(&self.subject).await?;
        let session = acting.session()?.id;
        cx.idempotent(async |tx| {
            let (account, decision) = match switch::lock(cx, tx, &acting).await? {
                Ok(locked) => locked,
                Err(refusal) => return Ok(Err(refusal)),
            };
            if !decision.may_toggle {
                return Ok(Err(Refusal::TwoStepNotAvailable));
            }
            if !decision.on {
                return Ok(Ok(Switched(decision)));
            }
            if let Err(refusal) = switch::proved(cx, tx, &account, session).await? {
                return Ok(Err(refusal));
            }
            accounts::switch_off(tx, account.id).await?;
            let event = cx.event(Fact::TwoStepSwitchedOff {}).at(&acting.product.key).of(&account);
            event.from(&acting.client).record(tx).await?;
            Ok(Ok(Switched(cx.decide(tx, &acting.product, account.id).await?)))
        })
        .await
    }
}
