//! What an answer begins with: who answers, the challenge, and what is known of its factor.

use tidegate_core::{
    AccountState, Answered, Challenge, Material, ProductKey, Proof, Sealed, Secret, SessionId, SignInId,
    SignInState, Step, Subject, Timestamp, Who, Within,
};
use tidegate_factors::challenge;
use tidegate_keyring::{SealContext, TokenKind};
use tidegate_store::{
    Executor,
    answers::{self, ChallengeRow},
    attempts::{self, AttemptRow},
    factors,
};

use super::AnswerChallenge;
use crate::{
    CommandContext, Error, Fault, QueryContext,
    acting::{Acting, By},
    counters,
    event_builder::EventSubject,
};

pub(super) struct ChallengeContext {
    pub(super) answerer: Answerer,
    pub(super) product: ProductKey,
    pub(super) challenge: Challenge,
    email: Option<String>,
    personal_key: Sealed,
    seed: Option<Sealed>,
    last_step: Option<Step>,
    pub(super) kept: Option<AttemptRow>,
}

/// Whom a right answer serves.
pub(super) enum Answerer {
    SignIn { id: SignInId, state: SignInState, proofs: Vec<Proof> },
    Session(SessionId),
}

impl AnswerChallenge {
    pub(super) async fn read(&self, cx: &CommandContext) -> Result<ChallengeContext, Error> {
        match self.read_at_once(cx).await? {
            Some(asked) => Ok(ChallengeContext::to_sign_in(asked)?),
            None => self.read_in_turn(cx.query()).await,
        }
    }

    /// Of a sign-in that is as it should be; of anything else nothing, and then `acting` says what is wrong.
    async fn read_at_once(&self, cx: &CommandContext) -> Result<Option<ChallengeRow>, Fault> {
        let Subject { who: Who::SignIn(token), client } = &self.subject else { return Ok(None) };
        let Some(digest) = TokenKind::SignIn.digest(token.expose()) else { return Ok(None) };
        let find = async |executor: Executor<'_>| Ok(answers::find(executor, digest, self.challenge).await?);
        let found = cx.autocommit(find).await?;
        Ok(found.filter(|asked| {
            let elsewhere = client.device.as_ref().zip(asked.device.as_ref());
            cx.now() < asked.until
                && cx.agent().covers(&asked.product)
                && asked.account_state == AccountState::Active
                && elsewhere.is_none_or(|(named, its)| named == its)
        }))
    }

    async fn read_in_turn(&self, cx: &QueryContext) -> Result<ChallengeContext, Error> {
        let acting = cx.acting(&self.subject).await?;
        let mut view = cx.view();
        let challenge = super::find(&mut view, &acting, self.challenge).await?;
        let factor = factors::find(&mut view, challenge.account, challenge.factor).await?;
        let kept = attempts::find(&mut view, &counters::of_factor(challenge.factor)).await?;
        let Acting { account, product, by, .. } = acting;
        let answerer = match by {
            By::SignIn(sign_in) => {
                Answerer::SignIn { id: sign_in.id, state: sign_in.state, proofs: sign_in.proofs }
            }
            By::Session(session) => Answerer::Session(session.id),
            By::Support(_) => return Err(Fault::Dangling("sign-in or session").into()),
        };
        // A challenge that is over may have lost its factor.
        let (seed, last_step) = match factor.map(|factor| factor.material) {
            Some(Material::Totp { seed, last_step }) => (Some(seed), Some(last_step)),
            Some(Material::RecoveryCodes) | None => (None, None),
        };
        let email = account.contact.map(|contact| contact.email.as_typed().to_owned());
        let (product, personal_key) = (product.key, account.personal_key);
        Ok(ChallengeContext { answerer, product, challenge, email, personal_key, seed, last_step, kept })
    }
}

impl ChallengeContext {
    fn to_sign_in(found: ChallengeRow) -> Result<Self, Fault> {
        let ChallengeRow {
            product,
            state,
            proofs,
            email,
            personal_key,
            challenge,
            seed,
            last_step,
            kept,
            ..
        } = found;
        let Within::SignIn(id) = challenge.within else { return Err(Fault::Dangling("sign-in")) };
        let answerer = Answerer::SignIn { id, state, proofs };
        Ok(Self { answerer, product, challenge, email, personal_key, seed, last_step, kept })
    }

    /// The answer that needs no look at the code, if there is one.
    pub(super) fn closed(&self, now: Timestamp) -> Option<Answered> {
        let taken = match &self.answerer {
            // The second step was taken by another challenge.
            Answerer::SignIn { state, .. } => *state != SignInState::PendingChallenge,
            Answerer::Session(_) => false,
        };
        challenge::closed(&self.challenge, now).or_else(|| taken.then_some(Answered::Superseded))
    }

    pub(super) fn whose(&self) -> EventSubject<'_> {
        EventSubject {
            id: self.challenge.account,
            personal_key: &self.personal_key,
            email: self.email.as_deref(),
        }
    }

    pub(super) fn open_seed(&self, cx: &QueryContext) -> Result<(Secret<Vec<u8>>, Step), Fault> {
        let Some((seed, last_step)) = self.seed.as_ref().zip(self.last_step) else {
            return Err(Fault::Dangling("seed"));
        };
        let (account, factor) = (self.challenge.account, self.challenge.factor);
        let context = SealContext::FactorSeed { realm: cx.realm(), account, factor };
        Ok((cx.keyring().open(&context, seed)?, last_step))
    }
}
