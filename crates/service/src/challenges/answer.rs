//! Hands in one answer to one challenge.
//!
//! Read, charge, look, settle: the attempt is charged and committed before the answer is looked at
//! (INV-8), and what came of it is one more transaction. Never looks at an answer without a charge,
//! and never says "approved" before the commit that consumed it (INV-7). What was read may have
//! changed meanwhile; the charge and the approval each ask again for all that they rest on.

use tidegate_core::{
    Answer, Answered, Challenge, ChallengeId, ChallengeState, Channel, ClientContext, Fact, FactorId,
    LaterProof, Mark, MessagePurpose, Permission, Proof, Refusal, SignInState, Subject,
};
use tidegate_factors::{
    challenge,
    method::{self, Consumes, Unread, Verdict},
    tries,
};
use tidegate_store::{
    Executor, Tx, accounts,
    answers::{self, Approval},
    attempts::{self, GrantedCharge},
    challenges, events, factors, pauses, products, recovery_codes, sign_ins,
};

use super::{
    consume,
    context::{Answerer, ChallengeContext, Readable},
    count, pause, wrong,
};
use crate::{
    Command, CommandContext, Error, Fault, Share, check_up, counters,
    event_builder::EventBuilder,
    idempotency::{Attempt, AttemptCharge},
    material,
    notices::About,
};

#[derive(Debug)]
pub struct AnswerChallenge {
    pub subject: Subject,
    pub challenge: ChallengeId,
    pub answer: Answer,
}

impl Command for AnswerChallenge {
    const NAME: &'static str = "answer_challenge";
    const PERMISSION: Permission = Permission::Challenges;
    const SHARE: Share = Share::Hot;
    type Outcome = Answered;

    async fn run(self, cx: &CommandContext) -> Result<Answered, Error> {
        let Self { subject, challenge, answer } = self;
        let client = subject.client.clone();
        Answering { by: AnsweredBy::Subject(subject), client, challenge, answer }.run(cx).await
    }
}

/// One answer, and who gives it.
pub(crate) struct Answering {
    pub(crate) by: AnsweredBy,
    pub(crate) client: ClientContext,
    pub(crate) challenge: ChallengeId,
    pub(crate) answer: Answer,
}

pub(crate) enum AnsweredBy {
    /// The person, at the sign-in or in the session that the challenge belongs to.
    Subject(Subject),
    /// The enrolled device that the challenge asks. Its signature is its authority.
    Device,
}

impl Answering {
    pub(crate) async fn run(self, cx: &CommandContext) -> Result<Answered, Error> {
        let (cc, attempt) = loop {
            let cc = self.read(cx).await?;
            match self.charge(cx, &cc).await? {
                Some(Attempt::Granted(attempt)) => break (cc, attempt),
                Some(Attempt::Finished(outcome)) => return Ok(count::count(cx, &cc, outcome)),
                None => {}
            }
        };
        let mut finding = self.look(cx, &cc, &attempt).await?;
        loop {
            match self.settle(cx, &cc, &attempt, &finding).await? {
                Some(outcome) => return Ok(count::count(cx, &cc, outcome)),
                // Another answer, or a change of what the challenge belongs to, was faster.
                None => finding = finding.late(),
            }
        }
    }
}

/// An answer that was paid for and may be looked at.
struct ChargedAttempt {
    /// With this one.
    tries: i64,
    factor: FactorId,
    readable: Readable,
    taken: GrantedCharge,
}

/// What a look at the answer found.
enum Finding {
    /// Right; what it consumes is still to be compared and set.
    Right(consume::Consumed),
    /// Right, and accepted before.
    Used,
    /// Right, with this mark, but something else was faster.
    Late(Option<Mark>),
    Wrong,
    /// It shows that the factor was copied.
    Copied,
    /// The person denied it.
    Denied {
        reported: bool,
    },
}

impl Finding {
    fn late(self) -> Self {
        match self {
            Self::Right(consumed) => Self::Late(consumed.mark),
            Self::Denied { .. } => Self::Late(None),
            other => other,
        }
    }
}

