//! Switches two-step off at every product. Factors, settings, the ledger and challenges stay as
//! they are. So switching it on again is one call, and it then asks wherever it has acted.

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
            let (account, decision) = switch::lock(cx, tx, &acting).await?;
            if !decision.visible {
                return Err(Refusal::TwoStepNotAvailable.into());
            }
            if !decision.may_toggle {
                return Err(Refusal::TwoStepRequired.into());
            }
            if !decision.on {
                return Ok(Switched(decision));
            }
            switch::proved(cx, tx, &account, session).await?;
            accounts::switch_off(tx, account.id).await?;
            let event = cx.event(Fact::TwoStepSwitchedOff {}).at(&acting.product.key).of(&account);
            event.from(&acting.client).record(tx).await?;
            Ok(Switched(cx.decide(tx, &acting.product, account.id).await?))
        })
        .await
    }
}
