//! Hands in one answer to one challenge.
//!
//! Read, charge, look, settle: the attempt is charged and committed before the code is looked at
//! (INV-8), and what came of it is one more transaction. Never looks at a code without a charge,
//! and never says "approved" before the commit that consumed the code (INV-7). What was read may have
//! changed meanwhile; the charge and the approval each ask again for all that they rest on.

use tidegate_core::{
    Answered, Challenge, ChallengeId, ChallengeState, Fact, LaterProof, Method, Permission, Proof, Secret,
    SessionId, SignInId, Step, Subject,
};
use tidegate_factors::{
    budget::{self, Charge, Limits},
    challenge, totp,
};
use tidegate_store::{
    Executor, Tx,
    answers::{self, Approval},
    attempts::{self, GrantedCharge},
    challenges, factors, sessions,
};

use super::context::{Answerer, ChallengeContext};
use crate::{
    Command, CommandContext, Error, Fault, counters,
    event_builder::EventBuilder,
    idempotency::{Attempt, AttemptCharge},
};

#[derive(Debug)]
pub struct AnswerChallenge {
    pub subject: Subject,
    pub challenge: ChallengeId,
    pub code: Secret<String>,
}

impl Command for AnswerChallenge {
    const NAME: &'static str = "answer_challenge";
    const PERMISSION: Permission = Permission::Challenges;
    type Outcome = Answered;

    async fn run(self, cx: &CommandContext) -> Result<Answered, Error> {
        let (cc, attempt) = loop {
            let cc = self.read(cx).await?;
            match self.charge(cx, &cc).await? {
                Some(Attempt::Granted(attempt)) => break (cc, attempt),
                Some(Attempt::Finished(outcome)) => return Ok(outcome),
                None => {}
            }
        };
        let mut verdict = self.look(cx, &attempt)?;
        loop {
            match self.settle(cx, &cc, &attempt, verdict).await? {
                Some(outcome) => return Ok(outcome),
                // Another answer was faster.
                None => verdict = totp::Verdict::Used,
            }
        }
    }
}

/// An answer that was paid for and may be looked at.
struct ChargedAttempt {
    /// With this one.
    tries: i64,
    seed: Secret<Vec<u8>>,
    last_step: Step,
    taken: GrantedCharge,
}

impl AnswerChallenge {
    /// Takes one guess from the factor and one try from the challenge, or says why it cannot.
    async fn charge(
        &self,
        cx: &CommandContext,
        cc: &ChallengeContext,
    ) -> Result<Option<Attempt<ChargedAttempt, Answered>>, Error> {
        let now = cx.now();
        if let Some(outcome) = cc.closed(now) {
            return cx.charge(async |_| Ok(AttemptCharge::Finished(outcome))).await;
        }
        // Opened first: a seed that does not open is nobody's wrong guess (INV-45).
        let (seed, last_step) = cc.open_seed(cx.query())?;
        let counter = counters::of_factor(cc.challenge.factor);
        let budget = counters::counted(cc.kept.clone(), &counter, now);
        let next = match budget::charge(&Limits::SECOND_FACTOR, budget, now) {
            Charge::Granted(next) => next,
            Charge::Slowed(until) => return self.deny(cx, cc, Answered::Slowed { until }).await,
            Charge::Closed => return self.deny(cx, cc, Answered::Closed).await,
        };
        let (challenge, limit) = (cc.challenge.id, challenge::MAX_TRIES);
        let charge = answers::Charge { challenge, limit, counter, next, now };
        let taken = GrantedCharge { budget: next, waited_from: budget.last_at };
        cx.charge_by(async |executor: Executor<'_>| {
            let tries = answers::charge(executor, charge).await?;
            Ok(tries.map(|tries| ChargedAttempt { tries, seed, last_step, taken }))
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
        let note = self.note(cx, cc, outcome);
        cx.charge(async |tx| {
            note.record(tx).await?;
            Ok(AttemptCharge::Finished(outcome))
        })
        .await
    }

    /// The only place that looks at the code.
    fn look(&self, cx: &CommandContext, attempt: &ChargedAttempt) -> Result<totp::Verdict, Fault> {
        Ok(totp::verify(&attempt.seed, attempt.last_step, &self.code, cx.now())?)
    }

    /// What came of it; `None` when the right answer came too late.
    async fn settle(
        &self,
        cx: &CommandContext,
        cc: &ChallengeContext,
        attempt: &ChargedAttempt,
        verdict: totp::Verdict,
    ) -> Result<Option<Answered>, Error> {
        match (verdict, &cc.answerer) {
            (totp::Verdict::Fresh(step), Answerer::SignIn { id, proofs, .. }) => {
                self.approve(cx, cc, (*id, proofs), step).await
            }
            (totp::Verdict::Fresh(step), Answerer::Session(session)) => {
                self.approve_later(cx, cc, *session, step).await
            }
            (totp::Verdict::Used, _) => {
                cx.settle(async |tx| {
                    let outcome = too_late(cx, tx, &cc.challenge, attempt).await?;
                    self.note(cx, cc, outcome).record(tx).await?;
                    Ok(Some(outcome))
                })
                .await
            }
            (totp::Verdict::Wrong, _) => self.reject(cx, cc, attempt).await,
        }
    }

    /// Moves the sign-in, closes the challenge and consumes the step, or none of it.
    async fn approve(
        &self,
        cx: &CommandContext,
        cc: &ChallengeContext,
        (sign_in, proofs): (SignInId, &[Proof]),
        step: Step,
    ) -> Result<Option<Answered>, Error> {
        let now = cx.now();
        let proof = Proof { method: Method::Totp, at: now };
        let approval = Approval {
            sign_in,
            proofs: proofs.iter().copied().chain([proof]).collect(),
            challenge: cc.challenge.clone(),
            step,
            counter: counters::of_factor(cc.challenge.factor),
            now,
        };
        let event = self.note(cx, cc, Answered::Approved).finish()?;
        cx.settle_by(async |executor: Executor<'_>| {
            Ok(answers::approve(executor, approval, event).await?.then_some(Answered::Approved))
        })
        .await
    }

