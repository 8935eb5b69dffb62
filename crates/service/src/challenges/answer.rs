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
    attempts::{self, Taken},
    challenges, factors, sessions,
};

use super::posed::{Asker, Posed};
use crate::{
    Command, CommandContext, Error, Fault, counters,
    event_builder::Note,
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
        let (posed, paid) = loop {
            let posed = self.read(cx).await?;
            match self.charge(cx, &posed).await? {
                Some(Attempt::Granted(paid)) => break (posed, paid),
                Some(Attempt::Finished(outcome)) => return Ok(outcome),
                None => {}
            }
        };
        let mut verdict = self.look(cx, &paid)?;
        loop {
            match self.settle(cx, &posed, &paid, verdict).await? {
                Some(outcome) => return Ok(outcome),
                // Another answer was faster.
                None => verdict = totp::Verdict::Used,
            }
        }
    }
}

/// An answer that was paid for and may be looked at.
struct Paid {
    /// With this one.
    tries: i64,
    seed: Secret<Vec<u8>>,
    last_step: Step,
    taken: Taken,
}

impl AnswerChallenge {
    /// Takes one guess from the factor and one try from the challenge, or says why it cannot.
    async fn charge(
        &self,
        cx: &CommandContext,
        posed: &Posed,
    ) -> Result<Option<Attempt<Paid, Answered>>, Error> {
        let now = cx.now();
        if let Some(outcome) = posed.closed(now) {
            return cx.charge(async |_| Ok(AttemptCharge::Finished(outcome))).await;
        }
        // Opened first: a seed that does not open is nobody's wrong guess (INV-45).
        let (seed, last_step) = posed.open_seed(cx.query())?;
        let counter = counters::of_factor(posed.challenge.factor);
        let budget = counters::counted(posed.kept.clone(), &counter, now);
        let next = match budget::charge(&Limits::SECOND_FACTOR, budget, now) {
            Charge::Granted(next) => next,
            Charge::Slowed(until) => return self.deny(cx, posed, Answered::Slowed { until }).await,
            Charge::Closed => return self.deny(cx, posed, Answered::Closed).await,
        };
        let (challenge, limit) = (posed.challenge.id, challenge::TRIES);
        let charge = answers::Charge { challenge, limit, counter, next, now };
        let taken = Taken { budget: next, waited_from: budget.last_at };
        cx.charge_by(async |executor: Executor<'_>| {
            let tries = answers::charge(executor, charge).await?;
            Ok(tries.map(|tries| Paid { tries, seed, last_step, taken }))
        })
        .await
    }

    /// Nothing is charged and nothing looked at.
    async fn deny(
        &self,
        cx: &CommandContext,
        posed: &Posed,
        outcome: Answered,
    ) -> Result<Option<Attempt<Paid, Answered>>, Error> {
        let note = self.note(cx, posed, outcome);
        cx.charge(async |tx| {
            note.record(tx).await?;
            Ok(AttemptCharge::Finished(outcome))
        })
        .await
    }

    /// The only place that looks at the code.
    fn look(&self, cx: &CommandContext, paid: &Paid) -> Result<totp::Verdict, Fault> {
        Ok(totp::verify(&paid.seed, paid.last_step, &self.code, cx.now())?)
    }

    /// What came of it; `None` when the right answer came too late.
    async fn settle(
        &self,
        cx: &CommandContext,
        posed: &Posed,
        paid: &Paid,
        verdict: totp::Verdict,
    ) -> Result<Option<Answered>, Error> {
        match (verdict, &posed.asker) {
            (totp::Verdict::Fresh(step), Asker::SignIn { id, proofs, .. }) => {
                self.approve(cx, posed, (*id, proofs), step).await
            }
            (totp::Verdict::Fresh(step), Asker::Session(session)) => {
                self.approve_later(cx, posed, *session, step).await
            }
            (totp::Verdict::Used, _) => {
                cx.settle(async |tx| {
                    let outcome = too_late(cx, tx, &posed.challenge, paid).await?;
                    self.note(cx, posed, outcome).record(tx).await?;
                    Ok(Some(outcome))
                })
                .await
            }
            (totp::Verdict::Wrong, _) => self.reject(cx, posed, paid).await,
        }
    }

    /// Moves the sign-in, closes the challenge and consumes the step, or none of it.
    async fn approve(
        &self,
        cx: &CommandContext,
        posed: &Posed,
        (sign_in, proofs): (SignInId, &[Proof]),
        step: Step,
    ) -> Result<Option<Answered>, Error> {
        let now = cx.now();
        let proof = Proof { method: Method::Totp, at: now };
        let approval = Approval {
            sign_in,
            proofs: proofs.iter().copied().chain([proof]).collect(),
            challenge: posed.challenge.clone(),
            step,
            counter: counters::of_factor(posed.challenge.factor),
            now,
        };
        let event = self.note(cx, posed, Answered::Approved).finish()?;
        cx.settle_by(async |executor: Executor<'_>| {
            Ok(answers::approve(executor, approval, event).await?.then_some(Answered::Approved))
        })
        .await
    }

    /// Adds to the session, closes the challenge and consumes the step, or none of it.
    async fn approve_later(
        &self,
        cx: &CommandContext,
        posed: &Posed,
        session: SessionId,
        step: Step,
    ) -> Result<Option<Answered>, Error> {
        let (challenge, now) = (&posed.challenge, cx.now());
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
            self.note(cx, posed, Answered::Approved).record(tx).await?;
            Ok(Some(Answered::Approved))
        })
        .await
    }

    async fn reject(
        &self,
        cx: &CommandContext,
        posed: &Posed,
        paid: &Paid,
    ) -> Result<Option<Answered>, Error> {
        let outcome = challenge::wrong(paid.tries);
        let event = self.note(cx, posed, outcome).finish()?;
        let (counter, charged) = (counters::of_factor(posed.challenge.factor), paid.taken.budget.revision);
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
            challenges::advance(tx, posed.challenge.id, open, used_up, cx.now()).await?;
            answers::reject(tx.executor(), &counter, charged, event).await?;
            Ok(Some(outcome))
        })
        .await
    }

    fn note<'n>(&'n self, cx: &'n CommandContext, posed: &'n Posed, outcome: Answered) -> Note<'n> {
        let Challenge { id: challenge, factor, .. } = posed.challenge;
        let note = cx.event(Fact::ChallengeAnswered { challenge, factor, outcome });
        note.at(&posed.product).of(posed.whose()).from(&self.subject.client)
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
    paid: &Paid,
) -> Result<Answered, Fault> {
    let found = challenges::find(tx, answered.id).await?.ok_or(Fault::Dangling("challenge"))?;
    // This answer's own try says nothing of how the challenge ended.
    let untried = Challenge { tries: 0, ..found };
    let outcome = challenge::closed(&untried, cx.now()).unwrap_or(Answered::Replayed);
    if outcome == Answered::Replayed {
        challenges::give_back(tx, untried.id).await?;
        attempts::give_back(tx, &counters::of_factor(untried.factor), paid.taken).await?;
    }
    Ok(outcome)
}
