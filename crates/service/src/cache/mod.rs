//! The replica's cache of the database: credentials, the products and rollouts of each realm, standings of accounts, and live
//! sessions.
//!
//! - Entries are used only while the cache is fresh: while this replica is the only one, or for a moment after it
//!   followed what other replicas wrote (`follow`). A replica that cannot follow reads everything from the database.
//! - A write of this replica invalidates its entries at once; a write of another replica when its event is found in
//!   the log. So staleness is bounded.
//! - Sign-ins never use it: what protects an account is decided from the database (INV-17).

mod decisions;
mod device_signals;
mod epochs;
mod follow;
mod invalidation;
mod read;
mod sessions;
mod snapshot;

use std::{
    marker::PhantomData,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

pub use decisions::{CachedDecisions, ProductEntry};
use device_signals::DeviceSignals;
use epochs::Epochs;
use follow::Followed;
pub(crate) use invalidation::Invalidation;
use quick_cache::sync::Cache;
pub(crate) use read::name;
pub use sessions::CachedIntrospection;
pub(crate) use sessions::CachedSession;
use smallvec::SmallVec;
pub(crate) use snapshot::{ProductRollouts, Snapshot};
use tidegate_core::{
    Caller, CallerProof, Credential, CredentialId, RealmId, Rollout, Timestamp, TokenDigest,
};
use tidegate_store::{credentials::CredentialRow, standings::Known};

use crate::access::Use;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// The cache is always fresh: no other replica writes to the database.
    SingleReplica,
    /// The cache is fresh for this long after the event log was read.
    Followed(Duration),
}

pub(crate) struct ReplicaCache {
    freshness: Freshness,
    born: Instant,
    /// Microseconds after `born`.
    fresh_until: AtomicU64,
    followed: Followed,
    epochs: Epochs,
    pub(crate) signals: DeviceSignals,
    credentials: Cache<CredentialId, Entry<CachedCredential>>,
    realms: Cache<RealmId, Entry<Snapshot>>,
    /// By the name that callers use, `acct_…` or the external id. A name never passes to another account.
    standings: Cache<(RealmId, Name), Entry<Known>>,
    /// Live sessions, by the digest of their token. How long a look-up by a digest takes tells nothing of the token (INV-24).
    sessions: Cache<(RealmId, [u8; 32]), Entry<CachedSession>>,
}

/// A cached value, and the epoch in which it was read.
struct Entry<T> {
    epoch: u64,
    what: Arc<T>,
}

const CREDENTIALS: usize = 10_000;
const REALMS: usize = 1_000;

/// The version of the cache at which a value was read. Must be taken before the database is read.
#[derive(Clone, Copy)]
pub(crate) enum CacheVersion {
    /// The epoch of the one entry that is read.
    Of(u64),
    /// The count of all invalidations, where the entry is not known before it is read.
    Any(u64),
}

impl ReplicaCache {
    pub(crate) fn new(freshness: Freshness, accounts: usize) -> Self {
        Self {
            freshness,
            born: Instant::now(),
            fresh_until: AtomicU64::new(0),
            followed: Followed::default(),
            epochs: Epochs::default(),
            signals: DeviceSignals::default(),
            credentials: Cache::new(CREDENTIALS),
            realms: Cache::new(REALMS),
            standings: Cache::new(accounts),
            sessions: Cache::new(accounts),
        }
    }

