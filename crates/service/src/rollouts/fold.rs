//! Counts the events of the log into the funnel of rollouts, by the hour.
//!
//! Sign-ins and enrollments write their events and no count: counters that they shared would be rows that all of them wait
//! for. A worker follows the sealed log by sequence number instead. The counts and the place up to which the log is counted
//! change in one transaction, by compare-and-set on the place, so every event is counted once, whatever is killed and
//! however many workers there are. The lease only saves the others the work.
//!
//! The log is read before the transaction begins, which then writes one row for each count.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use tidegate_core::{
    AccountId, Anchor, Answered, ChallengeId, Clock, Entropy, Event, Fact, FunnelCell, FunnelStep, HolderId,
    Id, Method, Ordinal, ProductKey, RealmId, RecordedFact, RolloutKey, Sequence, Span, StepFailure,
    Word as _, hour_of,
};
use tidegate_store::{
    Error, Store, View, chain,
    events::{self, Which},
    leases,
    rollout_hours::{self, Belonging, Folded},
};

/// The worker of one replica.
pub struct FunnelWorker {
    store: Store,
    clock: Arc<dyn Clock>,
    holder: HolderId,
}

/// Batches that are counted at once, and events at which no further batch is taken.
const MAX_BATCHES: i64 = 100;
const MAX_EVENTS: i64 = 1_000;
/// How long other replicas wait for a worker that is stuck.
const LEASE: Span = Span::seconds(5);

/// The kinds of facts that are counted. The others are not read.
const KINDS: &[&str] = &[
    "two_step_told",
    "two_step_shown",
    "two_step_required",
    "enrollment_postponed",
    "two_step_active",
    "enrollment_begun",
    "factor_activated",
    "challenge_created",
    "challenge_answered",
];

/// What an event counts as, and what says to which rollout it belongs.
struct Counted<'f> {
    step: FunnelStep,
    method: Option<Method>,
    reason: Option<StepFailure>,
    /// The rollout, where the fact or the enrollment says it.
    rollout: Option<&'f RolloutKey>,
}

/// What the database says of some events.
struct Known {
    belongings: Vec<Belonging>,
    methods: BTreeMap<ChallengeId, Method>,
    begun: BTreeMap<tidegate_core::EnrollmentId, RolloutKey>,
}

enum FoldProgress {
    /// Everything is counted, or another worker counts it.
    Resting,
    Moved,
}

impl FunnelWorker {
    pub fn new(store: Store, clock: Arc<dyn Clock>, entropy: &dyn Entropy) -> Self {
        let holder = store.claim_id(clock.now(), entropy);
        Self { store, clock, holder }
    }

    /// Counts all sealed events of all realms, some of each realm in turn. A fault in one realm does not stop the others;
    /// the first one is returned.
    pub async fn fold(&self) -> Result<(), Error> {
        let mut first_fault = Ok(());
        loop {
            let (mut moved, mut last) = (false, Id::MIN);
            while let Some(realm) = rollout_hours::next_behind(&mut self.store.across("funnel"), last).await?
            {
                last = realm;
                match self.fold_some(realm).await {
                    Ok(progress) => moved |= matches!(progress, FoldProgress::Moved),
                    Err(fault) => first_fault = first_fault.and(Err(fault)),
                }
            }
            if !moved || first_fault.is_err() {
                return first_fault;
            }
        }
    }

