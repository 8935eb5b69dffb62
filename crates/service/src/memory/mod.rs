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
mod snapshot;

use std::{
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
pub(crate) use snapshot::{At, Snapshot};
use tidegate_core::{AccountId, Caller, CredentialId, ExternalId, RealmId, Rollout};
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
    credentials: Cache<CredentialId, Arc<Credentialed>>,
    realms: Cache<RealmId, Arc<Snapshot>>,
    standings: Cache<(RealmId, AccountId), Arc<Known>>,
    /// An account's own name never becomes another's.
    names: Cache<(RealmId, ExternalId), AccountId>,
}

const CREDENTIALS: usize = 10_000;
const REALMS: usize = 1_000;

/// Leave to remember what is read from now on, unless it is dropped meanwhile.
#[derive(Clone, Copy)]
pub(crate) enum Ticket {
    /// For one thing.
    Of(u64),
    /// For what cannot be told before it is read.
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
            names: Cache::new(accounts),
        }
    }

    /// Whether what is remembered may be used.
    fn is_believed(&self) -> bool {
        match self.trust {
            Trust::Alone => true,
            Trust::Followed(_) => self.micros() < self.believed_until.load(Ordering::Acquire),
        }
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

    pub(crate) fn credential(&self, id: CredentialId) -> Option<Arc<Credentialed>> {
        if self.is_believed() { self.credentials.get(&id) } else { None }
    }

    pub(crate) fn realm(&self, id: RealmId) -> Option<Arc<Snapshot>> {
        if self.is_believed() { self.realms.get(&id) } else { None }
    }

    /// What was remembered last, right or not: for who compares it with the database.
    pub(crate) fn last_of_realm(&self, id: RealmId) -> Option<Arc<Snapshot>> {
        self.realms.get(&id)
    }

    pub(crate) fn standing(&self, realm: RealmId, account: AccountId) -> Option<Arc<Known>> {
        if self.is_believed() { self.standings.get(&(realm, account)) } else { None }
    }

    pub(crate) fn named(&self, realm: RealmId, name: &ExternalId) -> Option<Arc<Known>> {
        if !self.is_believed() {
            return None;
        }
        let account = self.names.get(&Named(realm, name))?;
        self.standings.get(&(realm, account))
    }

    pub(crate) fn ticket(&self, concern: Concern) -> Ticket {
        Ticket::Of(self.epochs.of(concern))
    }

    pub(crate) fn ticket_for_any(&self) -> Ticket {
        Ticket::Any(self.epochs.any())
    }

    pub(crate) fn keep_credential(&self, ticket: Ticket, kept: Arc<Credentialed>) {
        let id = kept.caller.credential;
        let concern = Concern::Credential(id);
        self.keep(
            ticket,
            concern,
            || self.credentials.insert(id, kept),
            || drop(self.credentials.remove(&id)),
        );
    }

    pub(crate) fn keep_realm(&self, ticket: Ticket, realm: RealmId, snapshot: Arc<Snapshot>) {
        let concern = Concern::Realm(realm);
        self.keep(
            ticket,
            concern,
            || self.realms.insert(realm, snapshot),
            || drop(self.realms.remove(&realm)),
        );
    }

    pub(crate) fn keep_standing(&self, ticket: Ticket, realm: RealmId, known: Arc<Known>) {
        let account = known.standing.account;
        if let Some(name) = &known.external_id {
            self.names.insert((realm, name.clone()), account);
        }
        let (key, concern) = ((realm, account), Concern::Account(realm, account));
        self.keep(
            ticket,
            concern,
            || self.standings.insert(key, known),
            || drop(self.standings.remove(&key)),
        );
    }

    /// What was dropped between the look at the database and now must not come back.
    fn keep(&self, ticket: Ticket, concern: Concern, insert: impl FnOnce(), remove: impl FnOnce()) {
        let unchanged = || match ticket {
            Ticket::Of(epoch) => self.epochs.of(concern) == epoch,
            Ticket::Any(epoch) => self.epochs.any() == epoch,
        };
        if unchanged() {
            insert();
            if !unchanged() {
                remove();
            }
        }
    }

    pub(crate) fn drop_what(&self, concern: Concern) {
        self.epochs.pass(concern);
        match concern {
            Concern::Nothing => {}
            Concern::Credential(id) => drop(self.credentials.remove(&id)),
            Concern::Realm(id) => drop(self.realms.remove(&id)),
            Concern::Account(realm, account) => drop(self.standings.remove(&(realm, account))),
            // Rare: a customer was changed, or a newer version wrote something that this one does not know.
            Concern::AllAccounts => self.standings.clear(),
            Concern::Everything => {
                self.credentials.clear();
                self.realms.clear();
                self.standings.clear();
            }
        }
    }
}

/// A credential, and the caller that it makes in its own realm.
pub(crate) struct Credentialed {
    pub(crate) kept: Kept,
    pub(crate) caller: Arc<Caller>,
}

/// A name in a realm, without a copy of it.
#[derive(Hash)]
struct Named<'n>(RealmId, &'n ExternalId);

impl quick_cache::Equivalent<(RealmId, ExternalId)> for Named<'_> {
    fn equivalent(&self, key: &(RealmId, ExternalId)) -> bool {
        self.0 == key.0 && *self.1 == key.1
    }
}

/// The rollouts of a snapshot, for who decides from them.
pub(crate) fn rollouts(all: &[Arc<Rollout>]) -> impl Iterator<Item = &Rollout> {
    all.iter().map(|rollout| &**rollout)
}

#[cfg(test)]
mod tests {
    use tidegate_core::{AccountState, Id, Labels, Standing, Timestamp};
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
            buckets: Vec::new(),
        };
        let external_id = Some(format!("u-{number}").parse().unwrap());
        Arc::new(Known { external_id, state: AccountState::Active, standing })
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
                memory.keep_standing(ticket, REALM, one.clone());
                assert!(memory.standing(REALM, one.standing.account).is_none(), "{concern:?}");
            }
        }
        memory.keep_standing(memory.ticket(of(&one)), REALM, one.clone());
        assert!(memory.named(REALM, one.external_id.as_ref().unwrap()).is_some());
        memory.drop_what(of(&known(2)));
        assert!(memory.standing(REALM, one.standing.account).is_some(), "another's is no concern");
    }

    #[test]
    fn nothing_is_believed_that_is_not_followed() {
        let memory = Memory::new(Trust::Followed(Duration::from_hours(1)), 10);
        let one = known(1);
        memory.keep_standing(memory.ticket(of(&one)), REALM, one.clone());
        assert!(memory.standing(REALM, one.standing.account).is_none());
        memory.believe(memory.micros());
        assert!(memory.standing(REALM, one.standing.account).is_some());
        let hasty = Memory::new(Trust::Followed(Duration::ZERO), 10);
        hasty.keep_standing(hasty.ticket(of(&one)), REALM, one.clone());
        hasty.believe(hasty.micros());
        assert!(hasty.standing(REALM, one.standing.account).is_none());
    }
}
