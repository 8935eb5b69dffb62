//! Cancels a challenge.

use tidegate_core::{ChallengeId, ChallengeState, Fact, Permission, Subject};
use tidegate_store::challenges;

use crate::{Command, CommandContext, Error, Share, challenges::ChallengeView};

#[derive(Debug)]
pub struct CancelChallenge {
    pub subject: Subject,
    pub challenge: ChallengeId,
}

impl Command for CancelChallenge {
    const NAME: &'static str = "cancel_challenge";
    const PERMISSION: Permission = Permission::Challenges;
    const SHARE: Share = Share::Hot;
    type Outcome = ChallengeView;

    async fn run(self, cx: &CommandContext) -> Result<ChallengeView, Error> {
        let acting = cx.acting(&self.subject).await?;
        cx.idempotent(async |tx| {
            let mut challenge = super::find(tx, &acting, self.challenge).await?;
            let (open, cancelled) = (ChallengeState::Open, ChallengeState::Cancelled);
            if challenges::advance(tx, challenge.id, open, cancelled, cx.now()).await? {
                challenge.state = cancelled;
                let event = cx.event(Fact::ChallengeCancelled { challenge: challenge.id });
                let event = event.at(&acting.product.key).of(&acting.account);
                event.from(&acting.client).record(tx).await?;
            }
            Ok(ChallengeView { challenge, prompt: None })
        })
        .await
    }
}
