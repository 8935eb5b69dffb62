//! Submits the first code of a pending factor.
//!
//! The order is charge, evaluate, settle, as for a challenge. On success the factor is active,
//! two-step is on, the recovery codes are shown, and the code is used up (INV-1, INV-22).

use serde::{Deserialize, Serialize};
use tidegate_core::{
    Answer, Answered, Enrollment, EnrollmentId, EnrollmentState, Fact, Factor, FactorId, MessagePurpose,
    Method, Permission, Refusal, Secret, Subject, Timestamp, Title, Word as _,
};
use tidegate_factors::{
    enrollment,
    method::{self, Bound, Opened, Unread},
    policy, tries,
};
use tidegate_store::{Tx, accounts, attempts, challenges as stored, enrollments, factors};

use super::enroller;
use crate::{
    Command, CommandContext, Denied, Error, Fault, OneTimeSecret, Outcome,
    acting::Acting,
    challenges, counters, decisions,
    idempotency::{Attempt, AttemptCharge},
    material,
    notices::About,
    sessions::ending,
};

#[derive(Debug)]
pub struct CompleteEnrollment {
    pub subject: Subject,
    pub enrollment: EnrollmentId,
    pub answer: Answer,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct EnrollmentCompletion {
    pub outcome: Answered,
    /// Present with `Approved`.
    pub factor: Option<NewFactor>,
    /// Present with `Approved`.
    pub recovery_codes: Vec<OneTimeSecret>,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct NewFactor {
    pub id: FactorId,
    pub method: Method,
    #[serde(default)]
    pub label: Option<Title>,
    #[serde(default)]
    pub hint: Option<String>,
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
        let acting = cx.acting_or_recovering(&self.subject).await?;
        acting.may_enroll()?;
        let charged = loop {
            match cx.charge(async |tx| self.charge(cx, tx, &acting).await).await? {
                Some(Attempt::Granted(paid)) => break paid,
                Some(Attempt::Finished(outcome)) => return Ok(outcome),
                None => {}
            }
        };
        let Charged { pending, material, answer } = &charged;
        let bound = method::bind(pending.method, material, answer, cx.now()).map_err(Fault::from)?;
        loop {
            let settled =
                cx.settle(async |tx| settle(cx, tx, &acting, pending, bound.as_ref()).await).await?;
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
    bound: Option<&Bound>,
) -> Result<Option<EnrollmentCompletion>, Fault> {
    let completed = match bound {
        Some(bound) => activate(cx, tx, acting, pending, bound).await?,
        None => nothing_but(reject(cx, tx, pending).await?),
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
    ) -> Result<AttemptCharge<Charged, EnrollmentCompletion>, Denied> {
        let pending = super::find(tx, acting, self.enrollment).await?;
        match enrollment::closed(&pending, cx.now()) {
            Ok(None) => {}
            Ok(Some(outcome)) => return Ok(AttemptCharge::Finished(nothing_but(outcome))),
            Err(state) => {
                let state = state.as_str();
                return Err(Refusal::EnrollmentState { state }.into());
            }
        }
        let decision = cx.decide(tx, &acting.product, acting.account.id).await?;
        super::begin::has_not_ended(cx, tx, (&acting.product, &decision), pending.method).await?;
        // Material is opened and the answer read before the charge. Unreadable material, or an
        // answer without the method's form, is no wrong guess (INV-45).
        let (account, factor) = (acting.account.id, pending.factor);
        let material = cx.query().factor_material(account, factor, pending.material.as_ref());
        let read = material.ok_or(Unread::Unusable).and_then(|material| {
            Ok((method::read(pending.method, &material, None, &self.answer)?, material))
        });
        let (answer, material) = match read {
            Ok(read) => read,
            Err(Unread::Malformed(malformed)) => return Err(challenges::malformed(malformed).into()),
            Err(Unread::Unusable) => {
                let event = cx.event(material::unreadable(factor, pending.method)).at(&pending.product);
                event.of(&acting.account).from(&acting.client).record_refusal(tx).await?;
                return Err(Refusal::FactorUnavailable.into());
            }
        };
        // A code that is no longer valid is not evaluated: the enrollment goes on with a new one.
        if method::is_late(pending.method, &material, cx.now()).map_err(Fault::from)? {
            return Ok(AttemptCharge::Finished(nothing_but(Answered::Expired)));
        }
        let max_tries = enrollment::max_tries(&pending);
        let Some(pending) = enrollments::take_try(tx, pending.id, max_tries, cx.now()).await? else {
            return Ok(AttemptCharge::Lost);
        };
        let counter = counters::of_factor(factor);
        let kept = attempts::find(tx, &counter).await?;
        let limits = &method::rules(pending.method).limits;
        let outcome = match counters::grant(kept, &counter, limits, cx.now()) {
            Ok(granted) if counters::store(tx.executor(), &counter, &granted).await? => {
                return Ok(AttemptCharge::Granted(Charged { pending, material, answer }));
            }
            Ok(_) => return Ok(AttemptCharge::Lost),
            Err(outcome) => outcome,
        };
        enrollments::give_back(tx, pending.id).await?;
        record(cx, tx, acting, &pending, outcome).await?;
        Ok(AttemptCharge::Finished(nothing_but(outcome)))
    }
}

/// An answer that was charged and may be evaluated.
struct Charged {
    pending: Enrollment,
    material: Opened,
    answer: Secret<String>,
}

async fn reject(cx: &CommandContext, tx: &mut Tx, pending: &Enrollment) -> Result<Answered, Fault> {
    let outcome = tries::wrong(pending.tries, enrollment::max_tries(pending));
    if outcome == Answered::UsedUp {
        let (from, to) = (EnrollmentState::AwaitingProof, EnrollmentState::UsedUp);
        enrollments::advance(tx, pending.id, from, to, cx.now()).await?;
    }
    Ok(outcome)
}

/// Makes the pending factor active and switches two-step on, unless another code did it first.
async fn activate(
    cx: &CommandContext,
    tx: &mut Tx,
    acting: &Acting,
    pending: &Enrollment,
    bound: &Bound,
) -> Result<EnrollmentCompletion, Fault> {
    let (account, now) = (&acting.account, cx.now());
    if !enrollments::activate(tx, pending.id, now).await? {
        let found = enrollments::find(tx, pending.id).await?.ok_or(Fault::Dangling("enrollment"))?;
        let closed = enrollment::closed(&found, now).ok().flatten();
        return Ok(nothing_but(closed.unwrap_or(Answered::UsedUp)));
    }
    // An enrollment that a factor's proof began may add to the factors as long as that factor lives: with a
    // lost phone goes what its thief began. Every other one may bind only the first factor, whether or not
    // two-step is on. The account is locked, so that of two concurrent enrollments the second sees the first
    // one's factor.
    let locked = accounts::lock(tx, account.id).await?.is_none_or(|now| now.changes_locked_at.is_some());
    let others = factors::of_account(tx, account.id).await?;
    let first = !policy::has_enrolled(&others);
    let same = others.iter().filter(|other| other.method == pending.method).count();
    let may = pending.proved_by.map_or(first, |factor| others.iter().any(|other| other.id == factor));
    // A key that another account has, or this one, is no second one (INV-40).
    let known = match &bound.lookup {
        Some(lookup) => factors::by_lookup(tx, lookup).await?.is_some(),
        None => false,
    };
    let kept = others.iter().find(|other| other.id == pending.factor);
    let several = method::rules(pending.method).several;
    let too_many = kept.is_none() && (same >= policy::MAX_OF_METHOD || same > 0 && !several);
    if locked || !may || known || too_many {
        let (from, to) = (EnrollmentState::Active, EnrollmentState::UsedUp);
        enrollments::advance(tx, pending.id, from, to, now).await?;
        return Ok(nothing_but(Answered::UsedUp));
    }
    let factor = Factor {
        label: pending.label.clone(),
        material: Some(cx.seal_factor(account.id, pending.factor, &bound.material)?),
        hint: method::hint(pending.method, &bound.material)?,
        mark: bound.mark,
        lookup: bound.lookup.clone(),
        last_used_at: Some(now),
        origin: Some(cx.origin(acting, pending.factor)),
        ..Factor::new(pending.factor, account.id, pending.method, now)
    };
    enroller::enrolled(cx, tx, acting, &factor).await?;
    if let Some(kept) = kept {
        return rebind(cx, tx, acting, (kept, factor)).await;
    }
    if !first {
        return add(cx, tx, acting, factor).await;
    }
    let switched_on = accounts::switch_on(tx, account.id, now).await?;
    ending::end_trust(cx, tx, (account, &acting.client)).await?;
    insert(tx, &factor).await?;
    // An owner whose verified address was the second factor may have codes already.
    let recovery_codes = if crate::factors::has_own(tx, &others).await? {
        Vec::new()
    } else {
        crate::factors::issue(cx, tx, (acting, account)).await?
    };
    let decision = cx.decide(tx, &acting.product, account.id).await?;
    let record = async |tx: &mut Tx, fact: Fact| {
        cx.event(fact).at(&pending.product).of(account).from(&acting.client).record(tx).await
    };
    // The rollout is the one that reached the account when the enrollment began. Whatever became of
    // it since, two-step acts here from now on.
    if let Some(rollout) = pending.rollout.as_ref().or(decision.rollout.as_ref()) {
        decisions::activate(cx, tx, account, (rollout, &pending.product), &acting.client).await?;
    }
    attempts::forgive(tx, &counters::of_factor(factor.id)).await?;
    record(tx, Fact::FactorActivated { factor: factor.id, method: pending.method }).await?;
    if switched_on {
        record(tx, Fact::TwoStepSwitchedOn {}).await?;
    }
    notify(cx, tx, acting, &factor).await?;
    Ok(EnrollmentCompletion { outcome: Answered::Approved, factor: Some(factor.into()), recovery_codes })
}

async fn notify(cx: &CommandContext, tx: &mut Tx, acting: &Acting, factor: &Factor) -> Result<(), Fault> {
    let at = (&acting.account, &acting.product, &acting.client);
    cx.notify(tx, at, MessagePurpose::FactorAdded, About::factor(factor.label.clone())).await
}

/// Adds a later factor. The switch and the recovery codes stay as they are.
async fn add(
    cx: &CommandContext,
    tx: &mut Tx,
    acting: &Acting,
    factor: Factor,
) -> Result<EnrollmentCompletion, Fault> {
    let account = &acting.account;
    ending::end_trust(cx, tx, (account, &acting.client)).await?;
    insert(tx, &factor).await?;
    attempts::forgive(tx, &counters::of_factor(factor.id)).await?;
    let event = cx.event(Fact::FactorActivated { factor: factor.id, method: factor.method });
    event.at(&acting.product.key).of(account).from(&acting.client).record(tx).await?;
    notify(cx, tx, acting, &factor).await?;
    Ok(EnrollmentCompletion {
        outcome: Answered::Approved,
        factor: Some(factor.into()),
        recovery_codes: Vec::new(),
    })
}

/// Gives a factor another destination. What rests on the old one ends, because who has it now is not known.
async fn rebind(
    cx: &CommandContext,
    tx: &mut Tx,
    acting: &Acting,
    (kept, new): (&Factor, Factor),
) -> Result<EnrollmentCompletion, Fault> {
    let account = &acting.account;
    let changed = Factor { label: kept.label.clone(), created_at: kept.created_at, ..new };
    stored::cancel_of_factor(tx, account.id, changed.id).await?;
    crate::factors::end_sessions(cx, tx, (acting, account), &changed).await?;
    ending::end_trust(cx, tx, (account, &acting.client)).await?;
    factors::rebind(tx, &changed).await?;
    attempts::forgive(tx, &counters::of_factor(changed.id)).await?;
    let event = cx.event(Fact::PhoneChanged { factor: changed.id });
    event.at(&acting.product.key).of(account).from(&acting.client).record(tx).await?;
    let at = (account, &acting.product, &acting.client);
    cx.notify(tx, at, MessagePurpose::PhoneChanged, About::factor(changed.label.clone())).await?;
    Ok(EnrollmentCompletion {
        outcome: Answered::Approved,
        factor: Some(changed.into()),
        recovery_codes: Vec::new(),
    })
}

impl From<Factor> for NewFactor {
    fn from(Factor { id, method, label, hint, created_at, .. }: Factor) -> Self {
        Self { id, method, label, hint, created_at }
    }
}

/// Fails when another factor got the same lookup at the same time.
async fn insert(tx: &mut Tx, factor: &Factor) -> Result<(), Fault> {
    if factors::insert(tx, factor).await? { Ok(()) } else { Err(Fault::Dangling("lookup")) }
}
