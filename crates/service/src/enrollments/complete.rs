//! Hands in the first code of a factor to be.
//!
//! Charge, look, settle, as for a challenge. On success the factor is active, two-step is on, and the
//! recovery codes are shown; the code is spent (INV-1, INV-22).

use serde::{Deserialize, Serialize};
use tidegate_core::{
    Answered, Enrollment, EnrollmentId, EnrollmentState, Fact, Factor, FactorId, Material, Method,
    Permission, RecoveryCode, Refusal, Secret, Step, Subject, Timestamp, Word as _,
};
use tidegate_factors::{budget::Limits, enrollment, recovery_codes as codes, totp};
use tidegate_keyring::SealContext;
use tidegate_store::{Tx, accounts, attempts, enrollments, factors, recovery_codes};

use crate::{
    Command, CommandContext, Denied, Error, Fault, OneTimeSecret, Outcome,
    acting::Acting,
    counters, decisions,
    idempotency::{Attempt, AttemptCharge},
};

#[derive(Debug)]
pub struct CompleteEnrollment {
    pub subject: Subject,
    pub enrollment: EnrollmentId,
    pub code: Secret<String>,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct EnrollmentCompletion {
    pub outcome: Answered,
    /// With `Approved`.
    pub factor: Option<NewFactor>,
    /// With `Approved`.
    pub recovery_codes: Vec<OneTimeSecret>,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct NewFactor {
    pub id: FactorId,
    pub method: Method,
    pub created_at: Timestamp,
}

impl Outcome for EnrollmentCompletion {
    fn secrets(&mut self) -> Vec<&mut OneTimeSecret> {
        self.recovery_codes.iter_mut().collect()
    }
}

const fn nothing_but(outcome: Answered) -> EnrollmentCompletion {
    EnrollmentCompletion { outcome, factor: None, recovery_codes: Vec::new() }
}

impl Command for CompleteEnrollment {
    const NAME: &'static str = "complete_enrollment";
    const PERMISSION: Permission = Permission::Enroll;
    type Outcome = EnrollmentCompletion;

    async fn run(self, cx: &CommandContext) -> Result<EnrollmentCompletion, Error> {
        let acting = cx.acting(&self.subject).await?;
        acting.session()?;
        let (pending, seed) = loop {
            match cx.charge(async |tx| self.charge(cx, tx, &acting).await).await? {
                Some(Attempt::Granted(paid)) => break paid,
                Some(Attempt::Finished(outcome)) => return Ok(outcome),
                None => {}
            }
        };
        let verdict = totp::verify(&seed, Step(0), &self.code, cx.now())?;
        loop {
            let settled = cx.settle(async |tx| settle(cx, tx, &acting, &pending, verdict).await).await?;
            if let Some(completed) = settled {
                return Ok(completed);
            }
        }
    }
}

async fn settle(
    cx: &CommandContext,
    tx: &mut Tx,
    acting: &Acting,
    pending: &Enrollment,
    verdict: totp::Verdict,
) -> Result<Option<EnrollmentCompletion>, Fault> {
    let completed = match verdict {
        totp::Verdict::Fresh(step) => activate(cx, tx, acting, pending, step).await?,
        totp::Verdict::Used | totp::Verdict::Wrong => nothing_but(reject(cx, tx, pending).await?),
    };
    record(cx, tx, acting, pending, completed.outcome).await?;
    Ok(Some(completed))
}

async fn record(
    cx: &CommandContext,
    tx: &mut Tx,
    acting: &Acting,
    pending: &Enrollment,
    outcome: Answered,
) -> Result<(), Fault> {
    let event = cx.event(Fact::EnrollmentAnswered { enrollment: pending.id, outcome });
    event.at(&pending.product).of(&acting.account).from(&acting.client).record(tx).await
}

impl CompleteEnrollment {
    async fn charge(
        &self,
        cx: &CommandContext,
        tx: &mut Tx,
        acting: &Acting,
    ) -> Result<AttemptCharge<(Enrollment, Secret<Vec<u8>>), EnrollmentCompletion>, Denied> {
        let pending = super::find(tx, acting, self.enrollment).await?;
        match enrollment::closed(&pending, cx.now()) {
            Ok(None) => {}
            Ok(Some(outcome)) => return Ok(AttemptCharge::Finished(nothing_but(outcome))),
            Err(state) => {
                let state = state.as_str();
                return Err(Refusal::EnrollmentState { state }.into());
            }
        }
        // Opened first: a seed that does not open is nobody's wrong code (INV-45).
        let sealed = pending.seed.as_ref().ok_or(Fault::Dangling("seed"))?;
        let (realm, account) = (cx.realm(), acting.account.id);
        let context = SealContext::FactorSeed { realm, account, factor: pending.factor };
        let seed = cx.keyring().open(&context, sealed)?;
        let Some(pending) = enrollments::take_try(tx, pending.id, enrollment::MAX_TRIES, cx.now()).await?
        else {
            return Ok(AttemptCharge::Lost);
        };
        let counter = counters::of_factor(pending.factor);
        let outcome = match counters::charge(cx.query(), tx, &counter, &Limits::SECOND_FACTOR).await? {
            counters::CounterCharge::Lost => return Ok(AttemptCharge::Lost),
            counters::CounterCharge::Granted => return Ok(AttemptCharge::Granted((pending, seed))),
            counters::CounterCharge::Slowed(until) => Answered::Slowed { until },
            counters::CounterCharge::Closed => Answered::Closed,
        };
        enrollments::give_back(tx, pending.id).await?;
        record(cx, tx, acting, &pending, outcome).await?;
        Ok(AttemptCharge::Finished(nothing_but(outcome)))
    }
}

async fn reject(cx: &CommandContext, tx: &mut Tx, pending: &Enrollment) -> Result<Answered, Fault> {
    let outcome = enrollment::wrong(pending.tries);
    if outcome == Answered::UsedUp {
        let (from, to) = (EnrollmentState::AwaitingProof, EnrollmentState::UsedUp);
        enrollments::advance(tx, pending.id, from, to, cx.now()).await?;
    }
    Ok(outcome)
}

/// The pending factor becomes an active one, and two-step is on; unless another code was faster.
async fn activate(
    cx: &CommandContext,
    tx: &mut Tx,
    acting: &Acting,
    pending: &Enrollment,
    step: Step,
) -> Result<EnrollmentCompletion, Fault> {
    let (account, now) = (&acting.account, cx.now());
    if !enrollments::activate(tx, pending.id, now).await? {
        let found = enrollments::find(tx, pending.id).await?.ok_or(Fault::Dangling("enrollment"))?;
        let closed = enrollment::closed(&found, now).ok().flatten();
        return Ok(nothing_but(closed.unwrap_or(Answered::UsedUp)));
    }
    // The first factor alone can be bound by what an enrollment proves, whether or not two-step is on: with
    // the account locked, so that of two enrollments the second sees the first one's factor.
    accounts::lock(tx, account.id).await?;
    let bound = factors::of_account(tx, account.id).await?;
    let first =
        bound.iter().all(|bound| bound.method() != pending.method && !bound.method().is_second_step());
    if !first {
        let (from, to) = (EnrollmentState::Active, EnrollmentState::UsedUp);
        enrollments::advance(tx, pending.id, from, to, now).await?;
        return Ok(nothing_but(Answered::UsedUp));
    }
    let seed = pending.seed.clone().ok_or(Fault::Dangling("seed"))?;
    let totp = Material::Totp { seed, last_step: step };
    let factor = Factor {
        id: pending.factor,
        account: account.id,
        material: totp,
        created_at: now,
        last_used_at: Some(now),
    };
    let switched_on = accounts::switch_on(tx, account.id, now).await?;
    factors::insert(tx, &factor).await?;
    let recovery_codes = issue_recovery_codes(cx, tx, acting).await?;
    let decision = cx.decide(tx, &acting.product, account.id).await?;
    let record = async |tx: &mut Tx, fact: Fact| {
        cx.event(fact).at(&pending.product).of(account).from(&acting.client).record(tx).await
    };
    // The rollout that reached it when it began; whatever became of that since, two-step acts here from now on.
    if let Some(rollout) = pending.rollout.as_ref().or(decision.rollout.as_ref()) {
        decisions::activate(cx, tx, account, (rollout, &pending.product), &acting.client).await?;
    }
    attempts::forgive(tx, &counters::of_factor(factor.id)).await?;
    record(tx, Fact::FactorActivated { factor: factor.id, method: Method::Totp }).await?;
    if switched_on {
        record(tx, Fact::TwoStepSwitchedOn {}).await?;
    }
    let factor = NewFactor { id: factor.id, method: Method::Totp, created_at: now };
    Ok(EnrollmentCompletion { outcome: Answered::Approved, factor: Some(factor), recovery_codes })
}

async fn issue_recovery_codes(
    cx: &CommandContext,
    tx: &mut Tx,
    acting: &Acting,
) -> Result<Vec<OneTimeSecret>, Fault> {
    let (account, now) = (&acting.account, cx.now());
    let set = Factor {
        id: cx.new_id(),
        account: account.id,
        material: Material::RecoveryCodes,
        created_at: now,
        last_used_at: None,
    };
    factors::insert(tx, &set).await?;
    let context = SealContext::RecoveryCode { realm: cx.realm(), account: account.id, factor: set.id };
    let mut shown = Vec::new();
    for number in 1..=codes::COUNT {
        let code = codes::mint(cx.entropy());
        let digest = cx.keyring().digest(&context, codes::canonical(code.expose()).expose().as_bytes())?;
        recovery_codes::insert(tx, account.id, set.id, RecoveryCode { number, digest }).await?;
        shown.push(OneTimeSecret::Now(code));
    }
    let event = cx.event(Fact::FactorActivated { factor: set.id, method: Method::RecoveryCodes });
    event.at(&acting.product.key).of(account).from(&acting.client).record(tx).await?;
    Ok(shown)
}
