//! Refusals that repeat are folded: one event for each counter and minute, with its count.
//!
//! A refused call changes nothing, so a caller may repeat it as often as the network allows. An event for each call let a
//! stranger fill the disk: some hundred a second, of some hundred bytes each. So:
//!
//! - The first refusal of a counter is recorded at once, with all that is known of it.
//! - Further ones are counted in memory. When a minute is over, or the program stops, one event says how many they were.
//! - Each kind of refusal has a counter for each account, caller and product. Wrong passwords of unknown identifiers share
//!   one. An unknown identifier that is slowed has one of its own, as an account has, so that neither is
//!   told from the other by the time that an answer takes (INV-29).
//! - The number of counters in memory is bounded. What has no place is counted without account, product and caller: once for
//!   each realm and kind.
//!
//! Only refusals that change no state are folded: never a lock, and never a wrong password of an account, whose number the
//! account's own counter bounds. Nothing is decided by these counts. A process that is killed loses those of its last minute.

use std::{
    collections::HashMap,
    mem::{self, Discriminant},
    sync::{Mutex, PoisonError},
};

use tidegate_core::{
    AccountId, Actor, Answered, Denial, Event, Fact, FactorId, Id, ProductKey, RealmId, Span, Timestamp,
};
use tidegate_store::events;
use uuid::Uuid;

use crate::{App, Fault};

/// How long refusals are counted before an event says so.
const PERIOD: Span = Span::minutes(1);
/// Counters of refusals that a caller without any proof can cause.
const MAX_STRANGERS: usize = 256;
/// Counters of the others: their callers have shown a password, a passkey or a session.
const MAX_OWNERS: usize = 8_192;
/// Events that one transaction records.
const MAX_BATCH: usize = 100;
/// The part of the program that records counts of no single account.
const WORKER: &str = "refusals";

/// What is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum What {
    SignIn(Denial),
    Recovery,
    PasswordChange(Denial),
    Answer(Option<FactorId>, Discriminant<Answered>),
    Unreadable(FactorId),
}

impl What {
    const fn of(fact: &Fact) -> Option<Self> {
        Some(match fact {
            Fact::SignInDenied { why, .. } => Self::SignIn(*why),
            Fact::RecoveryBegun { .. } => Self::Recovery,
            Fact::PasswordChangeDenied { why, .. } => Self::PasswordChange(*why),
            Fact::ChallengeAnswered { factor, outcome, .. } => {
                Self::Answer(*factor, mem::discriminant(outcome))
            }
            Fact::FactorUnreadable { factor, .. } => Self::Unreadable(*factor),
            _ => return None,
        })
    }

    /// The same of any factor, so that there are few.
    const fn of_any(self) -> Self {
        match self {
            Self::Answer(_, outcome) => Self::Answer(None, outcome),
            Self::Unreadable(_) => Self::Unreadable(FactorId::MIN),
            other => other,
        }
    }

    /// A caller needs no proof to be refused so.
    const fn is_of_strangers(self) -> bool {
        matches!(self, Self::SignIn(_) | Self::Recovery)
    }
}

/// Which counter.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct RefusalKey {
    realm: RealmId,
    what: What,
    account: Option<AccountId>,
    /// Of an unknown identifier.
    counter: Option<Uuid>,
    product: Option<ProductKey>,
    actor: Actor,
}

/// A refusal that may be one of many.
pub(crate) struct Refused<'f> {
    pub(crate) realm: RealmId,
    pub(crate) fact: &'f Fact,
    pub(crate) account: Option<AccountId>,
    pub(crate) counter: Option<Uuid>,
    pub(crate) product: Option<&'f ProductKey>,
    pub(crate) actor: Actor,
}

#[derive(Clone)]
struct Count {
    begun: Timestamp,
    refusals: u64,
    last: Fact,
}

/// The counters of one process.
#[derive(Default)]
pub(crate) struct Refusals(Mutex<OpenCounts>);

#[derive(Default)]
struct OpenCounts {
    counts: HashMap<RefusalKey, Count>,
    strangers: usize,
    owners: usize,
}