impl Answering {
    /// Takes one guess from the factor and one try from the challenge, or says why it cannot.
    async fn charge(
        &self,
        cx: &CommandContext,
        cc: &ChallengeContext,
    ) -> Result<Option<Attempt<ChargedAttempt, Answered>>, Error> {
        let (challenge, now) = (&cc.challenge, cx.now());
        if let Some(outcome) = cc.closed(now) {
            return cx.charge(async |_| Ok(AttemptCharge::Finished(outcome))).await;
        }
        // Opened and read first: what cannot be opened, or is no answer of the method, is no wrong guess (INV-45).
        let factor = challenge.factor.ok_or(Fault::Dangling("factor"))?;
        let readable = match cc.open(cx.query(), factor, &self.answer) {
            Ok(readable) => readable,
            Err(Unread::Malformed(malformed)) => return Err(super::malformed(malformed).into()),
            Err(Unread::Unusable) => return self.unavailable(cx, cc, factor).await,
        };
        if !cc.is_for(&readable)? {
            return self.deny(cx, cc, Answered::Superseded).await;
        }
        let counter = counters::of_factor(factor);
        let limits = &method::rules(challenge.method).limits;
        let taken = match counters::grant(cc.kept.clone(), &counter, limits, now) {
            Ok(taken) => taken,
            Err(outcome) => return self.deny(cx, cc, outcome).await,
        };
        let (id, limit, next) = (challenge.id, challenge.max_tries, taken.budget);
        let charge = answers::Charge { challenge: id, limit, counter, next, now };
        cx.charge_by(async |executor: Executor<'_>| {
            let tries = answers::charge(executor, charge).await?;
            Ok(tries.map(|tries| ChargedAttempt { tries, factor, readable, taken }))
        })
        .await
    }

    /// Nothing is charged and nothing looked at.
    async fn deny(
        &self,
        cx: &CommandContext,
        cc: &ChallengeContext,
        outcome: Answered,
    ) -> Result<Option<Attempt<ChargedAttempt, Answered>>, Error> {
        Ok(Some(Attempt::Finished(cx.refuse(self.note(cx, cc, outcome), outcome).await?)))
    }

    /// The same, put on record for the operators.
    async fn unavailable(
        &self,
        cx: &CommandContext,
        cc: &ChallengeContext,
        factor: FactorId,
    ) -> Result<Option<Attempt<ChargedAttempt, Answered>>, Error> {
        let note = cx.event(material::unreadable(factor, cc.challenge.method));
        let note = note.at(&cc.product).of(cc.whose()).from(&self.client);
        cx.charge(async |tx| {
            note.record_refusal(tx).await?;
            Err(Refusal::FactorUnavailable.into())
        })
        .await
    }

    /// The only place that looks at the answer.
    async fn look(
        &self,
        cx: &CommandContext,
        cc: &ChallengeContext,
        attempt: &ChargedAttempt,
    ) -> Result<Finding, Error> {
        let Readable { material, posed, answer } = &attempt.readable;
        let kept = (material, cc.mark);
        Ok(
            match method::verify(cc.challenge.method, kept, posed.as_ref(), answer, cx.now())
                .map_err(Fault::from)?
            {
                Verdict::Right(consumes) => self.consumed(cx, cc, attempt.factor, consumes).await?,
                Verdict::Used => Finding::Used,
                Verdict::Wrong => Finding::Wrong,
                Verdict::Copied => Finding::Copied,
                Verdict::Denied { reported } => Finding::Denied { reported },
            },
        )
    }

    /// A code that is kept as a row is right when there is such a row.
    async fn consumed(
        &self,
        cx: &CommandContext,
        cc: &ChallengeContext,
        factor: FactorId,
        consumes: Consumes,
    ) -> Result<Finding, Fault> {
        let account = cc.challenge.account;
        let code = match &consumes.code {
            None => None,
            Some(code) => match consume::find(cx, account, factor, code).await? {
                None => return Ok(Finding::Wrong),
                found => found,
            },
        };
        let material =
            consumes.material.as_ref().map(|new| cx.seal_factor(account, factor, new)).transpose()?;
        Ok(Finding::Right(consume::Consumed { factor, mark: consumes.mark, material, code }))
    }

    /// What came of it; `None` when the right answer came too late.
    async fn settle(
        &self,
        cx: &CommandContext,
        cc: &ChallengeContext,
        attempt: &ChargedAttempt,
        finding: &Finding,
    ) -> Result<Option<Answered>, Error> {
        match finding {
            Finding::Right(consumed) => self.approve(cx, cc, consumed).await,
            Finding::Used | Finding::Late(_) => {
                cx.settle(async |tx| {
                    let outcome = too_late(cx, tx, &cc.challenge, (attempt, finding)).await?;
                    let note = self.note(cx, cc, outcome);
                    match outcome {
                        // Its charge was given back, so no counter bounds how often it comes.
                        Answered::Replayed | Answered::AlreadyApproved => note.record_refusal(tx).await?,
                        _ => note.record(tx).await?,
                    }
                    Ok(Some(outcome))
                })
                .await
            }
            Finding::Wrong => self.reject(cx, cc, attempt).await,
            Finding::Copied => self.close(cx, cc, attempt).await,
            Finding::Denied { reported } => self.denied(cx, cc, (attempt.factor, *reported)).await,
        }
    }

    /// Moves the sign-in or adds to the session, closes the challenge and consumes what the answer says, or none
    /// of it.
    async fn approve(
        &self,
        cx: &CommandContext,
        cc: &ChallengeContext,
        consumed: &consume::Consumed,
    ) -> Result<Option<Answered>, Error> {
        let (challenge, now) = (&cc.challenge, cx.now());
        let proof = Proof { method: challenge.method, at: now, factor: Some(consumed.factor), mailed: false };
        let event = self.note(cx, cc, Answered::Approved).finish();
        match &cc.answerer {
            Answerer::SignIn { id, proofs, .. } => {
                let approval = Approval {
                    sign_in: *id,
                    next: SignInState::Ready,
                    proofs: proofs.iter().copied().chain([proof]).collect(),
                    challenge: challenge.clone(),
                    factor: consumed.factor,
                    mark: consumed.mark,
                    material: consumed.material.clone(),
                    counter: counters::of_factor(consumed.factor),
                    now,
                };
                let ends_pause = method::rules(challenge.method).sends == Some(Channel::Push);
                if ends_pause {
                    return cx
                        .settle(async |tx| {
                            pauses::forget(tx, consumed.factor).await?;
                            let approved = answers::approve(tx.executor(), approval, event).await?;
                            Ok(approved.then_some(Answered::Approved))
                        })
                        .await;
                }
                let Some(code) = consumed.code else {
                    // The hot path: one statement, together with the answers of others.
                    return cx
                        .settle_by(async |executor: Executor<'_>| {
                            let approved = answers::approve(executor, approval, event).await?;
                            Ok(approved.then_some(Answered::Approved))
                        })
                        .await;
                };
                cx.settle(async |tx| {
                    let approved = consume::code(tx, challenge.account, consumed.factor, code, now).await?
                        && answers::approve(tx.executor(), approval, event).await?;
                    Ok(approved.then_some(Answered::Approved))
                })
                .await
            }
            Answerer::Session(session) => {
                cx.settle(async |tx| {
                    check_up::pass_by(cx, tx, challenge.account, (&cc.product, &self.client)).await?;
                    let approved =
                        consume::prove_later(tx, *session, LaterProof { purpose: challenge.purpose, proof })
                            .await?
                            && consume::challenge(tx, challenge, consumed, now).await?;
                    if !approved {
                        return Ok(None);
                    }
                    events::record(tx, event).await?;
                    if consumed.code.is_some() {
                        self.tell_recovery(cx, tx, cc).await?;
                    }
                    Ok(Some(Answered::Approved))
                })
                .await
            }
        }
    }

    /// Tells the owner that a recovery code was used in a session (INV-35).
    async fn tell_recovery(
        &self,
        cx: &CommandContext,
        tx: &mut Tx,
        cc: &ChallengeContext,
    ) -> Result<(), Fault> {
        let left = recovery_codes::count(tx, cc.challenge.account).await?;
        self.tell(cx, tx, cc, MessagePurpose::RecoveryCodeUsed, About::codes_left(left)).await
    }

    async fn tell(
        &self,
        cx: &CommandContext,
        tx: &mut Tx,
        cc: &ChallengeContext,
        purpose: MessagePurpose,
        about: About,
    ) -> Result<(), Fault> {
        let account = accounts::get(tx, cc.challenge.account).await?.ok_or(Fault::Dangling("account"))?;
        let product = products::find(tx, &cc.product).await?.ok_or(Fault::Dangling("product"))?;
        cx.notify(tx, (&account, &product, &self.client), purpose, about).await
    }

    async fn reject(
        &self,
        cx: &CommandContext,
        cc: &ChallengeContext,
        attempt: &ChargedAttempt,
    ) -> Result<Option<Answered>, Error> {
        let outcome = tries::wrong(attempt.tries, cc.challenge.max_tries);
        let event = self.note(cx, cc, outcome).finish();
        let (counter, charged) = (counters::of_factor(attempt.factor), attempt.taken.budget.revision);
        cx.settle(async |tx| {
            let account = accounts::lock(tx, cc.challenge.account).await?;
            let account = account.ok_or(Fault::Dangling("account"))?;
            wrong::count(cx, tx, cc, (&account, &self.client)).await?;
            if outcome == Answered::UsedUp {
                let (open, used_up) = (ChallengeState::Open, ChallengeState::UsedUp);
                challenges::advance(tx, cc.challenge.id, open, used_up, cx.now()).await?;
            }
            answers::reject(tx.executor(), &counter, charged, event).await?;
            Ok(Some(outcome))
        })
        .await
    }

    /// Closes the factor until it is bound again, and tells its owner. Nothing shows whether the key answered or its copy.
    async fn close(
        &self,
        cx: &CommandContext,
        cc: &ChallengeContext,
        attempt: &ChargedAttempt,
    ) -> Result<Option<Answered>, Error> {
        let (factor, method) = (attempt.factor, cc.challenge.method);
        cx.settle(async |tx| {
            let (open, used_up) = (ChallengeState::Open, ChallengeState::UsedUp);
            challenges::advance(tx, cc.challenge.id, open, used_up, cx.now()).await?;
            counters::close(cx, tx, (factor, method)).await?;
            let copied = cx.event(Fact::FactorCopied { factor, method }).at(&cc.product).of(cc.whose());
            copied.from(&self.client).record(tx).await?;
            self.note(cx, cc, Answered::Closed).record(tx).await?;
            let label = factors::find(tx, cc.challenge.account, factor).await?.and_then(|kept| kept.label);
            self.tell(cx, tx, cc, MessagePurpose::FactorCopied, About::factor(label)).await?;
            Ok(Some(Answered::Closed))
        })
        .await
    }

    /// Ends the challenge and pauses the factor. A person who reports also ends the sign-in, and is told what to do next.
    async fn denied(
        &self,
        cx: &CommandContext,
        cc: &ChallengeContext,
        (factor, reported): (FactorId, bool),
    ) -> Result<Option<Answered>, Error> {
        let Challenge { id, account, within, .. } = cc.challenge;
        cx.settle(async |tx| {
            if let (true, Answerer::SignIn { id: sign_in, state, .. }) = (reported, &cc.answerer)
                && sign_ins::advance(tx, *sign_in, *state, SignInState::Cancelled, cx.now()).await?
            {
                self.record(cx, tx, cc, Fact::SignInCancelled { sign_in: *sign_in }).await?;
            }
            if !challenges::advance(tx, id, ChallengeState::Open, ChallengeState::Denied, cx.now()).await? {
                return Ok(None);
            }
            if reported {
                challenges::cancel_all(tx, account, within).await?;
            }
            let Some(factor) = factors::find(tx, account, factor).await? else { return Ok(None) };
            let paused = pause::after_denial(cx, tx, &factor).await?;
            self.note(cx, cc, Answered::Denied).record(tx).await?;
            let denied = Fact::PushDenied { challenge: id, factor: factor.id, reported };
            self.record(cx, tx, cc, denied).await?;
            self.record(cx, tx, cc, paused).await?;
            self.tell(cx, tx, cc, MessagePurpose::PushDenied, About::factor(factor.label)).await?;
            Ok(Some(Answered::Denied))
        })
        .await
    }

    async fn record(
        &self,
        cx: &CommandContext,
        tx: &mut Tx,
        cc: &ChallengeContext,
        fact: Fact,
    ) -> Result<(), Fault> {
        cx.event(fact).at(&cc.product).of(cc.whose()).from(&self.client).record(tx).await
    }

    fn note<'n>(
        &'n self,
        cx: &'n CommandContext,
        cc: &'n ChallengeContext,
        outcome: Answered,
    ) -> EventBuilder<'n> {
        let Challenge { id: challenge, factor, .. } = cc.challenge;
        let note = cx.event(Fact::ChallengeAnswered { challenge, factor, outcome, count: 1 });
        note.at(&cc.product).of(cc.whose()).from(&self.client)
    }
}

