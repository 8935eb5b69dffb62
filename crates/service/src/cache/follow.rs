//! Looking at what other replicas wrote, and dropping what it makes wrong.
//!
//! Every change writes its event in the same transaction, so whatever is committed stands in the log: without
//! a place in the record, or in one of its newest batches. First what has no place is read, then the batches: an
//! event that gets its place in between is seen twice, and none is missed.

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
    /// `None`: never yet.
    until: Option<Timestamp>,
    /// Batches behind that which were seen.
    seen: BTreeSet<(RealmId, Sequence)>,
}

/// Events without a place that are read at a time; where there are more, everything is dropped.
const MAX_UNSEALED: i64 = 10_000;
/// What the clocks of two replicas may differ, and a batch may take from its time to its commit.
const MARGIN: Span = Span::seconds(5);
/// After a longer time without a look everything is dropped instead.
const MAX_GAP: Span = Span::seconds(30);

impl App {
    /// Call this several times a second where other replicas write to the database, and not twice at once.
    /// After an error nothing is believed for longer than before.
    pub async fn follow(&self) -> Result<(), Error> {
        if self.inner.parts.settings.freshness == Freshness::SingleReplica {
            return Ok(());
        }
        let (looked, now) = (self.inner.cache.micros(), self.inner.parts.clock.now());
        let progress = self.inner.cache.followed.get();
        let behind = progress.until.is_none_or(|until| now.since(until) > MAX_GAP);
        let mut across = self.inner.parts.store.across("follow");
        let unsealed = events::unsealed(&mut across, MAX_UNSEALED).await?;
        if behind || i64::try_from(unsealed.len()).is_ok_and(|count| count >= MAX_UNSEALED) {
            self.inner.cache.invalidate(Invalidation::Everything);
        }
        for event in &unsealed {
            self.note(event.realm, &event.logged);
        }
        let since = progress.until.map_or(now, |until| until.min(now)).minus(MARGIN);
        let mut seen = BTreeSet::new();
        for SealedBatch { realm, first, last } in chain::recent(&mut across, since).await? {
            if !behind && !progress.seen.contains(&(realm, last)) {
                let mut view = self.inner.parts.store.view("follow", realm);
                for logged in events::between(&mut view, first, last).await? {
                    self.note(realm, &logged);
                }
            }
            seen.insert((realm, last));
        }
        self.inner.cache.followed.set(Progress { until: Some(now), seen });
        self.inner.cache.mark_fresh(looked);
        Ok(())
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
