//! Hands in one answer to one challenge.
//!
//! Charge, look, settle: the attempt is charged and committed before the code is looked at
//! (INV-8), and what came of it is one more transaction. Never looks at a code without a charge,
//! and never says "approved" before the commit that consumed the code (INV-7).

use tidegate_core::{
    Answered, Challenge, ChallengeId, ChallengeState, Fact, LaterProof, Material, Method, Permission, Proof,
    Secret, SessionId, SignInState, Step, Subject,
};
use tidegate_factors::{budget::Limits, challenge, totp};
use tidegate_keyring::Place;
use tidegate_store::{
    Tx,
    attempts::{self, Taken},
    challenges, factors, sessions, sign_ins,
};

use crate::{
    Command, Error, Fault, Pen,
    acting::{Acting, By},
    counters,
    once::{Begun, Charged},
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

    async fn run(self, pen: &Pen) -> Result<Answered, Error> {
        let acting = pen.acting(&self.subject).await?;
        let charged = loop {
            match pen.charge(async |tx| self.charge(pen, tx, &acting).await).await? {
                Some(Begun::Taken(charged)) => break charged,
                Some(Begun::Done(outcome)) => return Ok(outcome),
                None => {}
            }
        };
        let mut verdict = self.look(pen, &charged)?;
        loop {
            match pen.settle(async |tx| settle(pen, tx, &acting, &charged, verdict).await).await? {
                Some(outcome) => return Ok(outcome),
                // Another answer was faster.
                None => verdict = totp::Verdict::Used,
            }
        }
    }
}

/// An answer that was paid for and may be looked at.
struct Paid {
    challenge: Challenge,
    seed: Secret<Vec<u8>>,
    last_step: Step,
    taken: Taken,
}

impl AnswerChallenge {
    /// Takes one guess from the factor and one try from the challenge, or says why it cannot.
    async fn charge(
        &self,
        pen: &Pen,
        tx: &mut Tx,
        acting: &Acting,
    ) -> Result<Charged<Paid, Answered>, Fault> {
        let open = match super::find(tx, acting, self.challenge).await? {
            Ok(open) => open,
            Err(refusal) => return Ok(Charged::Refused(refusal)),
        };
        if let Some(outcome) = challenge::closed(&open, pen.now()) {
            return Ok(Charged::Done(outcome));
        }
        // The second step was taken by another challenge.
        if let By::SignIn(sign_in) = &acting.by
            && sign_in.state != SignInState::PendingChallenge
        {
            return Ok(Charged::Done(Answered::Superseded));
        }
        // Opened first: a seed that does not open is nobody's wrong guess (INV-45).
        let (seed, last_step) = open_seed(pen, tx, &open).await?;
        let Some(challenge) = challenges::take_try(tx, open.id, challenge::TRIES, pen.now()).await? else {
            return Ok(Charged::Lost);
        };
        let counter = counters::of_factor(challenge.factor);
        let outcome = match counters::charge(pen, tx, &counter, &Limits::SECOND_FACTOR).await? {
            counters::Charged::Lost => return Ok(Charged::Lost),
            counters::Charged::Taken(taken) => {
                return Ok(Charged::Taken(Paid { challenge, seed, last_step, taken }));
            }
            counters::Charged::Slowed(until) => Answered::Slowed { until },
            counters::Charged::Closed => Answered::Closed,
        };
        challenges::give_back(tx, challenge.id).await?;
        record(pen, tx, acting, &challenge, outcome).await?;
        Ok(Charged::Done(outcome))
    }

    /// The only place that looks at the code.
    fn look(&self, pen: &Pen, paid: &Paid) -> Result<totp::Verdict, Fault> {
        Ok(totp::verify(&paid.seed, paid.last_step, &self.code, pen.now())?)
    }
}