    /// Adds to the session, closes the challenge and consumes the step, or none of it.
    async fn approve_later(
        &self,
        cx: &CommandContext,
        cc: &ChallengeContext,
        session: SessionId,
        step: Step,
    ) -> Result<Option<Answered>, Error> {
        let (challenge, now) = (&cc.challenge, cx.now());
        let proof = LaterProof { purpose: challenge.purpose, proof: Proof { method: Method::Totp, at: now } };
        let (open, approved) = (ChallengeState::Open, ChallengeState::Approved);
        cx.settle(async |tx| {
            let all = prove_later(tx, session, proof).await?
                && challenges::advance(tx, challenge.id, open, approved, now).await?
                && factors::accept_step(tx, challenge.account, challenge.factor, step, now).await?;
            if !all {
                return Ok(None);
            }
            attempts::forgive(tx, &counters::of_factor(challenge.factor)).await?;
            self.note(cx, cc, Answered::Approved).record(tx).await?;
            Ok(Some(Answered::Approved))
        })
        .await
    }

    async fn reject(
        &self,
        cx: &CommandContext,
        cc: &ChallengeContext,
        attempt: &ChargedAttempt,
    ) -> Result<Option<Answered>, Error> {
        let outcome = challenge::wrong(attempt.tries);
        let event = self.note(cx, cc, outcome).finish()?;
        let (counter, charged) = (counters::of_factor(cc.challenge.factor), attempt.taken.budget.revision);
        if outcome != Answered::UsedUp {
            return cx
                .settle_by(async |executor: Executor<'_>| {
                    answers::reject(executor, &counter, charged, event).await?;
                    Ok(Some(outcome))
                })
                .await;
        }
        cx.settle(async |tx| {
            let (open, used_up) = (ChallengeState::Open, ChallengeState::UsedUp);
            challenges::advance(tx, cc.challenge.id, open, used_up, cx.now()).await?;
            answers::reject(tx.executor(), &counter, charged, event).await?;
            Ok(Some(outcome))
        })
        .await
    }

    fn note<'n>(
        &'n self,
        cx: &'n CommandContext,
        cc: &'n ChallengeContext,
        outcome: Answered,
    ) -> EventBuilder<'n> {
        let Challenge { id: challenge, factor, .. } = cc.challenge;
        let note = cx.event(Fact::ChallengeAnswered { challenge, factor, outcome });
        note.at(&cc.product).of(cc.whose()).from(&self.subject.client)
    }
}

/// Keeps the proof in the session, apart from those that made it: its level never rises (INV-26). `false`
/// when the session has ended.
async fn prove_later(tx: &mut Tx, session: SessionId, new: LaterProof) -> Result<bool, Fault> {
    let Some(held) = sessions::hold(tx, session, new.proof.at).await? else { return Ok(false) };
    let same = |kept: &LaterProof| (kept.purpose, kept.proof.method) == (new.purpose, new.proof.method);
    let others = held.later_proofs.into_iter().filter(|kept| !same(kept));
    Ok(sessions::prove(tx, session, others.chain([new]).collect()).await?)
}

/// A right code that can approve nothing any more: a replay, unless the challenge ended otherwise. A replay
/// changes no counter (INV-6).
async fn too_late(
    cx: &CommandContext,
    tx: &mut Tx,
    answered: &Challenge,
    attempt: &ChargedAttempt,
) -> Result<Answered, Fault> {
    let found = challenges::find(tx, answered.id).await?.ok_or(Fault::Dangling("challenge"))?;
    // This answer's own try says nothing of how the challenge ended.
    let untried = Challenge { tries: 0, ..found };
    let outcome = challenge::closed(&untried, cx.now()).unwrap_or(Answered::Replayed);
    if outcome == Answered::Replayed {
        challenges::give_back(tx, untried.id).await?;
        attempts::give_back(tx, &counters::of_factor(untried.factor), attempt.taken).await?;
    }
    Ok(outcome)
}
