//! Redeems a mailed link, from any browser. It only marks what it was issued for.

use tidegate_core::{Answered, EnrollmentState, Fact, LinkTarget, Permission, Secret};
use tidegate_store::enrollments;

use crate::{Command, CommandContext, Error, Fault, Share, links};

#[derive(Debug)]
pub struct RedeemLink {
    pub token: Secret<String>,
}

impl Command for RedeemLink {
    const NAME: &'static str = "redeem_link";
    const PERMISSION: Permission = Permission::SignIn;
    const SHARE: Share = Share::Hot;
    type Outcome = Answered;

    async fn run(self, cx: &CommandContext) -> Result<Answered, Error> {
        cx.idempotent(async |tx| {
            let Some(presented) = links::find(tx, &self.token).await? else {
                return Ok(links::UNKNOWN);
            };
            // Links of verification mails are redeemed by ConfirmEmail.
            let LinkTarget::Enrollment(id) = presented.link.target else { return Ok(links::UNKNOWN) };
            let found = enrollments::find(tx, id).await?.ok_or(Fault::Dangling("enrollment"))?;
            if !cx.agent().covers(&found.product) {
                return Ok(links::UNKNOWN);
            }
            let account = match links::redeem(cx, tx, &presented).await? {
                Ok(account) => account,
                Err(answer) => return Ok(answer),
            };
            let (from, to) = (EnrollmentState::AwaitingConfirmation, EnrollmentState::Confirmed);
            if !enrollments::advance(tx, id, from, to, cx.now()).await? {
                let superseded = found.state == EnrollmentState::Superseded;
                return Ok(if superseded { Answered::Superseded } else { Answered::UsedUp });
            }
            let event = cx.event(Fact::EnrollmentConfirmed { enrollment: id });
            event.at(&found.product).of(&account).record(tx).await?;
            Ok(Answered::Approved)
        })
        .await
    }
}
