//! Sets the password of an account that has none, for example one that signs in with passkeys.

use serde::{Deserialize, Serialize};
use tidegate_core::{Fact, MessagePurpose, Permission, Refusal, Secret, Subject};
use tidegate_factors::fresh;
use tidegate_store::{factors, passwords, sessions};

use super::rules;
use crate::{Command, CommandContext, Error, accounts::owner, idempotency::outcomes, notices::About};

#[derive(Debug)]
pub struct SetPassword {
    pub subject: Subject,
    pub password: Secret<String>,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct PasswordSet {}

outcomes!(PasswordSet);

impl Command for SetPassword {
    const NAME: &'static str = "set_password";
    const PERMISSION: Permission = Permission::AccountsOwn;
    type Outcome = PasswordSet;

    async fn run(self, cx: &CommandContext) -> Result<PasswordSet, Error> {
        let acting = cx.acting(&self.subject).await?;
        let session = acting.session()?.id;
        if passwords::hash(&mut cx.view(), acting.account.id).await?.is_some() {
            return Err(Refusal::PasswordExists.into());
        }
        let hash = rules::hash(cx, &acting.account, &self.password).await?;
        cx.idempotent(async |tx| {
            let account = owner::lock_for_change(cx, tx, &acting).await?;
            // Nothing shows the password here, so the sign-in must be fresh.
            let session = sessions::hold(tx, session, cx.now()).await?.ok_or(Refusal::SubjectNotValid)?;
            let factors = factors::of_account(tx, account.id).await?;
            let level = fresh::needed_for_password(&account, &factors);
            if !fresh::is_proved(&session.with_live(&factors), level, cx.now()) {
                return Err(Refusal::FreshProofNeeded { level }.into());
            }
            if passwords::hash(tx, account.id).await?.is_some() {
                return Err(Refusal::PasswordExists.into());
            }
            passwords::insert(tx, account.id, hash, cx.now()).await?;
            let event = cx.event(Fact::PasswordSet {}).at(&acting.product.key).of(&account);
            event.from(&acting.client).record(tx).await?;
            let whose = (&account, &acting.product, &acting.client);
            cx.notify(tx, whose, MessagePurpose::PasswordChanged, About::default()).await?;
            Ok(PasswordSet {})
        })
        .await
    }
}
