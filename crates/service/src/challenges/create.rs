//! Asks for one proof: of a sign-in, to go on with it; of a session, to change what protects the account. A
//! newer challenge of the same sign-in or session and factor ends the older ones.

use serde::{Deserialize, Serialize};
use tidegate_core::{
    Challenge, ChallengeState, Fact, FactorId, Method, Permission, Purpose, Refusal, SignInState, Subject,
    Timestamp, Within, Word as _,
};
use tidegate_factors::challenge;
use tidegate_store::{Tx, challenges, sessions, sign_ins};

use crate::{
    Command, CommandContext, Denied, Error, Fault, acting::Acting, idempotency::outcomes, sign_ins::offers,
};

#[derive(Debug)]
pub struct CreateChallenge {
    pub subject: Subject,
    pub purpose: Purpose,
    pub factor: FactorId,
}

/// A challenge, and the method of the factor that is asked.
#[derive(Debug, Serialize, Deserialize)]
pub struct ChallengeView {
    pub challenge: Challenge,
    pub method: Method,
}

outcomes!(ChallengeView);

impl Command for CreateChallenge {
    const NAME: &'static str = "create_challenge";
    const PERMISSION: Permission = Permission::Challenges;
    type Outcome = ChallengeView;

    async fn run(self, cx: &CommandContext) -> Result<ChallengeView, Error> {
        let acting = cx.acting(&self.subject).await?;
        cx.idempotent(async |tx| {
            let (within, ends_at) = self.hold(cx, tx, &acting).await?;
            let offers = offers(tx, acting.account.id, &acting.product).await?;
            let offer = offers
                .into_iter()
                .find(|offer| offer.factor == self.factor)
                .ok_or(Refusal::FactorNotFound)?;
            let now = cx.now();
            let new = Challenge {
                id: cx.new_id(),
                account: acting.account.id,
                within,
                factor: offer.factor,
                purpose: self.purpose,
                state: ChallengeState::Open,
                tries: 0,
                created_at: now,
                expires_at: now.plus(challenge::TTL).min(ends_at),
            };
            // A bound on rows, not on guesses: two at once may pass it by one.
            let live = challenges::live(tx, new.account, now).await?;
            let others: Vec<_> = live
                .iter()
                .filter(|other| other.within != new.within || other.factor != new.factor)
                .collect();
            if let Some(first) = others.first().filter(|_| others.len() >= challenge::MAX_LIVE) {
                return Err(Refusal::TooManyChallenges { retry_after: first.expires_at.since(now) }.into());
            }
            let superseded = challenges::supersede(tx, &new).await?;
            challenges::insert(tx, &new).await?;
            let fact = Fact::ChallengeCreated {
                challenge: new.id,
                factor: new.factor,
                purpose: new.purpose,
                superseded,
            };
            let event = cx.event(fact).at(&acting.product.key).of(&acting.account);
            event.from(&acting.client).record(tx).await?;
            Ok(ChallengeView { challenge: new, method: offer.method })
        })
        .await
    }
}

impl CreateChallenge {
    /// What the challenge is to belong to, and when that ends. One challenge of it after the other: each ends
    /// those before it (INV-5).
    async fn hold(
        &self,
        cx: &CommandContext,
        tx: &mut Tx,
        acting: &Acting,
    ) -> Result<(Within, Timestamp), Denied> {
        match self.purpose {
            Purpose::SignIn => {
                let (sign_in, pending) = match acting.sign_in() {
                    Ok(sign_in) => (sign_in, SignInState::PendingChallenge),
                    Err(refusal) => return Err(refusal.into()),
                };
                if sign_ins::hold(tx, sign_in.id, pending, cx.now()).await? {
                    return Ok((Within::SignIn(sign_in.id), sign_in.expires_at));
                }
                let found = sign_ins::get(tx, sign_in.id).await?.ok_or(Fault::Dangling("sign-in"))?;
                Err(Refusal::SignInState { state: found.state.as_str() }.into())
            }
            Purpose::Change => {
                let session = acting.session()?;
                let held = sessions::hold(tx, session.id, cx.now()).await?;
                let held = held.map(|session| (Within::Session(session.id), session.expires_at));
                Ok(held.ok_or(Refusal::SubjectNotValid)?)
            }
        }
    }
}
