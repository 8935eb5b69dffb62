//! What this replica remembers of the database, so that decisions need not wait for it.
//!
//! A hint, never a promise: it is believed only while this replica is the only one, or has just followed what
//! the others did. What is believed is dropped at once by a write of this replica, and by the next look at the
//! event log when another one wrote (`follow`). Nobody who cannot follow goes on believing: after a moment
//! everything is read again. A sign-in is never held to what is remembered.

mod concern;
mod epochs;
mod follow;
mod read;
mod recall;
mod snapshot;

use std::{
    marker::PhantomData,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

pub(crate) use concern::Concern;
use epochs::Epochs;
use follow::Followed;
use quick_cache::sync::Cache;
pub(crate) use read::name;
pub use recall::{ProductEntry, Recall};
use smallvec::SmallVec;
pub(crate) use snapshot::{ProductRollouts, Snapshot};
use tidegate_core::{Caller, CredentialId, RealmId, Rollout};
use tidegate_store::{credentials::Kept, standings::Known};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// No other replica writes to the database.
    Alone,
    /// For so long after each look at what the others did.
    Followed(Duration),
}

pub(crate) struct Memory {
    trust: Trust,
    born: Instant,
    /// Microseconds after `born`.
    believed_until: AtomicU64,
    followed: Followed,
    epochs: Epochs,
    credentials: Cache<CredentialId, Remembered<Credentialed>>,
    realms: Cache<RealmId, Remembered<Snapshot>>,
    /// By the names that callers use, `acct_…` or their own: a name never becomes another account's.
    standings: Cache<(RealmId, Name), Remembered<Known>>,
}

/// Something, and the epoch in which it was read.
struct Remembered<T> {
    epoch: u64,
    what: Arc<T>,
}

const CREDENTIALS: usize = 10_000;
const REALMS: usize = 1_000;

/// When something was read: to be taken before the look at the database.
#[derive(Clone, Copy)]
pub(crate) enum Ticket {
    /// For one thing: its epoch.
    Of(u64),
    /// For what cannot be told before it is read: of all drops.
    Any(u64),
}

impl Memory {
    pub(crate) fn new(trust: Trust, accounts: usize) -> Self {
        Self {
            trust,
            born: Instant::now(),
            believed_until: AtomicU64::new(0),
            followed: Followed::default(),
            epochs: Epochs::default(),
            credentials: Cache::new(CREDENTIALS),
            realms: Cache::new(REALMS),
            standings: Cache::new(accounts),
        }
    }

    /// What is remembered, if it may be used.
    pub(crate) fn believed(&self) -> Option<Believed<'_>> {
        let believed = match self.trust {
            Trust::Alone => true,
            Trust::Followed(_) => self.micros() < self.believed_until.load(Ordering::Acquire),
        };
        believed.then_some(Believed(self, PhantomData))
    }

    /// What was written before `looked` has been dropped.
    fn believe(&self, looked: u64) {
        if let Trust::Followed(span) = self.trust {
            let span = u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
            self.believed_until.store(looked.saturating_add(span), Ordering::Release);
        }
    }

    fn micros(&self) -> u64 {
        u64::try_from(self.born.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// What was remembered last, right or not: for who compares it with the database.
    pub(crate) fn last_of_realm(&self, id: RealmId) -> Option<Arc<Snapshot>> {
        self.realms.get(&id).map(|remembered| remembered.what)
    }

    pub(crate) fn ticket(&self, concern: Concern) -> Ticket {
        Ticket::Of(self.epochs.of(concern))
    }

    pub(crate) fn ticket_for_any(&self) -> Ticket {
        Ticket::Any(self.epochs.any())
    }

    pub(crate) fn keep_credential(&self, ticket: Ticket, known: Arc<Credentialed>) {
        let id = known.caller.credential;
        if let Some(epoch) = self.epoch(ticket, Concern::Credential(id)) {
            self.credentials.insert(id, Remembered { epoch, what: known });
        }
    }

    pub(crate) fn keep_realm(&self, ticket: Ticket, realm: RealmId, snapshot: Arc<Snapshot>) {
        if let Some(epoch) = self.epoch(ticket, Concern::Realm(realm)) {
            self.realms.insert(realm, Remembered { epoch, what: snapshot });
        }
    }

    pub(crate) fn keep_standing(&self, ticket: Ticket, realm: RealmId, name: &str, known: Arc<Known>) {
        if let Some(epoch) = self.epoch(ticket, Concern::Account(realm, known.standing.account)) {
            self.standings
                .insert((realm, Name::from_slice(name.as_bytes())), Remembered { epoch, what: known });
        }
    }

    /// The epoch in which it was read; `None` when that cannot be told.
    fn epoch(&self, ticket: Ticket, concern: Concern) -> Option<u64> {
        match ticket {
            Ticket::Of(epoch) => Some(epoch),
            Ticket::Any(any) => {
                let epoch = self.epochs.of(concern);
                (self.epochs.any() == any).then_some(epoch)
            }
        }
    }

    pub(crate) fn drop_what(&self, concern: Concern) {
        self.epochs.pass(concern);
    }
}

/// What is remembered at a moment in which it is believed. To be used at once: nothing can be waited for with
/// it at hand, because it cannot be sent.
#[derive(Clone, Copy)]
pub(crate) struct Believed<'m>(&'m Memory, PhantomData<*const ()>);

