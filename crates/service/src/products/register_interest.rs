//! Registers that the owner wants two-step at a product. No rollout needs to exist.

use serde::{Deserialize, Serialize};
use tidegate_core::{Fact, Permission, Subject};
use tidegate_store::interest;

use crate::{Command, CommandContext, Error, idempotency::outcomes};

#[derive(Debug)]
pub struct RegisterInterest {
    pub subject: Subject,
}

/// Whether this call registered the wish.
#[derive(Debug, Serialize, Deserialize)]
pub struct Registered(pub bool);

outcomes!(Registered);

impl Command for RegisterInterest {
    const NAME: &'static str = "register_interest";
    const PERMISSION: Permission = Permission::AccountsOwn;
    type Outcome = Registered;

    async fn run(self, cx: &CommandContext) -> Result<Registered, Error> {
        let acting = cx.acting(&self.subject).await?;
        acting.session()?;
        cx.idempotent(async |tx| {
            let new = interest::register(tx, &acting.product.key, acting.account.id, cx.now()).await?;
            if new {
                let event = cx.event(Fact::InterestRegistered {}).at(&acting.product.key);
                event.of(&acting.account).from(&acting.client).record(tx).await?;
            }
            Ok(Registered(new))
        })
        .await
    }
}
