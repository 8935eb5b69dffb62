//! Changes what the owner calls a factor.

use serde::{Deserialize, Serialize};
use tidegate_core::{Fact, FactorId, Permission, Refusal, Subject, Title};
use tidegate_store::factors;

use crate::{Command, CommandContext, Error, enrollments::switch, idempotency::outcomes};

#[derive(Debug)]
pub struct RenameFactor {
    pub subject: Subject,
    pub factor: FactorId,
    /// `None` takes the label away.
    pub label: Option<Title>,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct Renamed {}

outcomes!(Renamed);

impl Command for RenameFactor {
    const NAME: &'static str = "rename_factor";
    const PERMISSION: Permission = Permission::Enroll;
    type Outcome = Renamed;

    async fn run(self, cx: &CommandContext) -> Result<Renamed, Error> {
        let acting = cx.acting_or_recovering(&self.subject).await?;
        let session = acting.session()?.id;
        cx.idempotent(async |tx| {
            let (account, _) = switch::lock(cx, tx, &acting).await?;
            switch::may_rebind(cx, tx, &account, session).await?;
            if !factors::rename(tx, account.id, self.factor, self.label.clone()).await? {
                return Err(Refusal::FactorNotFound.into());
            }
            let event = cx.event(Fact::FactorRenamed { factor: self.factor });
            event.at(&acting.product.key).of(&account).from(&acting.client).record(tx).await?;
            Ok(Renamed {})
        })
        .await
    }
}
