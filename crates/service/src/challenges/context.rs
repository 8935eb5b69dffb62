//! What answering begins with: who answers, the challenge, and the factor's material and counter.

use tidegate_core::{
    AccountState, Answer, Answered, Challenge, Email, FactorId, Mark, ProductKey, Proof, Sealed, Secret,
    SessionId, SignInId, SignInState, Subject, Timestamp, Who, Within,
};
use tidegate_factors::{
    challenge,
    method::{self, Opened, Reach, Unread},
    sign_in,
};
use tidegate_keyring::TokenKind;
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
    material: Option<Sealed>,
    pub(super) mark: Mark,
    pub(super) kept: Option<AttemptRow>,
}

/// The sign-in or session that a right answer serves.
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

    /// Reads everything in one query, for a valid sign-in. `None` for everything else: `acting`
    /// then finds what is wrong.
    async fn read_at_once(&self, cx: &CommandContext) -> Result<Option<ChallengeRow>, Fault> {
        let Subject { who: Who::SignIn(token), client } = &self.subject else { return Ok(None) };
        let Some(digest) = TokenKind::SignIn.digest(token.expose()) else { return Ok(None) };
        let find = async |executor: Executor<'_>| Ok(answers::find(executor, digest, self.challenge).await?);
        let found = cx.autocommit(find).await?;
        Ok(found.filter(|asked| {
            let bound = asked.device.as_ref();
            cx.query().admits(asked.until, &asked.product, (bound, client))
                && asked.account_state == AccountState::Active
        }))
    }

    async fn read_in_turn(&self, cx: &QueryContext) -> Result<ChallengeContext, Error> {
        let acting = cx.acting(&self.subject).await?;
        let mut view = cx.view();
        let challenge = super::find(&mut view, &acting, self.challenge).await?;
        let (factor, kept) = match challenge.factor {
            Some(factor) => (
                factors::find(&mut view, challenge.account, factor).await?,
                attempts::find(&mut view, &counters::of_factor(factor)).await?,
            ),
            None => (None, None),
        };
        let Acting { account, product, by, .. } = acting;
        let answerer = match by {
            By::SignIn(sign_in) => {
                Answerer::SignIn { id: sign_in.id, state: sign_in.state, proofs: sign_in.proofs }
            }
            By::Session(session) => Answerer::Session(session.id),
            By::Support(_) => return Err(Fault::Dangling("sign-in or session").into()),
        };
        // A closed challenge may have lost its factor.
        let (material, mark) =
            factor.map_or((None, Mark::default()), |factor| (factor.material, factor.mark));
        let email = account.contact.map(|contact| contact.email.as_typed().to_owned());
        let (product, personal_key) = (product.key, account.personal_key);
        Ok(ChallengeContext { answerer, product, challenge, email, personal_key, material, mark, kept })
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
            factor_material: material,
            mark,
            kept,
            ..
        } = found;
        let Within::SignIn(id) = challenge.within else { return Err(Fault::Dangling("sign-in")) };
        let answerer = Answerer::SignIn { id, state, proofs };
        let mark = mark.unwrap_or_default();
        Ok(Self { answerer, product, challenge, email, personal_key, material, mark, kept })
    }

    /// The answer that needs no evaluation of the code, if there is one.
    pub(super) fn closed(&self, now: Timestamp) -> Option<Answered> {
        let taken = match &self.answerer {
            // Another challenge has taken the second step.
            Answerer::SignIn { state, .. } => !sign_in::takes_answers(*state),
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

    /// Opens and reads everything that evaluating the answer needs.
    pub(super) fn open(
        &self,
        cx: &QueryContext,
        factor: FactorId,
        answer: &Answer,
    ) -> Result<Readable, Unread> {
        let Challenge { id, account, method, .. } = self.challenge;
        let material = cx.factor_material(account, factor, self.material.as_ref()).ok_or(Unread::Unusable)?;
        let posed = self.challenge.material.as_ref();
        let posed = posed.map(|sealed| cx.challenge_material(account, id, sealed).ok_or(Unread::Unusable));
        let answer = method::read(method, &material, answer)?;
        Ok(Readable { posed: posed.transpose()?, material, answer })
    }

    /// Whether the account still has the address that the code was sent to.
    pub(super) fn is_for(&self, readable: &Readable) -> Result<bool, Fault> {
        let Some(posed) = &readable.posed else { return Ok(true) };
        let email = self.email.clone().map(|email| Email::restored(email, String::new()));
        Ok(method::is_for(self.challenge.method, posed, Reach { email: email.as_ref(), party: None })?)
    }
}

/// Everything that evaluating an answer needs, opened.
pub(super) struct Readable {
    pub(super) material: Opened,
    pub(super) posed: Option<Opened>,
    pub(super) answer: Secret<String>,
}
