//! Asks for one proof. A newer challenge of the same sign-in and factor ends the older ones.

use serde::{Deserialize, Serialize};
use tidegate_core::{
    Challenge, ChallengeState, Fact, FactorId, Method, Permission, Purpose, Refusal, SignInState, Subject,
    Word as _,
};
use tidegate_factors::challenge;
use tidegate_store::{challenges, sign_ins};

use crate::{Command, Error, Fault, Pen, once::outcomes, sign_ins::offers};

#[derive(Debug)]
pub struct CreateChallenge {
    pub subject: Subject,
    pub purpose: Purpose,
    pub factor: FactorId,
}

/// A challenge, and the method of the factor that is asked.
#[derive(Debug, Serialize, Deserialize)]
pub struct Asked {
    pub challenge: Challenge,
    pub method: Method,
}

outcomes!(Asked);

impl Command for CreateChallenge {
    const NAME: &'static str = "create_challenge";
    const PERMISSION: Permission = Permission::Challenges;
    type Outcome = Asked;

    async fn run(self, pen: &Pen) -> Result<Asked, Error> {
        let acting = pen.acting(&self.subject).await?;
        let sign_in = acting.sign_in()?.clone();
        if sign_in.state != SignInState::PendingChallenge {
            return Err(Refusal::SignInState { state: sign_in.state.as_str() }.into());
        }
        pen.once(async |tx| {
            // One challenge of a sign-in after the other: each ends those before it (INV-5).
            if !sign_ins::hold(tx, sign_in.id, SignInState::PendingChallenge, pen.now()).await? {
                let found = sign_ins::get(tx, sign_in.id).await?.ok_or(Fault::Dangling("sign-in"))?;
                return Ok(Err(Refusal::SignInState { state: found.state.as_str() }));
            }
            let offers = offers(tx, acting.account.id, &acting.product).await?;
            let Some(offer) = offers.into_iter().find(|offer| offer.factor == self.factor) else {
                return Ok(Err(Refusal::FactorNotFound));
            };
            let now = pen.now();
            let new = Challenge {
                id: pen.new_id(),
                account: acting.account.id,
                sign_in: sign_in.id,
                factor: offer.factor,
                purpose: self.purpose,
                state: ChallengeState::Open,
                tries: 0,
                created_at: now,
                expires_at: now.plus(challenge::LIFE).min(sign_in.expires_at),
            };
            // A bound on rows, not on guesses: two at once may pass it by one.
            let live = challenges::live(tx, new.account, now).await?;
            let others: Vec<_> = live
                .iter()
                .filter(|other| other.sign_in != new.sign_in || other.factor != new.factor)
                .collect();
            if let Some(first) = others.first().filter(|_| others.len() >= challenge::LIVE) {
                return Ok(Err(Refusal::TooManyChallenges { retry_after: first.expires_at.since(now) }));
            }
            let superseded = challenges::supersede(tx, &new).await?;
            challenges::insert(tx, &new).await?;
            let fact = Fact::ChallengeCreated {
                challenge: new.id,
                factor: new.factor,
                purpose: new.purpose,
                superseded,
            };
            let event = pen.event(fact).at(&acting.product.key).of(&acting.account);
            event.from(&acting.client).record(tx).await?;
            Ok(Ok(Asked { challenge: new, method: offer.method }))
        })
        .await
    }
}
