//! What callers may make the server hold in memory (INV-52): calls, and the bytes of large messages and of answers that
//! their callers do not read. Each has a bound for one connection and one for all of them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tidegate_core::{Refusal, Span};
use tidegate_metrics::{Count, Metrics};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// What a call gets for which there is no room.
pub(crate) const BUSY: Refusal = Refusal::Busy { retry_after: Span::seconds(1) };
/// A message of so many bytes needs no share.
pub(crate) const SMALL_MESSAGE: u32 = 8 * 1024;
/// The unit of shares, because a semaphore counts in 32 bits.
const UNIT: usize = 1024;
/// Large messages that wait for their share, on one connection and in all. HTTP/2 may hold a window of each.
const MAX_WAITING: [usize; 2] = [3, 64];
/// Imports, exports and other requests of many messages under way, on one connection and in all. Up to a window of each
/// request is read ahead.
const MAX_BULK: [usize; 2] = [3, 64];
/// Calls without a credential under way, on one connection and in all.
const MAX_ANONYMOUS: [usize; 2] = [16, 1_024];
/// Calls of connections whose callers are not known: on one of them, where more of them wait to begin, and in all.
const MAX_STRANGER_CALLS: [usize; 2] = [32, 2_048];
/// A connection may use this part of what all may.
const CONNECTION_PART: usize = 4;

/// What may be held at once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MaxLoad {
    /// Calls under way.
    pub(crate) calls: usize,
    /// Bytes of large messages. The same again for answers that are not read.
    pub(crate) bytes: usize,
    /// How long a message waits for its share, and how long it may take to arrive then.
    pub(crate) wait: Duration,
    pub(crate) arrival: Duration,
}

/// Counts up to a maximum.
#[derive(Debug)]
pub(crate) struct Places {
    taken: AtomicUsize,
    max: usize,
}

/// One of the places.
#[derive(Debug)]
pub(crate) struct TakenPlace(Arc<Places>);

impl Places {
    fn new(max: usize) -> Arc<Self> {
        Arc::new(Self { taken: AtomicUsize::new(0), max })
    }

    pub(crate) fn take(self: &Arc<Self>) -> Option<TakenPlace> {
        let place = TakenPlace(self.clone());
        // A place too many is given back as `place` is dropped.
        (self.taken.fetch_add(1, Ordering::Relaxed) < self.max).then_some(place)
    }

    fn is_unused(&self) -> bool {
        self.taken.load(Ordering::Relaxed) == 0
    }

    fn has_room(&self) -> bool {
        self.taken.load(Ordering::Relaxed) < self.max
    }
}

impl Drop for TakenPlace {
    fn drop(&mut self) {
        self.0.taken.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Two maxima: what one connection may have, and what all connections together may have.
#[derive(Debug, Clone)]
struct Bound {
    here: Arc<Places>,
    all: Arc<Places>,
}

impl Bound {
    fn take(&self) -> Option<TwoPlaces> {
        Some(TwoPlaces { _here: self.here.take()?, _all: self.all.take()? })
    }
}

/// A place on the connection, and one in all.
#[derive(Debug)]
pub(crate) struct TwoPlaces {
    _here: TakenPlace,
    _all: TakenPlace,
}

/// Two maxima of bytes: what one connection may hold, and what all connections together may hold.
#[derive(Debug, Clone)]
struct Bytes {
    here: Arc<Semaphore>,
    all: Arc<Semaphore>,
}

/// Bytes that may be held.
#[derive(Debug)]
pub(crate) struct ByteShare {
    _here: OwnedSemaphorePermit,
    _all: OwnedSemaphorePermit,
}

fn units(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX)
}

impl Bytes {
    async fn take(self, bytes: usize) -> Option<ByteShare> {
        let here = self.here.acquire_many_owned(units(bytes)).await.ok()?;
        let all = self.all.acquire_many_owned(units(bytes)).await.ok()?;
        Some(ByteShare { _here: here, _all: all })
    }

    fn try_take(&self, bytes: usize) -> Option<ByteShare> {
        let here = self.here.clone().try_acquire_many_owned(units(bytes)).ok()?;
        let all = self.all.clone().try_acquire_many_owned(units(bytes)).ok()?;
        Some(ByteShare { _here: here, _all: all })
    }
}

/// The load of the process.
#[derive(Debug)]
pub(crate) struct Load {
    pub(crate) calls: Arc<Places>,
    stranger_calls: Arc<Places>,
    anonymous: Arc<Places>,
    bulk: Arc<Places>,
    waiting: Arc<Places>,
    messages: Arc<Semaphore>,
    answers: Arc<Semaphore>,
    max: MaxLoad,
    refused: [Count; 2],
}

impl Load {
    pub(crate) fn new(max: MaxLoad, metrics: &Metrics) -> Self {
        let bytes = || Arc::new(Semaphore::new(max.bytes.div_ceil(UNIT)));
        Self {
            calls: Places::new(max.calls),
            stranger_calls: Places::new(MAX_STRANGER_CALLS[1]),
            anonymous: Places::new(MAX_ANONYMOUS[1]),
            bulk: Places::new(MAX_BULK[1]),
            waiting: Places::new(MAX_WAITING[1]),
            messages: bytes(),
            answers: bytes(),
            max,
            refused: ["large_messages", "unread_answers"].map(|what| metrics.throttled_often(what)),
        }
    }

