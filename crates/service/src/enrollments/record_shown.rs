//! Records that an app has shown the owner what it advises by itself, without a sign-in: the feature, and the date from which on
//! two-step will be required. The days of grace begin.

use tidegate_core::{Permission, Subject};

use super::Switched;
use crate::{Command, CommandContext, Error, accounts::owner, decisions};

#[derive(Debug)]
pub struct RecordShown {
    pub subject: Subject,
}

impl Command for RecordShown {
    const NAME: &'static str = "record_shown";
    const PERMISSION: Permission = Permission::Enroll;
    type Outcome = Switched;

    async fn run(self, cx: &CommandContext) -> Result<Switched, Error> {
        let acting = cx.acting(&self.subject).await?;
        acting.session()?;
        cx.idempotent(async |tx| {
            let account = owner::lock(tx, &acting).await?;
            let (product, client) = (&acting.product, &acting.client);
            let decision = cx.decide(tx, product, account.id).await?;
            if !decision.visible {
                return Ok(Switched(decision));
            }
            decisions::show(cx, tx, &account, &decision, client).await?;
            decisions::tell(cx, tx, (&account, product), &decision, client).await?;
            Ok(Switched(cx.decide(tx, product, account.id).await?))
        })
        .await
    }
}