impl Refusals {
    /// Whether its event must be recorded now. If not, it is counted.
    pub(crate) fn is_first(&self, refused: Refused<'_>, now: Timestamp) -> bool {
        let Refused { realm, fact, account, counter, product, actor } = refused;
        let Some(what) = What::of(fact) else { return true };
        let key = RefusalKey { realm, what, account, counter, product: product.cloned(), actor };
        let mut open = self.open();
        if open.counts.contains_key(&key) || open.has_room(what) {
            return open.count(key, fact, now);
        }
        let actor = Actor::Worker(WORKER.to_owned());
        let (what, account, counter, product) = (what.of_any(), None, None, None);
        open.count(RefusalKey { realm, what, account, counter, product, actor }, fact, now)
    }

    /// What was counted in periods that are over; all, when the program stops. A counter that counted nothing in its
    /// period is dropped.
    fn take(&self, now: Timestamp, all: bool) -> Vec<(RefusalKey, Count)> {
        let mut open = self.open();
        let is_due = |count: &Count| all || now.since(count.begun) >= PERIOD || now < count.begun;
        let due: Vec<RefusalKey> =
            open.counts.iter().filter(|(_, count)| is_due(count)).map(|(key, _)| key.clone()).collect();
        due.into_iter().filter_map(|key| open.end(key, now, all)).collect()
    }

    /// They could not be recorded: the next period includes them.
    fn give_back(&self, counts: Vec<(RefusalKey, Count)>) {
        let mut open = self.open();
        for (key, count) in counts {
            match open.counts.get_mut(&key) {
                Some(kept) => kept.refusals += count.refusals,
                None => open.insert(key, count),
            }
        }
    }

    fn open(&self) -> std::sync::MutexGuard<'_, OpenCounts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OpenCounts {
    const fn has_room(&self, what: What) -> bool {
        if what.is_of_strangers() { self.strangers < MAX_STRANGERS } else { self.owners < MAX_OWNERS }
    }

    /// Whether it is the first one.
    fn count(&mut self, key: RefusalKey, fact: &Fact, now: Timestamp) -> bool {
        if let Some(count) = self.counts.get_mut(&key) {
            count.refusals += 1;
            count.last = fact.clone();
            return false;
        }
        self.insert(key, Count { begun: now, refusals: 0, last: fact.clone() });
        true
    }

    fn insert(&mut self, key: RefusalKey, count: Count) {
        *self.places(key.what) += 1;
        self.counts.insert(key, count);
    }

    fn end(&mut self, key: RefusalKey, now: Timestamp, all: bool) -> Option<(RefusalKey, Count)> {
        let count = self.counts.get_mut(&key)?;
        let ended =
            Count { refusals: mem::take(&mut count.refusals), begun: count.begun, last: count.last.clone() };
        count.begun = now;
        if all || ended.refusals == 0 {
            self.counts.remove(&key);
            *self.places(key.what) -= 1;
        }
        (ended.refusals > 0).then_some((key, ended))
    }

    const fn places(&mut self, what: What) -> &mut usize {
        if what.is_of_strangers() { &mut self.strangers } else { &mut self.owners }
    }
}

impl App {
    /// Records how many refusals were counted in the minutes that are over; all, when the program stops. Must be called
    /// every second or so.
    pub async fn record_refusals(&self, all: bool) -> Result<(), Fault> {
        let now = self.inner.parts.clock.now();
        let mut due = self.inner.refusals.take(now, all);
        due.sort_by_key(|(key, _)| key.realm);
        let mut first_fault = Ok(());
        for of_realm in due.chunk_by(|one, next| one.0.realm == next.0.realm) {
            for some in of_realm.chunks(MAX_BATCH) {
                if let Err(fault) = self.record_counts(some).await {
                    self.inner.refusals.give_back(some.to_vec());
                    first_fault = first_fault.and(Err(fault));
                }
            }
        }
        first_fault
    }