    /// What one connection may hold of it.
    pub(crate) fn link(&self) -> Link {
        let bound = |max, all: &Arc<Places>| Bound { here: Places::new(max), all: all.clone() };
        let units = (self.max.bytes / CONNECTION_PART).div_ceil(UNIT);
        let bytes = |all: &Arc<Semaphore>| Bytes { here: Arc::new(Semaphore::new(units)), all: all.clone() };
        Link(Arc::new(LinkState {
            is_known: AtomicBool::new(false),
            known: Notify::new(),
            has_called: AtomicBool::new(false),
            call_ended: Notify::new(),
            stranger_calls: bound(MAX_STRANGER_CALLS[0], &self.stranger_calls),
            anonymous: bound(MAX_ANONYMOUS[0], &self.anonymous),
            bulk: bound(MAX_BULK[0], &self.bulk),
            waiting: bound(MAX_WAITING[0], &self.waiting),
            messages: bytes(&self.messages),
            answers: bytes(&self.answers),
            max: self.max,
            refused: self.refused.clone(),
        }))
    }
}

/// One connection: whether its caller is known, and what it holds.
#[derive(Debug, Clone)]
pub(crate) struct Link(Arc<LinkState>);

#[derive(Debug)]
struct LinkState {
    is_known: AtomicBool,
    known: Notify,
    /// A call has begun since `is_idle` was asked last.
    has_called: AtomicBool,
    /// One of a stranger has.
    call_ended: Notify,
    stranger_calls: Bound,
    anonymous: Bound,
    bulk: Bound,
    waiting: Bound,
    messages: Bytes,
    answers: Bytes,
    max: MaxLoad,
    refused: [Count; 2],
}

/// There is no room for a message or for an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoRoom;

impl Link {
    /// The caller has shown a valid credential.
    pub(crate) fn know(&self) {
        // It is read more often than it changes, so that calls share the line of the processor's cache.
        if !self.0.is_known.load(Ordering::Relaxed) {
            self.0.is_known.store(true, Ordering::Relaxed);
            self.0.known.notify_one();
        }
    }

    pub(crate) fn is_known(&self) -> bool {
        self.0.is_known.load(Ordering::Relaxed)
    }

    /// Resolves once, when the caller becomes known.
    pub(crate) async fn known(&self) {
        self.0.known.notified().await;
    }

    /// Whether a call may begin. A stranger has few of them at once, until one has shown a credential.
    pub(crate) fn has_room(&self) -> bool {
        self.is_known() || self.0.stranger_calls.here.has_room()
    }

    /// Resolves when a call of a stranger has ended.
    pub(crate) async fn call_ended(&self) {
        self.0.call_ended.notified().await;
    }

    /// Counts a call of a stranger until this is dropped; those of known callers are counted in all only.
    pub(crate) fn begin_call(&self) -> Result<Option<StrangerCall>, NoRoom> {
        if self.is_known() {
            return Ok(None);
        }
        self.0.has_called.store(true, Ordering::Relaxed);
        let places = self.0.stranger_calls.take().ok_or(NoRoom)?;
        Ok(Some(StrangerCall { places: Some(places), link: self.clone() }))
    }

    /// Whether no call is under way, and none has begun since this was asked last.
    pub(crate) fn is_idle(&self) -> bool {
        let has_called = self.0.has_called.swap(false, Ordering::Relaxed);
        !has_called && self.0.stranger_calls.here.is_unused()
    }

    pub(crate) fn anonymous_call(&self) -> Option<TwoPlaces> {
        self.0.anonymous.take()
    }

    pub(crate) fn bulk_call(&self) -> Option<TwoPlaces> {
        self.0.bulk.take()
    }

    /// How long a large message may take to arrive.
    pub(crate) fn arrival(&self) -> Duration {
        self.0.max.arrival
    }

    /// Waits until a message of so many bytes may be held.
    pub(crate) async fn message(self, bytes: u32) -> Result<ByteShare, NoRoom> {
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        if let Some(share) = self.0.messages.try_take(bytes) {
            return Ok(share);
        }
        let share = async {
            let _waits = self.0.waiting.take()?;
            let share = self.0.messages.clone().take(bytes);
            tokio::time::timeout(self.0.max.wait, share).await.ok().flatten()
        };
        share.await.ok_or_else(|| {
            let [messages, _] = &self.0.refused;
            messages.up();
            NoRoom
        })
    }

