//! Starts waves at their planned times, by the same path as `AdvanceRollout`.
//!
//! Each step is taken once, however many servers run and whenever one of them is killed: the decision is made again under
//! the lock of the rollout's row, at the revision that was looked at, and the lease's row stays locked to the end of the
//! transaction. What is not committed did not happen, and another server takes the step once the lease has expired.

use serde::{Deserialize, Serialize};
use tidegate_core::{
    Fact, FunnelStep, HolderId, Id, Ordinal, Permission, Rollout, RolloutKey, Span, Timestamp, Title, Wave,
    hour_of,
};
use tidegate_rollout::{
    lifecycle,
    schedule::{Due, Waiting, WaveNumbers, due, earliest, needs_numbers},
    waves,
};
use tidegate_store::{
    View,
    leases::{self, LeaseClaim},
    rollout_hours::{self, FunnelSum, WhichCounts},
    rollouts::{self, DueRollout},
    stats,
};

use super::change::{Target, change, refusal};
use crate::{App, Command, CommandContext, Error, Fault, Share, idempotency::outcomes};

/// The scheduler of one replica.
pub struct Scheduler {
    app: App,
    holder: HolderId,
}

/// Rollouts that are read at a time.
const BATCH: i64 = 100;
/// How long other replicas wait for a scheduler that is stuck.
const LEASE: Span = Span::seconds(5);
/// Between two looks at the numbers that a gate asks for: counting them reads the ledger of the rollout.
const GATE_INTERVAL: Span = Span::seconds(15);

impl Scheduler {
    pub fn new(app: App) -> Self {
        let parts = &app.inner.parts;
        let holder = parts.store.claim_id(parts.clock.now(), &*parts.entropy);
        Self { app, holder }
    }

    /// Starts every wave of every realm that is due. Where nothing is due, this is one read of an index. A fault in one
    /// rollout does not stop the others; the first one is returned.
    pub async fn start_due(&self) -> Result<(), Fault> {
        let parts = &self.app.inner.parts;
        let now = parts.clock.now();
        let (mut first_fault, mut after, mut lag) = (Ok(()), (Id::MIN, String::new()), Span::ZERO);
        loop {
            let mut across = parts.store.across("schedule").sharing(Share::Ordinary);
            let due = rollouts::due(&mut across, now, (after.0, &after.1), BATCH).await?;
            for DueRollout { realm, key, due_at } in &due {
                lag = lag.max(now.since(*due_at));
                let start = StartDueWaves { rollout: key.clone(), holder: self.holder };
                match self.app.work("scheduler", *realm, start).await {
                    // A refusal: somebody changed the rollout since it was looked at.
                    Ok(_) | Err(Error::Refused(_)) => {}
                    Err(Error::Failed(fault)) => first_fault = first_fault.and(Err(fault)),
                }
            }
            match due.last() {
                Some(last) if i64::try_from(due.len()) == Ok(BATCH) => {
                    after = (last.realm, last.key.to_string());
                }
                _ => break,
            }
        }
        self.app.metrics().scheduler_lag(lag.as_duration());
        first_fault
    }
}

/// The worker's own command. No call of the contract runs it.
#[derive(Debug)]
pub struct StartDueWaves {
    pub rollout: RolloutKey,
    /// The scheduler that runs it.
    pub holder: HolderId,
}

#[derive(Debug, Serialize, Deserialize)]
pub struct DueWavesStarted {}

outcomes!(DueWavesStarted);

impl Command for StartDueWaves {
    const NAME: &'static str = "start_due_waves";
    const PERMISSION: Permission = Permission::RolloutsManage;
    type Outcome = DueWavesStarted;

    async fn run(self, cx: &CommandContext) -> Result<DueWavesStarted, Error> {
        let mut view = cx.view();
        let Some(seen) = rollouts::find(&mut view, &self.rollout).await? else {
            return Ok(DueWavesStarted {});
        };
        let numbers = numbers(&mut view, &seen).await?;
        let due = due(&seen, numbers, cx.now());
        if let Due::Start(starting) = &due {
            self.start(cx, &seen, starting).await?;
            return Ok(DueWavesStarted {});
        }
        let at = look_again(&due, cx);
        let defer = async |executor: tidegate_store::Executor<'_>| -> Result<(), Fault> {
            Ok(rollouts::defer(executor, &seen.key, seen.revision, at).await?)
        };
        cx.autocommit(defer).await?;
        Ok(DueWavesStarted {})
    }
}

