//! Revokes a credential for good. The last operator's stays: without one, nobody could manage the installation, or make
//! another operator.

use tidegate_core::{Credential, CredentialId, Fact, Permission, Refusal, Role};
use tidegate_store::{credentials, installation};

use crate::{Command, CommandContext, Error, access::create::permit_products};

#[derive(Debug)]
pub struct RevokeCredential {
    pub credential: CredentialId,
}

impl Command for RevokeCredential {
    const NAME: &'static str = "revoke_credential";
    const PERMISSION: Permission = Permission::AccessManage;
    type Outcome = Credential;

    async fn run(self, cx: &CommandContext) -> Result<Credential, Error> {
        cx.idempotent(async |tx| {
            let kept = credentials::get(tx, self.credential).await?.ok_or(Refusal::CredentialNotFound)?;
            let mut credential = kept.credential;
            // An agent that may not issue this role may not revoke it: an admin must not lock the operators out.
            if !cx.agent().may_issue(credential.role) {
                return Err(Refusal::RoleNotPermitted.into());
            }
            permit_products(cx, &credential.products)?;
            let now = cx.now();
            if credential.role == Role::Operator {
                // Two operators who revoke each other's credentials at the same time: the second one sees what the first
                // one did.
                installation::lock(tx).await?;
                let again = credentials::get(tx, credential.id).await?.ok_or(Refusal::CredentialNotFound)?;
                credential = again.credential;
                if credential.is_live(now) && !credentials::other_operator(tx, credential.id, now).await? {
                    return Err(Refusal::LastOperator.into());
                }
            }
            if credentials::revoke(tx, credential.id, now).await? {
                cx.event(Fact::CredentialRevoked { credential: credential.id }).record(tx).await?;
                credential.revoked_at = Some(now);
            }
            Ok(credential)
        })
        .await
    }
}