    async fn fold_some(&self, realm: RealmId) -> Result<FoldProgress, Error> {
        let mut view = self.store.view("funnel", realm);
        let from = rollout_hours::folded(&mut view).await?.map_or(Anchor::START.sequence, |at| at.last);
        let Some(to) = next_place(&mut view, from).await? else { return Ok(FoldProgress::Resting) };
        let counts = count(&mut view, from, to.last).await?;
        let progress = self
            .store
            .tx("funnel", realm, async |tx| {
                let now = self.clock.now();
                let claim =
                    leases::LeaseClaim { name: "funnel", holder: self.holder, until: now.plus(LEASE) };
                if !leases::claim(tx, claim, now).await? || !rollout_hours::move_on(tx, from, to).await? {
                    tx.abandon();
                    return Ok(FoldProgress::Resting);
                }
                for (cell, count) in &counts {
                    rollout_hours::add(tx, cell, *count).await?;
                }
                Ok::<_, Error>(FoldProgress::Moved)
            })
            .await?;
        if matches!(progress, FoldProgress::Moved) {
            for (cell, count) in &counts {
                let count = u64::try_from(*count).unwrap_or(0);
                self.store.metrics().rollout_events(cell.step.as_str(), count);
            }
        }
        Ok(progress)
    }
}

/// The end of the next batches after `from`. `None`: there are none.
async fn next_place(view: &mut View, from: Sequence) -> Result<Option<Folded>, Error> {
    let batches = chain::from(view, from.next(), MAX_BATCHES).await?;
    let Some(first) = batches.first() else { return Ok(None) };
    let enough = first.first.plus(MAX_EVENTS);
    let next = batches.iter().take_while(|batch| batch.first < enough).last();
    Ok(next.map(|batch| Folded { last: batch.last, sealed_at: batch.sealed_at }))
}

/// The counts of the events after `from` and up to `last`.
async fn count(view: &mut View, from: Sequence, last: Sequence) -> Result<BTreeMap<FunnelCell, i64>, Error> {
    let kinds = KINDS.iter().map(ToString::to_string).collect();
    let logged = events::stretch(view, from, last, Which { kinds, ..Which::any() }).await?;
    let events: Vec<_> = logged.into_iter().map(|logged| logged.event).collect();
    let known = known(view, &events).await?;
    let mut counts = BTreeMap::new();
    for event in &events {
        for cell in cells(event, &known) {
            *counts.entry(cell).or_default() += calls(event);
        }
    }
    Ok(counts)
}

async fn known(view: &mut View, events: &[Event<RecordedFact>]) -> Result<Known, Error> {
    let (mut accounts, mut challenges, mut enrollments) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for event in events {
        accounts.extend(event.account);
        match &event.fact {
            RecordedFact::Known(
                Fact::ChallengeCreated { challenge, .. } | Fact::ChallengeAnswered { challenge, .. },
            ) => _ = challenges.insert(*challenge),
            RecordedFact::Known(Fact::EnrollmentBegun { enrollment, .. }) => {
                _ = enrollments.insert(*enrollment);
            }
            _ => {}
        }
    }
    if accounts.is_empty() {
        let (methods, begun) = (BTreeMap::new(), BTreeMap::new());
        return Ok(Known { belongings: Vec::new(), methods, begun });
    }
    let methods = rollout_hours::methods(view, challenges.into_iter().collect()).await?;
    let begun = rollout_hours::reached_by(view, enrollments.into_iter().collect()).await?;
    Ok(Known {
        belongings: rollout_hours::belongings(view, accounts.into_iter().collect()).await?,
        methods: methods.into_iter().collect(),
        begun: begun.into_iter().collect(),
    })
}

/// How many calls the event is of: refusals that repeat share one.
fn calls(event: &Event<RecordedFact>) -> i64 {
    match &event.fact {
        RecordedFact::Known(fact) => i64::try_from(fact.count()).unwrap_or(i64::MAX),
        RecordedFact::Newer { .. } => 1,
    }
}

/// What the event counts as. Nothing, where no rollout had a part in it.
fn cells(event: &Event<RecordedFact>, known: &Known) -> Vec<FunnelCell> {
    let RecordedFact::Known(fact) = &event.fact else { return Vec::new() };
    let Some(product) = &event.product else { return Vec::new() };
    let cell = |counted: Counted<'_>| {
        let (rollout, wave) = belongs(known, event.account, product, counted.rollout)?;
        let (step, method, reason) = (counted.step, counted.method, counted.reason);
        Some(FunnelCell {
            rollout,
            hour: hour_of(event.at),
            wave,
            product: product.clone(),
            method,
            step,
            reason,
        })
    };
    steps(fact, known).into_iter().filter_map(cell).collect()
}

