//! Deletes what is over, as `retention` says.
//!
//! A large table must not stop calls. So rows are deleted in small transactions of bounded time: a transaction that took long
//! is followed by one of fewer rows. Between two of them the writer rests as long as one took, and the kinds and realms take
//! turns. A pass has a budget of time. What is left is deleted in the next one, which begins with the
//! realm after the one where this pass ended.
//!
//! A lease keeps several replicas from doing the same work. The transaction that deletes claims it, so that a pass in which
//! nothing is over writes nothing.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use tidegate_core::{Clock, Entropy, HolderId, Id, Realm, RealmId, Span, Timestamp};
use tidegate_store::{
    Store, Tx, chain, leases, realms,
    retention::{self, SweepWalk, id_at, made_at},
    rollout_hours, sms_costs,
};
use uuid::Uuid;

use super::retention::{Along, Kind, Retention, SMS_COSTS};
use crate::StoreError;

/// Realms that are read at a time.
const PAGE_SIZE: i64 = 100;
/// Rows of a transaction: at first, and at most.
const FIRST_BATCH: i64 = 100;
pub const MAX_BATCH: i64 = 500;
/// A transaction that takes longer is followed by a smaller one, and one that takes less than half of it by a larger one.
const BATCH_TIME: Duration = Duration::from_millis(20);
/// Batches of one pass through a whole table.
const MAX_BATCHES_OF_TABLE: u32 = 20;
/// How long other replicas wait for a sweeper that is stuck.
const LEASE: Span = Span::seconds(5);
/// The clock of the replica that made an id may have been ahead.
const CLOCK_MARGIN: Span = Span::minutes(1);

/// The worker of one replica.
pub struct Sweeper {
    store: Store,
    clock: Arc<dyn Clock>,
    holder: HolderId,
    keep: Retention,
    progress: Mutex<SweepProgress>,
}

struct SweepProgress {
    batch: i64,
    /// The realm in which the last pass ended before its work was done; empty: in none.
    realm: String,
    /// How far the walks through whole tables have come.
    walks: HashMap<(RealmId, &'static str), Uuid>,
}

/// What came of one step.
enum Step {
    /// There is, or may be, more.
    More,
    Done,
}

/// One kind in a realm during a pass.
struct Task {
    kind: Kind,
    over_since: Timestamp,
    /// Where a walk goes on.
    after: Uuid,
    batches: u32,
    done: bool,
}

impl Sweeper {
    pub fn new(store: Store, clock: Arc<dyn Clock>, entropy: &dyn Entropy, keep: Retention) -> Self {
        let holder = Id::new(clock.now(), entropy);
        let progress = SweepProgress { batch: FIRST_BATCH, realm: String::new(), walks: HashMap::new() };
        Self { store, clock, holder, keep, progress: Mutex::new(progress) }
    }

    /// One pass, which begins no batch after `budget`. A fault in one realm does not stop the others; the first one is
    /// returned.
    pub async fn sweep(&self, budget: Duration) -> Result<(), StoreError> {
        let until = Instant::now() + budget;
        let mut first_fault = Ok(());
        let mut lags: HashMap<&'static str, Duration> = HashMap::new();
        let realms = self.realms().await?;
        for (place, realm) in realms.iter().enumerate() {
            let (swept, fault) = self.sweep_realm(realm, until, &mut lags).await;
            first_fault = first_fault.and(fault);
            let is_late = Instant::now() >= until && place + 1 < realms.len();
            if matches!(swept, Step::More) || is_late {
                realm.key.as_str().clone_into(&mut self.progress().realm);
                break;
            }
        }
        for kind in self.keep.kinds() {
            let lag = lags.get(kind.name).copied().unwrap_or_default();
            self.store.metrics().sweep_lags(kind.name, lag);
        }
        first_fault
    }

