//! Asks for one proof: for a sign-in, to continue it; for a session, to change what protects the
//! account. A newer challenge of the same sign-in or session and factor supersedes the older ones.

use serde::{Deserialize, Serialize};
use tidegate_core::{
    Challenge, ChallengeState, Fact, Factor, FactorId, Permission, Prompt, Purpose, Refusal, Requirement,
    SignInState, Subject, Timestamp, Within, Word as _,
};
use tidegate_factors::{
    challenge,
    method::{self, Opened},
};
use tidegate_store::{Tx, challenges, factors, sessions, sign_ins};

use crate::{
    Command, CommandContext, Denied, Error, Fault, acting::Acting, idempotency::outcomes, material,
    offers::offers,
};

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

/// The sign-in or session that the challenge belongs to.
struct Holder {
    within: Within,
    ends_at: Timestamp,
    /// The requirement that the proof must meet.
    requirement: Requirement,
}

impl Command for CreateChallenge {
    const NAME: &'static str = "create_challenge";
    const PERMISSION: Permission = Permission::Challenges;
    type Outcome = ChallengeView;

    async fn run(self, cx: &CommandContext) -> Result<ChallengeView, Error> {
        let acting = cx.acting(&self.subject).await?;
        cx.idempotent(async |tx| {
            let holder = self.hold(cx, tx, &acting).await?;
            let (factor, material) = self.asked(cx, tx, &acting, holder.requirement).await?;
            let (rules, now) = (method::rules(factor.method), cx.now());
            let id = cx.new_id();
            let posed = method::pose(factor.method, &material, cx.entropy())?;
            let material =
                posed.material.map(|posed| cx.seal_challenge(factor.account, id, &posed)).transpose()?;
            let new = Challenge {
                id,
                account: factor.account,
                within: holder.within,
                factor: Some(factor.id),
                method: factor.method,
                purpose: self.purpose,
                state: ChallengeState::Open,
                tries: 0,
                max_tries: rules.max_tries,
                material,
                created_at: now,
                expires_at: now.plus(rules.challenge_ttl).min(holder.ends_at),
            };
            let superseded = challenges::supersede(tx, &new).await?;
            challenges::insert(tx, &new).await?;
            // This bounds rows, not guesses: two concurrent calls may exceed it by one.
            let older = challenges::supersede_oldest(tx, new.account, challenge::MAX_LIVE, now).await?;
            let fact = Fact::ChallengeCreated {
                challenge: new.id,
                factor: new.factor,
                purpose: new.purpose,
                superseded: superseded + older,
            };
            let event = cx.event(fact).at(&acting.product.key).of(&acting.account);
            event.from(&acting.client).record(tx).await?;
            Ok(ChallengeView { challenge: new, prompt: Some(posed.prompt) })
        })
        .await
    }
}

impl CreateChallenge {
    /// The factor, if it is offered, and its material.
    async fn asked(
        &self,
        cx: &CommandContext,
        tx: &mut Tx,
        acting: &Acting,
        requirement: Requirement,
    ) -> Result<(Factor, Opened), Denied> {
        let account = &acting.account;
        let factor = factors::find(tx, account.id, self.factor).await?.ok_or(Refusal::FactorNotFound)?;
        let material = cx.query().factor_material(account.id, factor.id, factor.material.as_ref());
        let Some(material) = material.filter(|material| method::is_usable(factor.method, material)) else {
            let event = cx.event(material::unreadable(factor.id, factor.method));
            event.at(&acting.product.key).of(account).from(&acting.client).record(tx).await?;
            return Err(Refusal::FactorUnavailable.into());
        };
        // For a change, a recovery code counts as a proof that may re-bind factors, and nothing more. An owner who is
        // signed in without the lost phone comes back by it.
        let offers = offers(cx.query(), tx, account.id, (&acting.product, requirement)).await?;
        let offered = offers.iter().any(|offer| offer.factor == factor.id);
        if offered { Ok((factor, material)) } else { Err(Refusal::FactorNotFound.into()) }
    }

    /// Locks the sign-in or session, so that its challenges are created one after the other, and
    /// each supersedes those before it (INV-5).
    async fn hold(&self, cx: &CommandContext, tx: &mut Tx, acting: &Acting) -> Result<Holder, Denied> {
        match self.purpose {
            Purpose::SignIn => {
                let (sign_in, pending) = match acting.sign_in() {
                    Ok(sign_in) => (sign_in, SignInState::PendingChallenge),
                    Err(refusal) => return Err(refusal.into()),
                };
                if sign_ins::hold(tx, sign_in.id, pending, cx.now()).await? {
                    let (within, ends_at) = (Within::SignIn(sign_in.id), sign_in.expires_at);
                    return Ok(Holder { within, ends_at, requirement: sign_in.requirement });
                }
                let found = sign_ins::get(tx, sign_in.id).await?.ok_or(Fault::Dangling("sign-in"))?;
                Err(Refusal::SignInState { state: found.state.as_str() }.into())
            }
            Purpose::Change => {
                let session = acting.session()?;
                let held = sessions::hold(tx, session.id, cx.now()).await?.ok_or(Refusal::SubjectNotValid)?;
                let (within, ends_at) = (Within::Session(held.id), held.expires_at);
                Ok(Holder { within, ends_at, requirement: Requirement::SecondStep })
            }
        }
    }
}
