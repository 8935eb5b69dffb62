//! Makes new recovery codes. All earlier ones are void at once.

use serde::{Deserialize, Serialize};
use tidegate_core::{AccountId, MessagePurpose, Permission, Refusal, Subject};
use tidegate_store::{Tx, factors};

use crate::{Command, CommandContext, Error, Fault, OneTimeSecret, Outcome, enrollments::switch};

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
            if !has_any(tx, account.id).await? {
                return Err(Refusal::NoFactor.into());
            }
            switch::may_rebind(cx, tx, &account, session).await?;
            if acting.recovers {
                super::end_trust(cx, tx, (&acting, &account)).await?;
            }
            let recovery_codes = super::issue(cx, tx, (&acting, &account)).await?;
            let about = (None, Some(recovery_codes.len()));
            cx.notify(tx, (&account, &acting.product), MessagePurpose::RecoveryCodesReplaced, about).await?;
            Ok(RecoveryCodesGenerated { recovery_codes })
        })
        .await
    }
}

/// Codes without a second factor would recover nothing.
async fn has_any(tx: &mut Tx, account: AccountId) -> Result<bool, Fault> {
    Ok(factors::of_account(tx, account).await?.iter().any(|factor| factor.method.is_second_step()))
}
