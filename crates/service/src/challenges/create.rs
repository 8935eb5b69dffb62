//! Asks for one proof: for a sign-in, to continue it; for a session, to change what protects the
//! account. A newer challenge of the same sign-in or session and factor supersedes the older ones.

use serde::{Deserialize, Serialize};
use tidegate_core::{Challenge, Fact, FactorId, Permission, Prompt, Purpose, Subject};

use super::pose;
use crate::{Command, CommandContext, Error, Share, idempotency::outcomes};

#[derive(Debug)]
pub struct CreateChallenge {
    pub subject: Subject,
    pub purpose: Purpose,
    pub factor: FactorId,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct ChallengeView {
    pub challenge: Challenge,
    /// What is asked of the person. Present in the response that creates the challenge.
    #[serde(default)]
    pub prompt: Option<Prompt>,
}

outcomes!(ChallengeView);

impl Command for CreateChallenge {
    const NAME: &'static str = "create_challenge";
    const PERMISSION: Permission = Permission::Challenges;
    const SHARE: Share = Share::Hot;
    type Outcome = ChallengeView;

    async fn run(self, cx: &CommandContext) -> Result<ChallengeView, Error> {
        let acting = cx.acting(&self.subject).await?;
        cx.idempotent(async |tx| {
            let holder = pose::hold(cx, tx, &acting, self.purpose).await?;
            let asked = holder.ask(cx, tx, &acting, (self.factor, 0)).await?;
            let (challenge, superseded) = (asked.challenge, asked.superseded);
            let (id, factor, purpose) = (challenge.id, challenge.factor, self.purpose);
            let event = cx.event(Fact::ChallengeCreated { challenge: id, factor, purpose, superseded });
            let event = event.at(&acting.product.key).of(&acting.account);
            event.from(&acting.client).record(tx).await?;
            Ok(ChallengeView { challenge, prompt: Some(asked.prompt) })
        })
        .await
    }
}
