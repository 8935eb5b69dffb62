//! Switches two-step on for every product where the account was reached.
//!
//! It needs a fresh proof by the factor that sign-ins will ask for. An owner who cannot give it now
//! could not sign in afterwards.

use serde::{Deserialize, Serialize};
use tidegate_core::{Account, Decision, Fact, Permission, Refusal, Requirement, Subject};
use tidegate_store::{Tx, accounts, factors};

use crate::{
    Command, CommandContext, Error, Fault, OneTimeSecret, Outcome, acting::Acting, decisions,
    enrollments::switch, offers::has_factor,
};

#[derive(Debug)]
pub struct EnableTwoStep {
    pub subject: Subject,
}

/// The decision now, and new recovery codes where the account had none.
#[derive(Debug, Serialize, Deserialize)]
pub struct TwoStepEnabled {
    pub decision: Decision,
    pub recovery_codes: Vec<OneTimeSecret>,
}

impl Outcome for TwoStepEnabled {
    fn secrets(&mut self) -> Vec<&mut OneTimeSecret> {
        self.recovery_codes.iter_mut().collect()
    }
}

impl Command for EnableTwoStep {
    const NAME: &'static str = "enable_two_step";
    const PERMISSION: Permission = Permission::Enroll;
    type Outcome = TwoStepEnabled;

    async fn run(self, cx: &CommandContext) -> Result<TwoStepEnabled, Error> {
        let acting = cx.acting(&self.subject).await?;
        let session = acting.session()?.id;
        cx.idempotent(async |tx| {
            let (account, decision) = switch::lock(cx, tx, &acting).await?;
            if !decision.visible {
                return Err(Refusal::TwoStepNotAvailable.into());
            }
            if decision.on {
                return Ok(TwoStepEnabled { decision, recovery_codes: Vec::new() });
            }
            if account.verified().is_none() {
                return Err(Refusal::EmailNotVerified.into());
            }
            if !has_factor(cx.query(), tx, &account, (&acting.product, Requirement::SecondStep)).await? {
                return Err(Refusal::NoFactor.into());
            }
            switch::proved(cx, tx, &account, session).await?;
            let recovery_codes = recovery_codes(cx, tx, &acting, &account).await?;
            let decision = switch_on(cx, tx, &acting, &account, &decision).await?;
            Ok(TwoStepEnabled { decision, recovery_codes })
        })
        .await
    }
}

/// Two-step may act at products where a verified address is no second factor. There, the codes are the way in for an
/// owner who has nothing else (INV-43).
async fn recovery_codes(
    cx: &CommandContext,
    tx: &mut Tx,
    acting: &Acting,
    account: &Account,
) -> Result<Vec<OneTimeSecret>, Fault> {
    let factors = factors::of_account(tx, account.id).await?;
    if crate::factors::has_own(tx, &factors).await? {
        return Ok(Vec::new());
    }
    crate::factors::issue(cx, tx, (acting, account)).await
}

/// Switches two-step on. From now on it acts at the subject's product for good, and wherever it
/// acted before.
async fn switch_on(
    cx: &CommandContext,
    tx: &mut Tx,
    acting: &Acting,
    account: &Account,
    decision: &Decision,
) -> Result<Decision, Fault> {
    let product = &acting.product;
    accounts::switch_on(tx, account.id, cx.now()).await?;
    decisions::show(cx, tx, account, decision, &acting.client).await?;
    if let Some(rollout) = &decision.rollout {
        decisions::activate(cx, tx, account, (rollout, &product.key), &acting.client).await?;
    }
    let event = cx.event(Fact::TwoStepSwitchedOn {}).at(&product.key).of(account);
    event.from(&acting.client).record(tx).await?;
    cx.decide(tx, product, account.id).await
}