/// The steps of the funnel that a fact is.
fn steps<'f>(fact: &'f Fact, known: &'f Known) -> Vec<Counted<'f>> {
    let step = |step| Counted { step, method: None, reason: None, rollout: None };
    match fact {
        Fact::TwoStepShown { rollout } => vec![Counted { rollout: Some(rollout), ..step(FunnelStep::Shown) }],
        Fact::TwoStepTold { rollout } => vec![Counted { rollout: Some(rollout), ..step(FunnelStep::Told) }],
        Fact::EnrollmentPostponed { rollout, .. } => {
            vec![Counted { rollout: Some(rollout), ..step(FunnelStep::Postponed) }]
        }
        Fact::TwoStepRequired { rollout, .. } => {
            vec![Counted { rollout: Some(rollout), ..step(FunnelStep::Required) }]
        }
        Fact::TwoStepActive { rollout } => {
            vec![Counted { rollout: Some(rollout), ..step(FunnelStep::Active) }]
        }
        Fact::EnrollmentBegun { enrollment, method, .. } => {
            let rollout = known.begun.get(enrollment);
            vec![Counted { method: Some(*method), rollout, ..step(FunnelStep::Started) }]
        }
        // Recovery codes come with the first factor.
        Fact::FactorActivated { method, .. } if method.is_second_step() => {
            vec![Counted { method: Some(*method), ..step(FunnelStep::Enrolled) }]
        }
        Fact::ChallengeCreated { challenge, .. } => {
            let method = known.methods.get(challenge).copied();
            vec![Counted { method, ..step(FunnelStep::Challenged) }]
        }
        Fact::ChallengeAnswered { challenge, outcome, .. } => {
            let method = known.methods.get(challenge).copied();
            let answered = answered(*outcome, method);
            answered.into_iter().map(|(of, reason)| Counted { method, reason, ..step(of) }).collect()
        }
        _ => Vec::new(),
    }
}

/// A pass by a recovery code counts as both.
fn answered(outcome: Answered, method: Option<Method>) -> Vec<(FunnelStep, Option<StepFailure>)> {
    let reason = match outcome {
        Answered::Approved if method == Some(Method::RecoveryCodes) => {
            return vec![(FunnelStep::Passed, None), (FunnelStep::Recovered, None)];
        }
        Answered::Approved => return vec![(FunnelStep::Passed, None)],
        // It was counted when it was approved.
        Answered::AlreadyApproved => return Vec::new(),
        Answered::WrongAnswer { .. } => StepFailure::WrongAnswer,
        Answered::Replayed => StepFailure::Replayed,
        Answered::Expired => StepFailure::Expired,
        Answered::UsedUp => StepFailure::UsedUp,
        Answered::Superseded => StepFailure::Superseded,
        Answered::Slowed { .. } => StepFailure::Slowed,
        Answered::Closed => StepFailure::Closed,
        Answered::Denied => StepFailure::Denied,
    };
    vec![(FunnelStep::Failed, Some(reason))]
}

/// The rollout and the wave that an event of the account at the product belongs to. Where several rollouts had a part, it
/// is the one by which two-step acts there first, as in a decision.
fn belongs(
    known: &Known,
    account: Option<AccountId>,
    product: &ProductKey,
    said: Option<&RolloutKey>,
) -> Option<(RolloutKey, Option<Ordinal>)> {
    let here = known.belongings.iter().filter(|one| Some(one.account) == account && one.product == *product);
    if let Some(rollout) = said {
        let mut here = here.filter(|one| one.rollout == *rollout);
        return Some((rollout.clone(), here.next().and_then(|one| one.wave)));
    }
    let first = here.min_by_key(|one| (one.active_since.is_none(), one.active_since, &one.rollout));
    first.map(|one| (one.rollout.clone(), one.wave))
}
