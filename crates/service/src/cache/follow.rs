//! Follows the event log, to invalidate what other replicas changed.
//!
//! Every change writes its event in the same transaction, so a committed change has its event in the log: unsealed, or
//! in one of the newest batches. Unsealed events are read first, then the batches. An event that is sealed in between
//! is seen twice, and none is missed. Reading unsealed events bounds the staleness even when the sealer is down.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use tidegate_core::{RealmId, Sequence, Span, Timestamp};
use tidegate_store::{
    Error,
    chain::{self, SealedBatch},
    events,
};

use super::{Freshness, Invalidation};
use crate::App;

/// How far the log was followed.
#[derive(Default)]
pub(super) struct Followed(Mutex<Progress>);

#[derive(Default, Clone)]
struct Progress {
    /// `None`: the log was not read yet.
    until: Option<Timestamp>,
    /// Batches near `until` that were read already.
    seen: BTreeSet<(RealmId, Sequence)>,
    /// The newest of all that were read. If it is gone, the database was restored to an earlier state.
    newest: Option<SealedBatch>,
    /// How often connections to the database had broken.
    breaks: u64,
}

/// Unsealed events that are read at a time; where there are more, everything is invalidated.
const MAX_UNSEALED: i64 = 10_000;
/// How far the clocks of two replicas may differ, plus the time from a batch's timestamp to its commit.
const MARGIN: Span = Span::seconds(5);
/// After a longer gap everything is invalidated instead.
const MAX_GAP: Span = Span::seconds(30);

impl App {
    /// Must be called several times a second where other replicas write to the database, and never concurrently. An
    /// error leaves the cache fresh for no longer than it was.
    pub async fn follow(&self) -> Result<(), Error> {
        if self.inner.parts.settings.freshness == Freshness::SingleReplica {
            return Ok(());
        }
        let (looked, now) = (self.inner.cache.micros(), self.inner.parts.clock.now());
        let progress = self.inner.cache.followed.get();
        let breaks = self.inner.parts.store.breaks();
        let behind = progress.until.is_none_or(|until| now.since(until) > MAX_GAP)
            || breaks != progress.breaks
            || self.is_gone(progress.newest).await?;
        let mut across = self.inner.parts.store.across("follow");
        let unsealed = events::unsealed(&mut across, MAX_UNSEALED).await?;
        if behind || i64::try_from(unsealed.len()).is_ok_and(|count| count >= MAX_UNSEALED) {
            self.inner.cache.invalidate(Invalidation::Everything);
        }
        for event in &unsealed {
            self.note(event.realm, &event.logged);
        }
        let since = progress.until.map_or(now, |until| until.min(now)).minus(MARGIN);
        let (mut seen, mut newest) = (BTreeSet::new(), progress.newest.filter(|_| !behind));
        for batch @ SealedBatch { realm, first, last, .. } in chain::recent(&mut across, since).await? {
            if !behind && !progress.seen.contains(&(realm, last)) {
                let mut view = self.inner.parts.store.view("follow", realm);
                for logged in events::between(&mut view, first, last).await? {
                    self.note(realm, &logged);
                }
            }
            seen.insert((realm, last));
            newest = Some(batch);
        }
        self.inner.cache.followed.set(Progress { until: Some(now), seen, newest, breaks });
        self.inner.cache.mark_fresh(looked);
        Ok(())
    }

    /// Whether the batch is not in the database any more, or another one is in its place.
    async fn is_gone(&self, batch: Option<SealedBatch>) -> Result<bool, Error> {
        let Some(batch) = batch else { return Ok(false) };
        let mut view = self.inner.parts.store.view("follow", batch.realm);
        let found = chain::ending(&mut view, batch.last).await?;
        Ok(found.is_none_or(|found| found.digest != batch.digest))
    }

    fn note(&self, realm: RealmId, logged: &tidegate_core::Logged) {
        let event = &logged.event;
        self.inner.cache.invalidate(Invalidation::of_recorded(realm, event.account, &event.fact));
    }
}

impl Followed {
    fn get(&self) -> Progress {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, progress: Progress) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = progress;
    }
}