    /// The cache, if it is fresh.
    pub(crate) fn fresh(&self) -> Option<FreshCache<'_>> {
        let fresh = match self.freshness {
            Freshness::SingleReplica => true,
            Freshness::Followed(_) => self.micros() < self.fresh_until.load(Ordering::Acquire),
        };
        fresh.then_some(FreshCache(self, PhantomData))
    }

    /// How long ago what other replicas wrote was read. `None`: there are none.
    pub(crate) fn staleness(&self) -> Option<Duration> {
        let Freshness::Followed(span) = self.freshness else { return None };
        let looked = Duration::from_micros(self.fresh_until.load(Ordering::Acquire)).saturating_sub(span);
        Some(self.born.elapsed().saturating_sub(looked))
    }

    /// Everything that was written before `looked` has been invalidated.
    fn mark_fresh(&self, looked: u64) {
        if let Freshness::Followed(span) = self.freshness {
            let span = u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
            self.fresh_until.store(looked.saturating_add(span), Ordering::Release);
        }
    }

    fn micros(&self) -> u64 {
        u64::try_from(self.born.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// The snapshot that was read last, possibly stale. Only for callers that compare it with the database.
    pub(crate) fn last_of_realm(&self, id: RealmId) -> Option<Arc<Snapshot>> {
        self.realms.get(&id).map(|cached| cached.what)
    }

    pub(crate) fn version(&self, invalidation: Invalidation) -> CacheVersion {
        CacheVersion::Of(self.epochs.of(invalidation))
    }

    pub(crate) fn version_of_all(&self) -> CacheVersion {
        CacheVersion::Any(self.epochs.any())
    }

    pub(crate) fn insert_credential(&self, version: CacheVersion, known: Arc<CachedCredential>) {
        let id = known.kept.credential.id;
        if let Some(epoch) = self.epoch(version, Invalidation::Credential(id)) {
            self.credentials.insert(id, Entry { epoch, what: known });
        }
    }

    pub(crate) fn insert_realm(&self, version: CacheVersion, realm: RealmId, snapshot: Arc<Snapshot>) {
        if let Some(epoch) = self.epoch(version, Invalidation::Realm(realm)) {
            self.realms.insert(realm, Entry { epoch, what: snapshot });
        }
    }

    pub(crate) fn insert_standing(
        &self,
        version: CacheVersion,
        realm: RealmId,
        name: &str,
        known: Arc<Known>,
    ) {
        if let Some(epoch) = self.epoch(version, Invalidation::Account(realm, known.standing.account)) {
            self.standings.insert((realm, Name::from_slice(name.as_bytes())), Entry { epoch, what: known });
        }
    }

    pub(crate) fn insert_session(
        &self,
        version: CacheVersion,
        (realm, token): (RealmId, TokenDigest),
        known: CachedSession,
    ) {
        if let Some(epoch) = self.epoch(version, Invalidation::Session(known.session.id)) {
            self.sessions.insert((realm, token.0), Entry { epoch, what: Arc::new(known) });
        }
    }

    /// The epoch in which the value was read; `None` when something was invalidated meanwhile.
    fn epoch(&self, version: CacheVersion, invalidation: Invalidation) -> Option<u64> {
        match version {
            CacheVersion::Of(epoch) => Some(epoch),
            CacheVersion::Any(any) => {
                let epoch = self.epochs.of(invalidation);
                (self.epochs.any() == any).then_some(epoch)
            }
        }
    }

    pub(crate) fn invalidate(&self, invalidation: Invalidation) {
        match invalidation {
            Invalidation::Device(factor) => return self.signals.ring(factor),
            Invalidation::Everything => self.signals.ring_all(),
            _ => {}
        }
        self.epochs.pass(invalidation);
    }
}

/// The cache at a moment at which it is fresh. It must be used at once, so it is not `Send`: a task that holds it cannot
/// await anything.
#[derive(Clone, Copy)]
pub(crate) struct FreshCache<'m>(&'m ReplicaCache, PhantomData<*const ()>);

impl FreshCache<'_> {
    pub(crate) fn credential(self, id: CredentialId) -> Option<Arc<CachedCredential>> {
        self.undropped(self.0.credentials.get(&id)?, |_| Invalidation::Credential(id))
    }

    pub(crate) fn realm(self, id: RealmId) -> Option<Arc<Snapshot>> {
        self.undropped(self.0.realms.get(&id)?, |_| Invalidation::Realm(id))
    }

    pub(crate) fn standing(self, realm: RealmId, name: &[u8]) -> Option<Arc<Known>> {
        let cached = self.0.standings.get(&Named(realm, name))?;
        self.undropped(cached, |known| Invalidation::Account(realm, known.standing.account))
    }

    pub(crate) fn session(self, realm: RealmId, token: TokenDigest) -> Option<Arc<CachedSession>> {
        let cached = self.0.sessions.get(&(realm, token.0))?;
        self.undropped(cached, |known| Invalidation::Session(known.session.id))
    }

    fn undropped<T>(self, cached: Entry<T>, invalidation: impl FnOnce(&T) -> Invalidation) -> Option<Arc<T>> {
        let same = cached.epoch == self.0.epochs.of(invalidation(&cached.what));
        same.then_some(cached.what)
    }
}

impl<T> Clone for Entry<T> {
    fn clone(&self) -> Self {
        Self { epoch: self.epoch, what: self.what.clone() }
    }
}

