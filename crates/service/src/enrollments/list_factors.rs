//! Lists an account's second factors, never their secrets. What support sees is put on record.

use serde::{Deserialize, Serialize};
use tidegate_core::{FactorId, Method, Permission, Subject, Timestamp};
use tidegate_store::{factors, recovery_codes};

use crate::{Command, CommandContext, Error, idempotency::outcomes};

#[derive(Debug)]
pub struct ListFactors {
    pub subject: Subject,
}

/// Oldest first.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Factors(pub Vec<Listed>);

outcomes!(Factors);

#[derive(Debug, Serialize, Deserialize)]
pub struct Listed {
    pub id: FactorId,
    pub method: Method,
    pub created_at: Timestamp,
    pub last_used_at: Option<Timestamp>,
    /// Of a set of recovery codes.
    pub codes_left: usize,
}

impl Command for ListFactors {
    const NAME: &'static str = "list_factors";
    const PERMISSION: Permission = Permission::TwoStepRead;
    type Outcome = Factors;

    async fn run(self, cx: &CommandContext) -> Result<Factors, Error> {
        let acting = cx.acting(&self.subject).await?;
        acting.not_signing_in()?;
        let mut view = cx.view();
        let mut listed = Factors::default();
        for factor in factors::of_account(&mut view, acting.account.id).await? {
            let method = factor.method();
            let codes_left = match method {
                Method::RecoveryCodes => {
                    recovery_codes::left(&mut view, factor.account, factor.id).await?.len()
                }
                Method::Totp | Method::Password => 0,
            };
            let (id, created_at, last_used_at) = (factor.id, factor.created_at, factor.last_used_at);
            listed.0.push(Listed { id, method, created_at, last_used_at, codes_left });
        }
        cx.idempotent(async |tx| {
            cx.record_seen(tx, &acting).await?;
            Ok(listed)
        })
        .await
    }
}