/// A right answer that can approve nothing any more: the challenge ended otherwise, or the code was used (INV-6).
/// A right answer to an approved challenge, and a used code, change no counter.
async fn too_late(
    cx: &CommandContext,
    tx: &mut Tx,
    answered: &Challenge,
    (attempt, finding): (&ChargedAttempt, &Finding),
) -> Result<Answered, Fault> {
    let found = challenges::find(tx, answered.id).await?.ok_or(Fault::Dangling("challenge"))?;
    // This answer's own try says nothing of how the challenge ended.
    let untried = Challenge { tries: 0, ..found };
    let outcome = match challenge::closed(&untried, cx.now()) {
        Some(outcome) => outcome,
        None => match finding {
            // The challenge is open, so either the answer's mark was used, or what it belongs to has moved on.
            Finding::Late(mark) => {
                let factor = factors::find(tx, untried.account, attempt.factor).await?;
                let used = factor.is_some_and(|factor| mark.is_some_and(|mark| factor.mark >= mark));
                if used { Answered::Replayed } else { Answered::Superseded }
            }
            Finding::Right(_) | Finding::Used | Finding::Wrong | Finding::Copied | Finding::Denied { .. } => {
                Answered::Replayed
            }
        },
    };
    if matches!(outcome, Answered::Replayed | Answered::AlreadyApproved) {
        challenges::give_back(tx, untried.id).await?;
        attempts::give_back(tx, &counters::of_factor(attempt.factor), attempt.taken).await?;
    }
    Ok(outcome)
}