/// A credential, and the callers that it stands for in its own realm: one for each proof.
pub(crate) struct CachedCredential {
    kept: CredentialRow,
    by_secret: Arc<Caller>,
    /// By the secret before the last rotation.
    by_previous: Option<Arc<Caller>>,
    by_connection: Arc<Caller>,
    used: Arc<Use>,
}

impl CachedCredential {
    pub(crate) fn new(kept: CredentialRow, used: Arc<Use>) -> Self {
        let caller = |proof| {
            let Credential { id, holder, issuers, realm, role, products, .. } = kept.credential.clone();
            Arc::new(Caller { credential: id, holder, issuers, proof, realm, role, products })
        };
        let by_secret = caller(CallerProof::Secret(kept.token));
        let by_previous = kept.previous.map(|previous| caller(CallerProof::Secret(previous)));
        let by_connection = caller(CallerProof::Connection);
        Self { kept, by_secret, by_previous, by_connection, used }
    }

    /// The caller, if the credential is good and the proof is one of it now. The end of an old secret needs no
    /// invalidation: the time is compared at each call.
    pub(crate) fn caller(&self, proof: &CallerProof, now: Timestamp) -> Option<Arc<Caller>> {
        let CredentialRow { credential, token, previous } = &self.kept;
        if !credential.is_live(now) {
            return None;
        }
        let overlaps = credential.previous_until.is_some_and(|until| now < until);
        let caller = match proof {
            CallerProof::Connection => Some(&self.by_connection),
            CallerProof::Secret(secret) if token.matches(secret) => Some(&self.by_secret),
            CallerProof::Secret(secret) if overlaps && previous.is_some_and(|old| old.matches(secret)) => {
                self.by_previous.as_ref()
            }
            CallerProof::Secret(_) => None,
        };
        let caller = caller?.clone();
        self.used.note(now);
        Some(caller)
    }
}

/// An account's name. Short names are stored in the key itself, which saves a cache miss of the processor at each
/// look-up.
type Name = SmallVec<[u8; 40]>;

/// A borrowed key: a name in a realm.
#[derive(Hash)]
struct Named<'n>(RealmId, &'n [u8]);

impl quick_cache::Equivalent<(RealmId, Name)> for Named<'_> {
    fn equivalent(&self, key: &(RealmId, Name)) -> bool {
        self.0 == key.0 && *self.1 == *key.1
    }
}

/// The rollouts of a snapshot, as a decision takes them.
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

    fn standing(cache: &ReplicaCache) -> Option<Arc<Known>> {
        cache.fresh()?.standing(REALM, b"u-1")
    }

    fn of(known: &Known) -> Invalidation {
        Invalidation::Account(REALM, known.standing.account)
    }

    #[test]
    fn what_was_invalidated_while_it_was_read_is_not_cached() {
        let cache = ReplicaCache::new(Freshness::SingleReplica, 10);
        let one = known(1);
        for invalidation in [of(&one), Invalidation::AllAccounts, Invalidation::Everything] {
            for version in [cache.version(of(&one)), cache.version_of_all()] {
                cache.invalidate(invalidation);
                cache.insert_standing(version, REALM, "u-1", one.clone());
                assert!(standing(&cache).is_none(), "{invalidation:?}");
            }
        }
        cache.insert_standing(cache.version_of_all(), REALM, "u-1", one.clone());
        assert!(standing(&cache).is_some());
        cache.invalidate(of(&known(2)));
        assert!(standing(&cache).is_some(), "another account's invalidation does not matter");
        cache.invalidate(of(&one));
        assert!(standing(&cache).is_none());
    }

    #[test]
    fn nothing_is_used_that_is_not_fresh() {
        let cache = ReplicaCache::new(Freshness::Followed(Duration::from_hours(1)), 10);
        let one = known(1);
        cache.insert_standing(cache.version(of(&one)), REALM, "u-1", one.clone());
        assert!(standing(&cache).is_none());
        cache.mark_fresh(cache.micros());
        assert!(standing(&cache).is_some());
        let hasty = ReplicaCache::new(Freshness::Followed(Duration::ZERO), 10);
        hasty.insert_standing(hasty.version(of(&one)), REALM, "u-1", one.clone());
        hasty.mark_fresh(hasty.micros());
        assert!(standing(&hasty).is_none());
    }
}
