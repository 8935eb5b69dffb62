//! Returns whether two-step is available here, on and required, and what is missing.
//!
//! A call with a session counts as showing, and the account stays reached from then on. A sign-in that waits for an
//! enrollment may ask too. A call by support, on behalf, does not count, and is recorded.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use tidegate_core::{Decision, Method, Permission, Subject};
use tidegate_factors::policy;
use tidegate_store::{factors, recovery_codes};

use crate::{Command, CommandContext, Error, acting::By, decisions, idempotency::outcomes};

#[derive(Debug)]
pub struct GetTwoStepStatus {
    pub subject: Subject,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Status {
    pub decision: Decision,
    pub active_methods: Vec<Method>,
    pub recovery_codes_left: usize,
    /// The mailbox is all that protects the account here.
    #[serde(default)]
    pub mailbox_only: bool,
}

outcomes!(Status);

impl Command for GetTwoStepStatus {
    const NAME: &'static str = "get_two_step_status";
    const PERMISSION: Permission = Permission::TwoStepRead;
    type Outcome = Status;

    async fn run(self, cx: &CommandContext) -> Result<Status, Error> {
        let acting = cx.acting_or_recovering(&self.subject).await?;
        if matches!(acting.by, By::SignIn(_)) {
            acting.may_enroll()?;
        }
        let account = &acting.account;
        let mut view = cx.view();
        let decision = cx.decide(&mut view, &acting.product, account.id).await?;
        let factors = factors::of_account(&mut view, account.id).await?;
        let policy = &acting.product.settings.methods;
        let counted =
            factors.iter().map(|factor| factor.method).filter(|method| policy::counts(policy, *method));
        let mut active_methods = counted.collect::<BTreeSet<_>>();
        if !crate::factors::has_own(&mut view, &factors).await? {
            active_methods.remove(&Method::RecoveryCodes);
        }
        let active_methods = active_methods.into_iter().collect();
        let mailbox_only = policy::is_mailbox_only(policy, &factors);
        let recovery_codes_left = recovery_codes::count(&mut view, account.id).await?;
        let status = Status { decision, active_methods, recovery_codes_left, mailbox_only };
        cx.idempotent(async |tx| {
            let mut status = status.clone();
            match acting.by {
                By::Session(_) if status.decision.visible => {
                    let (client, whose) = (&acting.client, (account, &acting.product));
                    decisions::show(cx, tx, account, &status.decision, client).await?;
                    if let Some(told) = decisions::tell(cx, tx, whose, &status.decision, client).await? {
                        status.decision = told;
                    }
                }
                By::Session(_) | By::SignIn(_) => {}
                By::Support(_) => cx.record_seen(tx, &acting).await?,
            }
            Ok(status)
        })
        .await
    }
}
