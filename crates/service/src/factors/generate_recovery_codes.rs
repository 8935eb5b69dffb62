//! Makes new recovery codes. All earlier ones are void at once.

use serde::{Deserialize, Serialize};
use tidegate_core::{MessagePurpose, Permission, Refusal, Requirement, Subject};
use tidegate_factors::policy;
use tidegate_store::factors;

use crate::{
    Command, CommandContext, Error, OneTimeSecret, Outcome, enrollments::switch, notices::About,
    offers::has_factor, sessions::ending,
};

#[derive(Debug)]
pub struct GenerateRecoveryCodes {
    pub subject: Subject,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct RecoveryCodesGenerated {
    pub recovery_codes: Vec<OneTimeSecret>,
}

impl Outcome for RecoveryCodesGenerated {
    fn secrets(&mut self) -> Vec<&mut OneTimeSecret> {
        self.recovery_codes.iter_mut().collect()
    }
}

impl Command for GenerateRecoveryCodes {
    const NAME: &'static str = "generate_recovery_codes";
    const PERMISSION: Permission = Permission::Enroll;
    type Outcome = RecoveryCodesGenerated;

    async fn run(self, cx: &CommandContext) -> Result<RecoveryCodesGenerated, Error> {
        let acting = cx.acting_or_recovering(&self.subject).await?;
        let session = acting.session()?.id;
        cx.idempotent(async |tx| {
            let (account, _) = switch::lock(cx, tx, &acting).await?;
            // Codes without a second factor would recover nothing.
            let all = factors::of_account(tx, account.id).await?;
            if !policy::has_enrolled(&all)
                && !has_factor(cx.query(), tx, &account, (&acting.product, Requirement::SecondStep)).await?
            {
                return Err(Refusal::NoFactor.into());
            }
            switch::may_rebind(cx, tx, &account, session).await?;
            if acting.recovers {
                ending::end_trust(cx, tx, (&account, &acting.client)).await?;
            }
            let recovery_codes = super::issue(cx, tx, (&acting, &account)).await?;
            let about = About::codes_left(recovery_codes.len());
            let whose = (&account, &acting.product, &acting.client);
            cx.notify(tx, whose, MessagePurpose::RecoveryCodesReplaced, about).await?;
            Ok(RecoveryCodesGenerated { recovery_codes })
        })
        .await
    }
}