impl StartDueWaves {
    async fn start(&self, cx: &CommandContext, seen: &Rollout, starting: &[Ordinal]) -> Result<(), Error> {
        let (rollout, etag, reason) = (seen.key.clone(), Some(seen.revision), reason(seen, starting));
        let target = Target { rollout, etag, reason };
        let now = cx.now();
        let changed = change(cx, &target, async |tx, rollout| {
            let claim = LeaseClaim { name: "schedule", holder: self.holder, until: now.plus(LEASE) };
            if !leases::claim(tx, claim, now).await.map_err(Fault::from)? {
                return Ok(None);
            }
            let numbers = numbers(tx, rollout).await?;
            if !matches!(due(rollout, numbers, now), Due::Start(again) if again == starting) {
                return Ok(None);
            }
            let mut last = None;
            for _ in starting {
                if let Some(fact) = last.take() {
                    cx.event(fact).record(tx).await?;
                }
                let wave = lifecycle::start_or_advance(rollout, now).map_err(refusal)?;
                let (rollout, revision) = (rollout.key.clone(), rollout.revision);
                last = Some(Fact::WaveStarted { rollout, revision, wave });
            }
            Ok(last)
        })
        .await?;
        if changed.revision != seen.revision {
            cx.query().metrics().waves_started_by_schedule(starting.len());
        }
        Ok(())
    }
}

/// When it may start at the earliest, and not before the numbers of a gate that holds it can have changed.
fn look_again(due: &Due, cx: &CommandContext) -> Option<Timestamp> {
    let Due::Waiting { waits, .. } = due else { return None };
    let at = earliest(waits)?;
    let counted = waits.iter().any(|wait| matches!(wait, Waiting::Gate(_)));
    Some(if counted { at.max(cx.now().plus(GATE_INTERVAL)) } else { at })
}

/// What is counted of the wave that was started last, where a gate of the next one asks for it.
pub(super) async fn numbers(view: &mut View, rollout: &Rollout) -> Result<WaveNumbers, Fault> {
    let mut numbers = WaveNumbers::default();
    let Some(last) = rollout.last_started().filter(|_| needs_numbers(rollout)) else { return Ok(numbers) };
    for count in stats::of_wave(view, &rollout.key, last.ordinal).await? {
        if waves::still_shown(rollout, &count.product, count.shown) {
            numbers.shown += count.count;
            numbers.started += count.started;
            numbers.active += count.active;
        }
    }
    for sum in steps_since_start(view, rollout, last).await? {
        let counted = match sum.step {
            FunnelStep::Challenged => &mut numbers.challenged,
            FunnelStep::Passed => &mut numbers.passed,
            FunnelStep::Failed => &mut numbers.failed,
            FunnelStep::Recovered => &mut numbers.recovered,
            _ => continue,
        };
        *counted += u64::try_from(sum.count).unwrap_or(0);
    }
    Ok(numbers)
}

/// The funnel of the wave, from the hour in which it started.
async fn steps_since_start(view: &mut View, rollout: &Rollout, wave: &Wave) -> Result<Vec<FunnelSum>, Fault> {
    let Some(started) = wave.started_at else { return Ok(Vec::new()) };
    let which = WhichCounts {
        from: hour_of(started),
        before: WhichCounts::LATEST,
        wave: Some(wave.ordinal),
        product: None,
        method: None,
    };
    Ok(rollout_hours::sums(view, &rollout.key, which).await?)
}

/// Kept with the revision: `planned start 2026-12-07T09:00 Europe/Berlin`.
fn reason(rollout: &Rollout, starting: &[Ordinal]) -> Option<Title> {
    let (first, last) = (starting.first()?, starting.last()?);
    let planned = rollout.wave(*last)?.planned_start.as_ref()?;
    let of = if first == last {
        "planned start".to_owned()
    } else {
        format!("planned starts of waves {} to {}, the last", first.0, last.0)
    };
    format!("{of} {} {}", planned.local, planned.zone).parse().ok()
}
