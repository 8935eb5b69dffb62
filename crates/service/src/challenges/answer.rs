//! Hands in one answer to one challenge.
//!
//! Charge, look, settle: the attempt is charged and committed before the code is looked at
//! (INV-8), and what came of it is one more transaction. Never looks at a code without a charge,
//! and never says "approved" before the commit that consumed the code (INV-7).

use tidegate_core::{
    Answered, Challenge, ChallengeId, ChallengeState, Fact, Factor, Material, Method, Permission, Proof,
    Secret, SignInState, Step, Subject,
};
use tidegate_factors::{
    budget::{Charge, Limits},
    challenge, totp,
};
use tidegate_keyring::Place;
use tidegate_store::{Tx, attempts, challenges, factors, sign_ins};

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
        acting.sign_in()?;
        let (challenge, factor) = loop {
            match pen.charge(async |tx| self.charge(pen, tx, &acting).await).await? {
                Some(Begun::Taken(charged)) => break charged,
                Some(Begun::Done(outcome)) => return Ok(outcome),
                None => {}
            }
        };
        let mut verdict = self.look(pen, &factor)?;
        loop {
            let settled = pen.settle(async |tx| settle(pen, tx, &acting, &challenge, verdict).await).await?;
            match settled {
                Some(outcome) => return Ok(outcome),
                // Another answer was faster; this one is told so, and gets its charge back.
                None => verdict = totp::Verdict::Used,
            }
        }
    }
}

impl AnswerChallenge {
    /// Takes one guess from the factor and one try from the challenge, or says why it cannot.
    async fn charge(
        &self,
        pen: &Pen,
        tx: &mut Tx,
        acting: &Acting,
    ) -> Result<Charged<(Challenge, Factor), Answered>, Fault> {
        let By::SignIn(sign_in) = &acting.by else { return Err(Fault::Dangling("sign-in")) };
        let open = match super::find(tx, sign_in, self.challenge).await? {
            Ok(open) => open,
            Err(refusal) => return Ok(Charged::Refused(refusal)),
        };
        if let Some(outcome) = challenge::closed(&open, pen.now()) {
            return Ok(Charged::Done(outcome));
        }
        // The second step was taken by another challenge.
        if sign_in.state != SignInState::PendingChallenge {
            return Ok(Charged::Done(Answered::Superseded));
        }
        let Some(taken) = challenges::take_try(tx, open.id, challenge::TRIES, pen.now()).await? else {
            return Ok(Charged::Lost);
        };
        let factor = factors::find(tx, taken.account, taken.factor).await?;
        let factor = factor.ok_or(Fault::Dangling("factor"))?;
        let counter = counters::of_factor(factor.id);
        let answer = match counters::charge(pen, tx, &counter, &Limits::SECOND_FACTOR).await? {
            None => return Ok(Charged::Lost),
            Some(Charge::Taken(_)) => return Ok(Charged::Taken((taken, factor))),
            Some(Charge::Slowed(until)) => Answered::Slowed { until },
            Some(Charge::Closed) => Answered::Closed,
        };
        challenges::give_back(tx, taken.id).await?;
        Ok(Charged::Done(answer))
    }

    /// The only place that looks at the code.
    fn look(&self, pen: &Pen, factor: &Factor) -> Result<totp::Verdict, Fault> {
        let Material::Totp { seed, last_step } = &factor.material else {
            return Err(Fault::Dangling("seed"));
        };
        let place = Place::FactorSeed { realm: pen.caller.realm, account: factor.account, factor: factor.id };
        let seed = pen.keyring().open(&place, seed)?;
        Ok(totp::verify(&seed, *last_step, &self.code, pen.now())?)
    }
}

/// What came of it; `None` when the right answer came too late.
async fn settle(
    pen: &Pen,
    tx: &mut Tx,
    acting: &Acting,
    challenge: &Challenge,
    verdict: totp::Verdict,
) -> Result<Option<Answered>, Fault> {
    let outcome = match verdict {
        totp::Verdict::Fresh(step) => {
            if !approve(pen, tx, acting, challenge, step).await? {
                return Ok(None);
            }
            Answered::Approved
        }
        totp::Verdict::Used => give_back(tx, challenge).await?,
        totp::Verdict::Wrong => reject(pen, tx, challenge).await?,
    };
    let fact = Fact::ChallengeAnswered { challenge: challenge.id, factor: challenge.factor, outcome };
    let event = pen.event(fact).at(&acting.product.key).of(&acting.account);
    event.from(&acting.client).record(tx).await?;
    Ok(Some(outcome))
}

/// Moves the sign-in, closes the challenge and consumes the step, or none of it: `false` when any of
/// them was taken, and then the transaction must be undone.
async fn approve(
    pen: &Pen,
    tx: &mut Tx,
    acting: &Acting,
    challenge: &Challenge,
    step: Step,
) -> Result<bool, Fault> {
    let By::SignIn(sign_in) = &acting.by else { return Err(Fault::Dangling("sign-in")) };
    let now = pen.now();
    let mut proofs = sign_in.proofs.clone();
    proofs.push(Proof { method: Method::Totp, at: now });
    let (open, approved) = (ChallengeState::Open, ChallengeState::Approved);
    let all = sign_ins::prove(tx, sign_in.id, proofs, now).await?
        && challenges::advance(tx, challenge.id, open, approved, now).await?
        && factors::accept_step(tx, challenge.account, challenge.factor, step, now).await?;
    if all {
        attempts::forgive(tx, &counters::of_factor(challenge.factor)).await?;
    }
    Ok(all)
}

/// A replay changes no counter (INV-6).
async fn give_back(tx: &mut Tx, challenge: &Challenge) -> Result<Answered, Fault> {
    challenges::give_back(tx, challenge.id).await?;
    attempts::give_back(tx, &counters::of_factor(challenge.factor)).await?;
    Ok(Answered::Replayed)
}

async fn reject(pen: &Pen, tx: &mut Tx, challenge: &Challenge) -> Result<Answered, Fault> {
    let outcome = challenge::wrong(challenge.tries);
    if outcome == Answered::UsedUp {
        let (open, used_up) = (ChallengeState::Open, ChallengeState::UsedUp);
        challenges::advance(tx, challenge.id, open, used_up, pen.now()).await?;
    }
    Ok(outcome)
}