    /// The right to hold so many bytes of an answer that its caller does not read yet.
    pub(crate) fn answer(&self, bytes: usize) -> Result<ByteShare, NoRoom> {
        self.0.answers.try_take(bytes).ok_or_else(|| {
            let [_, answers] = &self.0.refused;
            answers.up();
            NoRoom
        })
    }
}

/// A call of a stranger.
pub(crate) struct StrangerCall {
    /// Absent when the call has ended.
    places: Option<TwoPlaces>,
    link: Link,
}

impl Drop for StrangerCall {
    fn drop(&mut self) {
        self.places = None;
        self.link.0.call_ended.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::any::Any;

    use futures_util::FutureExt as _;

    use super::*;

    const MIB: usize = 1024 * 1024;

    fn load(bytes: usize, wait: Duration) -> Load {
        Load::new(MaxLoad { calls: 2, bytes, wait, arrival: wait }, &Metrics::new("1"))
    }

    #[tokio::test]
    async fn a_large_message_waits_for_its_share_and_is_refused_after_a_while() {
        let load = load(16 * MIB, Duration::from_mins(10));
        let (one, other) = (load.link(), load.link());
        let held = one.clone().message(4 << 20).await.unwrap();
        let mut waits = Box::pin(one.clone().message(1));
        assert!((&mut waits).now_or_never().is_none(), "a connection has a quarter");
        drop(other.message(4 << 20).await.unwrap());
        drop(held);
        waits.await.unwrap();
        let hasty = self::load(4 * MIB, Duration::ZERO).link();
        let _held = hasty.clone().message(1 << 20).await.unwrap();
        assert_eq!(hasty.clone().message(1).await.err(), Some(NoRoom));
    }

    #[tokio::test]
    async fn few_messages_wait() {
        let load = load(4 * MIB, Duration::from_mins(10));
        let link = load.link();
        let _held = link.clone().message(1 << 20).await.unwrap();
        let mut waiting = Vec::new();
        for _ in 0..MAX_WAITING[0] {
            let mut waits = Box::pin(link.clone().message(1));
            assert!((&mut waits).now_or_never().is_none());
            waiting.push(waits);
        }
        assert_eq!(link.clone().message(1).await.err(), Some(NoRoom));
        waiting.pop();
        assert!(link.message(1).now_or_never().is_none());
    }

    #[test]
    fn answers_that_are_not_read_have_a_share_on_one_connection_and_in_all() {
        let load = load(16 * MIB, Duration::ZERO);
        let links: Vec<_> = std::iter::repeat_with(|| load.link()).take(CONNECTION_PART).collect();
        let mut held = Vec::new();
        for link in &links {
            held.push(link.answer(3 * MIB).unwrap());
            assert_eq!(link.answer(MIB + 1).err(), Some(NoRoom), "a connection has a quarter");
            held.push(link.answer(MIB).unwrap());
        }
        assert_eq!(load.link().answer(1).err(), Some(NoRoom), "others have taken everything");
        held.pop();
        assert!(load.link().answer(MIB).is_ok());
    }

    #[test]
    fn a_place_is_free_again_when_it_is_dropped() {
        let places = Places::new(1);
        let taken = places.take();
        assert!(taken.is_some() && places.take().is_none() && places.take().is_none());
        drop(taken);
        assert!(places.is_unused() && places.take().is_some());
    }

    /// Connection after connection takes as many calls as it may, until another one finds no place.
    #[test]
    fn calls_of_each_kind_are_bounded_on_one_connection_and_in_all() {
        type Take = fn(&Link) -> Option<Box<dyn Any>>;
        let kinds: [(&str, [usize; 2], Take); 3] = [
            ("without a credential", [16, 1_024], |link| Some(Box::new(link.anonymous_call()?))),
            ("of connections whose callers are not known", [32, 2_048], |link| {
                Some(Box::new(link.begin_call().ok()??))
            }),
            ("of many messages", [3, 64], |link| Some(Box::new(link.bulk_call()?))),
        ];
        for (kind, [here, all], take) in kinds {
            let (load, mut held) = (load(MIB, Duration::ZERO), Vec::new());
            while held.len() < all {
                let link = load.link();
                let taken: Vec<_> = std::iter::from_fn(|| take(&link)).collect();
                assert_eq!(taken.len(), here.min(all - held.len()), "{kind}");
                held.extend(taken);
            }
            assert!(take(&load.link()).is_none(), "{kind}, on another connection");
            held.pop();
            assert!(take(&load.link()).is_some(), "{kind}, when one has ended");
        }
    }
}
