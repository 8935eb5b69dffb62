//! What answering begins with: who answers, the challenge, and the factor's material and counter.

use tidegate_core::{
    Account, AccountState, Answer, Answered, Challenge, Email, FactorId, Mark, Method, ProductKey, Proof,
    Refusal, Sealed, Secret, SessionId, SignInId, SignInState, Subject, Timestamp, Who, Within,
};
use tidegate_factors::{
    challenge,
    method::{self, Opened, Reach, Unread},
    sign_in,
};
use tidegate_keyring::TokenKind;
use tidegate_store::{
    Executor, accounts,
    answers::{self, ChallengeRow},
    attempts::{self, AttemptRow},
    challenges, factors, sessions, sign_ins,
};

use super::answer::{AnsweredBy, Answering};
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

impl Answering {
    pub(super) async fn read(&self, cx: &CommandContext) -> Result<ChallengeContext, Error> {
        let AnsweredBy::Subject(subject) = &self.by else { return self.read_for_device(cx.query()).await };
        match self.read_at_once(cx, subject).await? {
            Some(asked) => Ok(ChallengeContext::to_sign_in(asked)?),
            None => self.read_in_turn(cx.query(), subject).await,
        }
    }

    /// Reads everything in one query, for a valid sign-in. `None` for everything else: `acting`
    /// then finds what is wrong.
    async fn read_at_once(
        &self,
        cx: &CommandContext,
        subject: &Subject,
    ) -> Result<Option<ChallengeRow>, Fault> {
        let Subject { who: Who::SignIn(token), client } = subject else { return Ok(None) };
        let Some(digest) = TokenKind::SignIn.digest(token.expose()) else { return Ok(None) };
        let find = async |executor: Executor<'_>| Ok(answers::find(executor, digest, self.challenge).await?);
        let found = cx.autocommit(find).await?;
        Ok(found.filter(|asked| {
            let bound = asked.device.as_ref();
            cx.query().admits(asked.until, &asked.product, (bound, client))
                && asked.account_state == AccountState::Active
        }))
    }

    async fn read_in_turn(&self, cx: &QueryContext, subject: &Subject) -> Result<ChallengeContext, Error> {
        let acting = cx.acting(subject).await?;
        let challenge = super::find(&mut cx.view(), &acting, self.challenge).await?;
        let Acting { account, product, by, .. } = acting;
        let answerer = match by {
            By::SignIn(sign_in) => {
                Answerer::SignIn { id: sign_in.id, state: sign_in.state, proofs: sign_in.proofs }
            }
            By::Session(session) => Answerer::Session(session.id),
            By::Support(_) => return Err(Fault::Dangling("sign-in or session").into()),
        };
        Ok(ChallengeContext::read(cx, (answerer, product.key), challenge, account).await?)
    }

    /// For the device: any account's challenge that is answered by a signature. Whether the device of the challenge signed is
    /// seen when the answer is read. Every other challenge does not exist.
    async fn read_for_device(&self, cx: &QueryContext) -> Result<ChallengeContext, Error> {
        let unknown = || Refusal::ChallengeNotFound;
        let mut view = cx.view();
        let challenge = challenges::find(&mut view, self.challenge).await?;
        let challenge = challenge.filter(|found| found.method == Method::Push).ok_or_else(unknown)?;
        let account = accounts::get(&mut view, challenge.account).await?;
        let account = account.filter(|account| account.state == AccountState::Active).ok_or_else(unknown)?;
        let (answerer, product, live) = match challenge.within {
            Within::SignIn(id) => {
                let found = sign_ins::get(&mut view, id).await?.ok_or(Fault::Dangling("sign-in"))?;
                let live = cx.now() < found.expires_at;
                let answerer = Answerer::SignIn { id, state: found.state, proofs: found.proofs };
                (answerer, found.product, live)
            }
            Within::Session(id) => {
                let found = sessions::get(&mut view, id).await?.ok_or(Fault::Dangling("session"))?;
                let live = found.is_live(cx.now());
                (Answerer::Session(id), found.product, live)
            }
        };
        if !live || !cx.agent().covers(&product) {
            return Err(unknown().into());
        }
        Ok(ChallengeContext::read(cx, (answerer, product), challenge, account).await?)
    }
}

impl ChallengeContext {
    async fn read(
        cx: &QueryContext,
        (answerer, product): (Answerer, ProductKey),
        challenge: Challenge,
        account: Account,
    ) -> Result<Self, Fault> {
        let mut view = cx.view();
        let (factor, kept) = match challenge.factor {
            Some(factor) => (
                factors::find(&mut view, challenge.account, factor).await?,
                attempts::find(&mut view, &counters::of_factor(factor)).await?,
            ),
            None => (None, None),
        };
        // A closed challenge may have lost its factor.
        let (material, mark) =
            factor.map_or((None, Mark::default()), |factor| (factor.material, factor.mark));
        let email = account.contact.map(|contact| contact.email.as_typed().to_owned());
        let personal_key = account.personal_key;
        Ok(Self { answerer, product, challenge, email, personal_key, material, mark, kept })
    }

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
        let posed = posed.transpose()?;
        let answer = method::read(method, &material, posed.as_ref(), answer)?;
        Ok(Readable { material, posed, answer })
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