async fn open_seed(pen: &Pen, tx: &mut Tx, challenge: &Challenge) -> Result<(Secret<Vec<u8>>, Step), Fault> {
    let found = factors::find(tx, challenge.account, challenge.factor).await?;
    let factor = found.ok_or(Fault::Dangling("factor"))?;
    let Material::Totp { seed, last_step } = &factor.material else { return Err(Fault::Dangling("seed")) };
    let place = Place::FactorSeed { realm: pen.caller.realm, account: factor.account, factor: factor.id };
    Ok((pen.keyring().open(&place, seed)?, *last_step))
}

async fn record(
    pen: &Pen,
    tx: &mut Tx,
    acting: &Acting,
    challenge: &Challenge,
    outcome: Answered,
) -> Result<(), Fault> {
    let fact = Fact::ChallengeAnswered { challenge: challenge.id, factor: challenge.factor, outcome };
    let event = pen.event(fact).at(&acting.product.key).of(&acting.account);
    event.from(&acting.client).record(tx).await
}

/// What came of it; `None` when the right answer came too late.
async fn settle(
    pen: &Pen,
    tx: &mut Tx,
    acting: &Acting,
    paid: &Paid,
    verdict: totp::Verdict,
) -> Result<Option<Answered>, Fault> {
    let outcome = match verdict {
        totp::Verdict::Fresh(step) => {
            if !approve(pen, tx, acting, &paid.challenge, step).await? {
                return Ok(None);
            }
            Answered::Approved
        }
        totp::Verdict::Used => too_late(pen, tx, paid).await?,
        totp::Verdict::Wrong => reject(pen, tx, &paid.challenge).await?,
    };
    record(pen, tx, acting, &paid.challenge, outcome).await?;
    Ok(Some(outcome))
}

/// Moves the sign-in or adds to the session, closes the challenge and consumes the step, or none of it: `false` when any of
/// them was taken, and then the transaction must be undone.
async fn approve(
    pen: &Pen,
    tx: &mut Tx,
    acting: &Acting,
    challenge: &Challenge,
    step: Step,
) -> Result<bool, Fault> {
    let now = pen.now();
    let proof = Proof { method: Method::Totp, at: now };
    let proved = match &acting.by {
        By::SignIn(sign_in) => {
            let proofs = sign_in.proofs.iter().copied().chain([proof]).collect();
            sign_ins::prove(tx, sign_in.id, proofs, now).await?
        }
        By::Session(session) => {
            prove_later(tx, session.id, LaterProof { purpose: challenge.purpose, proof }).await?
        }
        By::Support(_) => return Err(Fault::Dangling("sign-in or session")),
    };
    let (open, approved) = (ChallengeState::Open, ChallengeState::Approved);
    let all = proved
        && challenges::advance(tx, challenge.id, open, approved, now).await?
        && factors::accept_step(tx, challenge.account, challenge.factor, step, now).await?;
    if all {
        attempts::forgive(tx, &counters::of_factor(challenge.factor)).await?;
    }
    Ok(all)
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
async fn too_late(pen: &Pen, tx: &mut Tx, paid: &Paid) -> Result<Answered, Fault> {
    let found = challenges::find(tx, paid.challenge.id).await?.ok_or(Fault::Dangling("challenge"))?;
    // This answer's own try says nothing of how the challenge ended.
    let untried = Challenge { tries: 0, ..found };
    let outcome = challenge::closed(&untried, pen.now()).unwrap_or(Answered::Replayed);
    if outcome == Answered::Replayed {
        challenges::give_back(tx, untried.id).await?;
        attempts::give_back(tx, &counters::of_factor(untried.factor), paid.taken).await?;
    }
    Ok(outcome)
}

async fn reject(pen: &Pen, tx: &mut Tx, challenge: &Challenge) -> Result<Answered, Fault> {
    let outcome = challenge::wrong(challenge.tries);
    if outcome == Answered::UsedUp {
        let (open, used_up) = (ChallengeState::Open, ChallengeState::UsedUp);
        challenges::advance(tx, challenge.id, open, used_up, pen.now()).await?;
    }
    Ok(outcome)
}