impl Believed<'_> {
    pub(crate) fn credential(self, id: CredentialId) -> Option<Arc<Credentialed>> {
        self.undropped(self.0.credentials.get(&id)?, |_| Concern::Credential(id))
    }

    pub(crate) fn realm(self, id: RealmId) -> Option<Arc<Snapshot>> {
        self.undropped(self.0.realms.get(&id)?, |_| Concern::Realm(id))
    }

    pub(crate) fn standing(self, realm: RealmId, name: &[u8]) -> Option<Arc<Known>> {
        let remembered = self.0.standings.get(&Named(realm, name))?;
        self.undropped(remembered, |known| Concern::Account(realm, known.standing.account))
    }

    fn undropped<T>(self, remembered: Remembered<T>, concern: impl FnOnce(&T) -> Concern) -> Option<Arc<T>> {
        let same = remembered.epoch == self.0.epochs.of(concern(&remembered.what));
        same.then_some(remembered.what)
    }
}

impl<T> Clone for Remembered<T> {
    fn clone(&self) -> Self {
        Self { epoch: self.epoch, what: self.what.clone() }
    }
}

/// A credential, and the caller that it makes in its own realm.
pub(crate) struct Credentialed {
    pub(crate) kept: Kept,
    pub(crate) caller: Arc<Caller>,
}

/// An account's name. It lies beside what it names, unless it is long: looking one up is looking at memory that
/// is not at hand.
type Name = SmallVec<[u8; 40]>;

/// A name in a realm, without a copy of it.
#[derive(Hash)]
struct Named<'n>(RealmId, &'n [u8]);

impl quick_cache::Equivalent<(RealmId, Name)> for Named<'_> {
    fn equivalent(&self, key: &(RealmId, Name)) -> bool {
        self.0 == key.0 && *self.1 == *key.1
    }
}

/// The rollouts of a snapshot, for who decides from them.
pub(crate) fn rollouts(all: &[Arc<Rollout>]) -> impl Iterator<Item = &Rollout> {
    all.iter().map(|rollout| &**rollout)
}

#[cfg(test)]
mod tests {
    use tidegate_core::{AccountState, Buckets, Id, Labels, Standing, Timestamp};
    use uuid::Uuid;

    use super::*;

    const REALM: RealmId = Id::from_uuid_bytes([1; 16]);

    fn known(number: u128) -> Arc<Known> {
        let standing = Standing {
            account: Id::from_uuid(Uuid::from_u128(number)),
            created_at: Timestamp::from_unix_micros(0),
            country: None,
            labels: Labels::default(),
            email_verified: true,
            customer: None,
            methods: Vec::new(),
            two_step_since: None,
            ledger: Vec::new(),
            interest: Vec::new(),
            buckets: Buckets::new(),
        };
        let external_id = Some(format!("u-{number}").parse().unwrap());
        Arc::new(Known { external_id, state: AccountState::Active, standing })
    }

    fn standing(memory: &Memory) -> Option<Arc<Known>> {
        memory.believed()?.standing(REALM, b"u-1")
    }

    fn of(known: &Known) -> Concern {
        Concern::Account(REALM, known.standing.account)
    }

    #[test]
    fn what_was_dropped_while_it_was_read_is_not_remembered() {
        let memory = Memory::new(Trust::Alone, 10);
        let one = known(1);
        for concern in [of(&one), Concern::AllAccounts, Concern::Everything] {
            for ticket in [memory.ticket(of(&one)), memory.ticket_for_any()] {
                memory.drop_what(concern);
                memory.keep_standing(ticket, REALM, "u-1", one.clone());
                assert!(standing(&memory).is_none(), "{concern:?}");
            }
        }
        memory.keep_standing(memory.ticket_for_any(), REALM, "u-1", one.clone());
        assert!(standing(&memory).is_some());
        memory.drop_what(of(&known(2)));
        assert!(standing(&memory).is_some(), "another's is no concern");
        memory.drop_what(of(&one));
        assert!(standing(&memory).is_none());
    }

    #[test]
    fn nothing_is_believed_that_is_not_followed() {
        let memory = Memory::new(Trust::Followed(Duration::from_hours(1)), 10);
        let one = known(1);
        memory.keep_standing(memory.ticket(of(&one)), REALM, "u-1", one.clone());
        assert!(standing(&memory).is_none());
        memory.believe(memory.micros());
        assert!(standing(&memory).is_some());
        let hasty = Memory::new(Trust::Followed(Duration::ZERO), 10);
        hasty.keep_standing(hasty.ticket(of(&one)), REALM, "u-1", one.clone());
        hasty.believe(hasty.micros());
        assert!(standing(&hasty).is_none());
    }
}
