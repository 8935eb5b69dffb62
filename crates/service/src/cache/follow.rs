//! Follows the event log, to invalidate what other replicas changed.
//!
//! Every change writes its event in the same transaction, so a committed change has its event in the log: unsealed, or
//! in one of the newest batches. Unsealed events are read first, then the batches. An event that is sealed in between
//! is seen twice, and none is missed. Reading unsealed events bounds the staleness even when the sealer is down.
//!
//! Batches are followed by their sequence in each realm, and not by their times: those of a clock that was ahead lie in
//! the future, and a batch may become visible long after its time.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use tidegate_core::{RealmId, Sequence, Span, Timestamp};
use tidegate_store::{
    Error,
    chain::{self, RecordHead},
    events,
};

use super::{Freshness, Invalidation};
use crate::App;

/// How far the log was followed.
#[derive(Default)]
pub(super) struct Followed(Mutex<Progress>);

type Heads = BTreeMap<RealmId, RecordHead>;

#[derive(Default, Clone)]
struct Progress {
    /// `None`: the log was not read yet.
    until: Option<Timestamp>,
    /// Up to where each realm's record was read. If such a batch is gone, the database was restored to an earlier state.
    heads: Heads,
    /// How often connections to the database had broken.
    breaks: u64,
}

/// Events that are read at a time; where there are more, everything is invalidated.
const MAX_EVENTS: i64 = 10_000;
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
        let mut across = self.inner.parts.store.across("follow");
        let unsealed = events::unsealed(&mut across, MAX_EVENTS).await?;
        let heads = chain::heads(&mut across).await?.into_iter().map(|head| (head.realm, head));
        let heads: Heads = heads.collect();
        let behind = progress.until.is_none_or(|until| now.since(until) > MAX_GAP)
            || breaks != progress.breaks
            || i64::try_from(unsealed.len()).is_ok_and(|count| count >= MAX_EVENTS)
            || self.is_gone(&progress.heads, &heads).await?;
        if behind {
            self.inner.cache.invalidate(Invalidation::Everything);
        } else {
            for event in &unsealed {
                self.note(event.realm, &event.logged);
            }
            for head in heads.values() {
                let until = progress.heads.get(&head.realm).map_or(Sequence::START, |head| head.last);
                self.note_sealed(head, until).await?;
            }
        }
        self.inner.cache.followed.set(Progress { until: Some(now), heads, breaks });
        self.inner.cache.mark_fresh(looked);
        Ok(())
    }

    /// Whether one of the batches is not in the database any more, or another one is in its place.
    async fn is_gone(&self, before: &Heads, now: &Heads) -> Result<bool, Error> {
        for head in before.values() {
            let digest = match now.get(&head.realm) {
                Some(newest) if newest.last == head.last => Some(newest.digest),
                Some(newest) if newest.last > head.last => {
                    let mut view = self.inner.parts.store.view("follow", head.realm);
                    chain::ending(&mut view, head.last).await?.map(|batch| batch.digest)
                }
                _ => None,
            };
            if digest != Some(head.digest) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Notes the events of the realm's record from `until` on.
    async fn note_sealed(&self, head: &RecordHead, until: Sequence) -> Result<(), Error> {
        if until.plus(MAX_EVENTS) <= head.last {
            self.inner.cache.invalidate(Invalidation::Everything);
        } else if until < head.last {
            let mut view = self.inner.parts.store.view("follow", head.realm);
            for logged in events::between(&mut view, until.next(), head.last).await? {
                self.note(head.realm, &logged);
            }
        }
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
