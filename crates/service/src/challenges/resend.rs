//! Sends a new code. Its challenge takes the place of the earlier one, whose code is void from then on (INV-5). The wrong
//! answers stay charged (INV-9), and the new challenge ends with its sign-in like the earlier one (INV-4).

use tidegate_core::{ChallengeId, ChallengeState, Fact, Permission, Refusal, Subject, Word as _};
use tidegate_factors::{challenge, method};

use super::{ChallengeView, pose};
use crate::{Command, CommandContext, Error, Share};

#[derive(Debug)]
pub struct ResendChallenge {
    pub subject: Subject,
    pub challenge: ChallengeId,
}

impl Command for ResendChallenge {
    const NAME: &'static str = "resend_challenge";
    const PERMISSION: Permission = Permission::Challenges;
    const SHARE: Share = Share::Hot;
    type Outcome = ChallengeView;

    async fn run(self, cx: &CommandContext) -> Result<ChallengeView, Error> {
        let acting = cx.acting(&self.subject).await?;
        cx.idempotent(async |tx| {
            let purpose = super::find(tx, &acting, self.challenge).await?.purpose;
            let holder = pose::hold(cx, tx, &acting, purpose).await?;
            // Read again under the lock: another copy of the call may have taken its place.
            let earlier = super::find(tx, &acting, self.challenge).await?;
            if challenge::closed(&earlier, cx.now()).is_some() {
                let open = earlier.state == ChallengeState::Open;
                let state = if open { "expired" } else { earlier.state.as_str() };
                return Err(Refusal::ChallengeState { state }.into());
            }
            let factor = earlier.factor.filter(|_| method::rules(earlier.method).sends.is_some());
            let factor = factor.ok_or(Refusal::NothingToResend)?;
            let asked = holder.ask(cx, tx, &acting, (factor, earlier.tries)).await?;
            let challenge = asked.challenge;
            let fact = Fact::ChallengeResent {
                challenge: challenge.id,
                earlier: earlier.id,
                factor: challenge.factor,
            };
            let event = cx.event(fact).at(&acting.product.key).of(&acting.account);
            event.from(&acting.client).record(tx).await?;
            Ok(ChallengeView { challenge, prompt: Some(asked.prompt) })
        })
        .await
    }
}