    async fn record_counts(&self, counts: &[(RefusalKey, Count)]) -> Result<(), Fault> {
        let Some((RefusalKey { realm, .. }, _)) = counts.first() else { return Ok(()) };
        let parts = &self.inner.parts;
        parts
            .store
            .tx("refusals", *realm, async |tx| {
                for (key, count) in counts {
                    let at = parts.clock.now();
                    let event = Event {
                        id: Id::new(at, &*parts.entropy),
                        at,
                        actor: key.actor.clone(),
                        product: key.product.clone(),
                        account: key.account,
                        fact: count.last.clone().counted(count.refusals),
                        personal: None,
                    };
                    events::record(tx, event).await?;
                }
                Ok(())
            })
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_unix_micros(1_700_000_000_000_000);
    const SLOWED: Fact = Fact::SignInDenied { why: Denial::Slowed, count: 1 };

    fn id<T: tidegate_core::Kind>(number: u128) -> Id<T> {
        Id::from_uuid(Uuid::from_u128(number))
    }

    /// Whether the refusal of this unknown identifier was the first one of its counter.
    fn refuse(refusals: &Refusals, identifier: u128, now: Timestamp) -> bool {
        let (counter, actor) = (Some(Uuid::from_u128(identifier)), Actor::Credential(id(1)));
        let refused = Refused { realm: id(1), fact: &SLOWED, account: None, counter, product: None, actor };
        refusals.is_first(refused, now)
    }

    #[test]
    fn a_million_identifiers_are_a_bounded_number_of_events() {
        let (refusals, mut events) = (Refusals::default(), 0);
        for identifier in 0..1_000_000 {
            events += usize::from(refuse(&refusals, identifier, START));
        }
        assert_eq!(events, MAX_STRANGERS + 1);
        let counted = refusals.take(START.plus(PERIOD), false);
        let [(key, count)] = counted.as_slice() else { panic!("{}", counted.len()) };
        assert_eq!((key.counter, &key.actor), (None, &Actor::Worker(WORKER.to_owned())));
        assert_eq!(usize::try_from(count.refusals).unwrap() + events, 1_000_000);
        assert_eq!(refusals.open().counts.len(), 1, "those that counted nothing have left their places");
    }

    #[test]
    fn a_counter_that_goes_on_is_recorded_once_a_minute() {
        let refusals = Refusals::default();
        assert!(refuse(&refusals, 1, START));
        for minute in 1..10 {
            let now = START.plus(Span::minutes(minute));
            assert!(!refuse(&refusals, 1, now.minus(Span::seconds(1))));
            let counted = refusals.take(now, false);
            assert_eq!(counted.iter().map(|(_, count)| count.refusals).collect::<Vec<_>>(), [1]);
        }
        assert!(refusals.take(START.plus(Span::minutes(10)), false).is_empty());
        assert!(refuse(&refusals, 1, START.plus(Span::minutes(11))));
    }

    #[test]
    fn owners_have_places_that_strangers_cannot_take() {
        let refusals = Refusals::default();
        for identifier in 0..1_000 {
            refuse(&refusals, identifier, START);
        }
        let fact = Fact::PasswordChangeDenied { why: Denial::Slowed, count: 1 };
        let (account, actor) = (Some(id(7)), Actor::Credential(id(1)));
        let refused = Refused { realm: id(1), fact: &fact, account, counter: None, product: None, actor };
        assert!(refusals.is_first(refused, START));
        let counted = refusals.take(START, true);
        assert!(counted.iter().all(|(key, _)| key.account.is_none()), "it was recorded at once");
        let open = refusals.open();
        assert_eq!((open.strangers, open.owners), (0, 0));
    }

    /// An older program wrote facts without a count.
    #[test]
    fn a_fact_without_a_count_is_of_one_call() {
        let old = r#"{"kind":"sign_in_denied","data":{"why":"slowed"}}"#;
        let fact: Fact = serde_json::from_str(old).unwrap();
        assert_eq!((fact.count(), serde_json::to_string(&fact).unwrap().as_str()), (1, old));
        let many = fact.counted(8);
        let text = serde_json::to_string(&many).unwrap();
        assert_eq!(text, r#"{"kind":"sign_in_denied","data":{"why":"slowed","count":8}}"#);
        assert_eq!(serde_json::from_str::<Fact>(&text).unwrap(), many);
    }
}