    /// All realms, those after the last one first.
    async fn realms(&self) -> Result<Vec<Realm>, StoreError> {
        let (mut all, mut last) = (Vec::new(), String::new());
        loop {
            let page = realms::page(&mut self.store.across("sweep"), &last, PAGE_SIZE).await?;
            let Some(end) = page.last() else { break };
            last = end.key.to_string();
            all.extend(page);
        }
        let ended_in = std::mem::take(&mut self.progress().realm);
        let first = all.iter().position(|realm| *realm.key.as_str() > *ended_in).unwrap_or(0);
        all.rotate_left(first);
        Ok(all)
    }

    /// What came of the realm, and the first fault. A fault in one kind does not stop the others.
    async fn sweep_realm(
        &self,
        realm: &Realm,
        until: Instant,
        lags: &mut HashMap<&'static str, Duration>,
    ) -> (Step, Result<(), StoreError>) {
        let now = self.clock.now();
        let mut first_fault = Ok(());
        let mut tasks = match self.tasks(realm.id, now).await {
            Ok(tasks) => tasks,
            Err(fault) => return (Step::Done, Err(fault)),
        };
        loop {
            let late = Instant::now() >= until;
            for task in tasks.iter_mut().filter(|task| !task.done) {
                match self.step(realm.id, task, lags, late).await {
                    Ok(step) => task.done = matches!(step, Step::Done),
                    Err(fault) => {
                        task.done = true;
                        first_fault = first_fault.and(Err(fault));
                    }
                }
            }
            let left = tasks.iter().any(|task| !task.done);
            if late || !left {
                return (if left { Step::More } else { Step::Done }, first_fault);
            }
        }
    }

    async fn tasks(&self, realm: RealmId, now: Timestamp) -> Result<Vec<Task>, StoreError> {
        let counted_until = self.counted_until(realm).await?;
        let day = now.minus(SMS_COSTS);
        self.store.tx("sweep", realm, async |tx| sms_costs::forget(tx, day).await).await?;
        Ok(self.keep.kinds().map(|kind| self.task(realm, kind, now, counted_until)).into())
    }

    fn task(&self, realm: RealmId, kind: Kind, now: Timestamp, counted_until: Timestamp) -> Task {
        let over_since = now.minus(kind.kept);
        let over_since = if kind.counted { over_since.min(counted_until) } else { over_since };
        let after = match kind.along {
            Along::Table(_) => self.progress().walks.get(&(realm, kind.name)).copied().unwrap_or(Uuid::nil()),
            Along::Ids(..) | Along::Queue(_) => Uuid::nil(),
        };
        Task { kind, over_since, after, batches: 0, done: false }
    }

    /// Until when the events of the realm are counted in the funnels of rollouts. The count of an event reads its challenge.
    async fn counted_until(&self, realm: RealmId) -> Result<Timestamp, StoreError> {
        let view = &mut self.store.view("sweep", realm);
        let Some(head) = chain::head(view).await? else { return Ok(Timestamp::MAX) };
        let folded = rollout_hours::folded(view).await?;
        let behind = folded.is_none_or(|folded| folded.last < head.last);
        let counted = folded.map_or(Timestamp::from_unix_micros(0), |folded| folded.sealed_at);
        Ok(if behind { counted } else { Timestamp::MAX })
    }

    /// Deletes one batch of a kind, or, when it is late, only sees whether there is one.
    async fn step(
        &self,
        realm: RealmId,
        task: &mut Task,
        lags: &mut HashMap<&'static str, Duration>,
        late: bool,
    ) -> Result<Step, StoreError> {
        let Task { kind, over_since, .. } = *task;
        let limit = self.progress().batch;
        match kind.along {
            Along::Queue(queue) => {
                let view = &mut self.store.view("sweep", realm);
                let Some(oldest) = retention::oldest(view, queue, over_since).await? else {
                    return Ok(Step::Done);
                };
                if late {
                    note(lags, kind.name, over_since.since(oldest));
                    return Ok(Step::More);
                }
                self.delete(realm, kind, async |tx| {
                    retention::delete_front(tx, queue, over_since, limit).await
                })
                .await
            }
            Along::Ids(walk, life) => {
                let last = id_at(over_since.minus(life).plus(CLOCK_MARGIN));
                self.walk(realm, (walk, last), task, lags, late).await
            }
            Along::Table(walk) => {
                let step = self.walk(realm, (walk, Uuid::max()), task, &mut HashMap::new(), late).await?;
                let ended = matches!(step, Step::Done);
                let after = if ended { Uuid::nil() } else { task.after };
                self.progress().walks.insert((realm, kind.name), after);
                Ok(if late || task.batches >= MAX_BATCHES_OF_TABLE { Step::Done } else { step })
            }
        }
    }

    async fn walk(
        &self,
        realm: RealmId,
        (walk, last): (SweepWalk, Uuid),
        task: &mut Task,
        lags: &mut HashMap<&'static str, Duration>,
        late: bool,
    ) -> Result<Step, StoreError> {
        let (kind, over_since, limit) = (task.kind, task.over_since, self.progress().batch);
        let view = &mut self.store.view("sweep", realm);
        let next = retention::next(view, walk, (task.after, last), over_since, limit).await?;
        let Some(stretch) = next else { return Ok(Step::Done) };
        task.batches += 1;
        if let Some(first) = stretch.first_over {
            if late {
                note(lags, kind.name, over_since.since(made_at(first)));
                return Ok(Step::More);
            }
            let done =
                self.delete(realm, kind, async |tx| retention::delete(tx, walk, stretch, over_since).await);
            if let Step::Done = done.await? {
                return Ok(Step::Done);
            }
        }
        task.after = stretch.last;
        Ok(Step::More)
    }

    /// One transaction; `Done` while another replica sweeps.
    async fn delete(
        &self,
        realm: RealmId,
        kind: Kind,
        work: impl AsyncFnOnce(&mut Tx) -> Result<u64, StoreError>,
    ) -> Result<Step, StoreError> {
        let began = Instant::now();
        let deleted = self
            .store
            .tx("sweep", realm, async |tx| {
                let now = self.clock.now();
                let claim = leases::LeaseClaim { name: "sweep", holder: self.holder, until: now.plus(LEASE) };
                if !leases::claim(tx, claim, now).await? {
                    tx.abandon();
                    return Ok(None);
                }
                Ok::<_, StoreError>(Some(work(tx).await?))
            })
            .await?;
        let Some(deleted) = deleted else { return Ok(Step::Done) };
        let took = began.elapsed();
        self.store.metrics().swept(kind.name, deleted);
        {
            let mut progress = self.progress();
            progress.batch = next_batch(progress.batch, took);
        }
        // Calls that wait for the writer come first, and have it half of the time.
        tokio::time::sleep(took).await;
        // Rows at the front that other transactions hold are left for the next pass.
        let waits = matches!(kind.along, Along::Queue(_)) && deleted == 0;
        Ok(if waits { Step::Done } else { Step::More })
    }

    fn progress(&self) -> std::sync::MutexGuard<'_, SweepProgress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn note(lags: &mut HashMap<&'static str, Duration>, kind: &'static str, lag: Span) {
    let longest = lags.entry(kind).or_default();
    *longest = (*longest).max(lag.as_duration());
}

fn next_batch(batch: i64, took: Duration) -> i64 {
    let next = if took > BATCH_TIME {
        batch / 2
    } else if took < BATCH_TIME / 2 {
        batch.saturating_mul(2)
    } else {
        batch
    };
    next.clamp(1, MAX_BATCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_follow_the_time_that_they_take() {
        let (fast, right, slow) =
            (Duration::from_millis(1), Duration::from_millis(15), Duration::from_millis(90));
        assert_eq!([fast, right, slow].map(|took| next_batch(FIRST_BATCH, took)), [200, 100, 50]);
        assert_eq!([fast, slow].map(|took| next_batch(MAX_BATCH, took)), [500, 250]);
        assert_eq!(next_batch(1, slow), 1);
    }
}
