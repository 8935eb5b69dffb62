//! Seals what is stored with the active master key, after keys rotated (INV-45).
//!
//! ```text
//!   the file of keys has a new first key ──► recorded as active ──► every value is sealed again ──► recorded as rewrapped
//! ```
//!
//! A server does it in the background, or the command where no server holds the database. Values are read by the order of their
//! ids, and each page is one transaction that replaces what it read by compare-and-set: a value that was changed meanwhile
//! stays as it is now. So the program may end anywhere: every value opens with a key of the file, and the next run finds what
//! is left. A lease keeps two programs from doing the same work; nothing depends on it.
//!
//! A key that was active once never becomes active again: a server that still has the old file must not turn the others back.

use std::sync::Arc;

use tidegate_core::{
    Actor, Clock, Entropy, Event, Fact, HolderId, Id, KeyId, RealmId, Sealed, Sequence, Span, Timestamp,
    Title,
};
use tidegate_keyring::{Keyring, SealContext, Unreadable, sealed_with};
use tidegate_store::{
    Store, Tx, chain, events,
    installation::{self, Installation},
    leases::{self, LeaseClaim},
    master_keys::{self, ActiveKey, KeyHolder},
    realms,
    rewraps::{self, KeyUse, KeyedValues, SealedColumn, SealedPlace, SealedRow},
};

use super::restored::SEEN;
use crate::Fault;

/// Seals values again, for one program.
pub struct Rewrapper {
    store: Store,
    keyring: Arc<Keyring>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    holder: HolderId,
    /// Pages of one run; for tests, which end the program between two of them.
    max_pages: usize,
}

/// What a run came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rewrapped {
    /// Everything was sealed with the active key before.
    Before,
    /// Everything is, from now on: so many values were sealed again, and so many do not open with any key.
    Now { values: u64, unreadable: u64 },
    /// Another program does it.
    Elsewhere,
    /// The file of keys is an old one: another program has made a newer key active.
    Behind(KeyId),
    /// The run was told to do no more.
    Stopped,
}

/// Rows of one transaction.
const PAGE_SIZE: i64 = 200;
const REALMS: i64 = 100;
/// How long others wait for a program that is stuck.
const LEASE: Span = Span::minutes(1);
const WORKER: &str = "keys";

impl Rewrapper {
    pub fn new(
        store: Store,
        keyring: Arc<Keyring>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        let holder = Id::new(clock.now(), &*entropy);
        Self { store, keyring, clock, entropy, holder, max_pages: usize::MAX }
    }

    /// The same, which stops after so many pages.
    #[must_use]
    pub fn at_most(self, max_pages: usize) -> Self {
        Self { max_pages, ..self }
    }

    /// Tells the others that this program runs, and which keys it has. To be called again within half a minute.
    pub async fn hold(&self) -> Result<(), Fault> {
        let Some(found) = self.installation().await? else { return Ok(()) };
        let (active, known) = (self.keyring.active(), self.keyring.known());
        let holder = KeyHolder { holder: self.holder, active, known, seen_at: self.clock.now() };
        self.tx(found.first_realm, async |tx| Ok(master_keys::hold(tx, &holder).await?)).await
    }

    /// This program stops.
    pub async fn leave(&self) -> Result<(), Fault> {
        let Some(found) = self.installation().await? else { return Ok(()) };
        let before = self.clock.now().minus(SEEN);
        self.tx(found.first_realm, async |tx| Ok(master_keys::leave(tx, self.holder, before).await?)).await
    }

    /// The programs that run.
    pub async fn holders(&self) -> Result<Vec<KeyHolder>, Fault> {
        let Some(found) = self.installation().await? else { return Ok(Vec::new()) };
        let mut view = self.store.view(WORKER, found.first_realm);
        Ok(master_keys::holders(&mut view, self.clock.now().minus(SEEN)).await?)
    }

    /// Which keys the values of all realms need. Reads whole tables.
    pub async fn count(&self) -> Result<Vec<KeyedValues>, Fault> {
        let (mut all, mut last): (Vec<KeyedValues>, _) = (Vec::new(), String::new());
        loop {
            let page = realms::page(&mut self.store.across(WORKER), &last, REALMS).await?;
            let Some(end) = page.last() else { break };
            last = end.key.to_string();
            for realm in &page {
                for one in rewraps::count(&mut self.store.view(WORKER, realm.id)).await? {
                    let same = |known: &&mut KeyedValues| known.column == one.column && known.key == one.key;
                    match all.iter_mut().find(same) {
                        Some(known) => known.count += one.count,
                        None => all.push(one),
                    }
                }
            }
        }
        let check = self.installation().await?.and_then(|found| sealed_with(&found.key_check));
        all.extend(check.map(|key| KeyedValues {
            column: "installation.key_check",
            kind: KeyUse::Rewrapped,
            key,
            count: 1,
        }));
        Ok(all)
    }

    /// Records that a key was dropped from the file.
    pub async fn record_dropped(
        &self,
        key: KeyId,
        digests: bool,
        (by, reason): (Title, Title),
    ) -> Result<(), Fault> {
        let Some(found) = self.installation().await? else { return Ok(()) };
        let fact = Fact::MasterKeyDropped { key: key.to_string(), digests, by, reason };
        self.tx(found.first_realm, async |tx| self.record(tx, fact).await).await
    }

    /// Seals everything with the active key, if that was not done yet. `progress` is told how many values were sealed again.
    pub async fn run(&self, progress: impl FnMut(u64) + Send) -> Result<Rewrapped, Fault> {
        self.run_if(false, progress).await
    }

    /// The same, also if it was done: a server may have sealed with the former key since.
    pub async fn run_again(&self, progress: impl FnMut(u64) + Send) -> Result<Rewrapped, Fault> {
        self.run_if(true, progress).await
    }

    async fn run_if(&self, again: bool, mut progress: impl FnMut(u64) + Send) -> Result<Rewrapped, Fault> {
        let Some(found) = self.installation().await? else { return Ok(Rewrapped::Before) };
        let (active, first) = (self.keyring.active(), found.first_realm);
        let mut view = self.store.view(WORKER, first);
        let newest = master_keys::newest(&mut view).await?;
        let known = master_keys::find(&mut view, active).await?;
        match (newest, known) {
            (Some(newest), Some(_)) if newest.id != active => return Ok(Rewrapped::Behind(newest.id)),
            (_, Some(known)) if known.rewrapped_at.is_some() && !again => return Ok(Rewrapped::Before),
            (_, Some(_)) => {}
            (newest, None) => self.activate(first, newest).await?,
        }
        if !self.claim(first, LEASE).await? {
            return Ok(Rewrapped::Elsewhere);
        }
        let (pages_left, progress) = (self.max_pages, &mut progress);
        let mut run = Run { first, pages_left, values: 0, unreadable: 0, progress };
        let done = self.rewrap_all(&found, &mut run).await;
        let Run { values, unreadable, .. } = run;
        // The next program need not wait.
        self.claim(first, Span::ZERO).await?;
        if !done? {
            return Ok(Rewrapped::Stopped);
        }
        self.record_end(first, active).await?;
        Ok(Rewrapped::Now { values, unreadable })
    }

    /// Records that the key is active, once.
    async fn activate(&self, first: RealmId, former: Option<ActiveKey>) -> Result<(), Fault> {
        let (key, now) = (self.keyring.active(), self.clock.now());
        // The order of times is the order of keys.
        let now = former.map_or(now, |former| now.max(former.since.plus(Span::from_micros(1))));
        let rotation = self.keyring.rotation();
        self.tx(first, async |tx| {
            // The first key of an installation took no key's place.
            if master_keys::activate(tx, key, now).await?
                && let Some(former) = former
            {
                let (by, reason) = rotation.map(|rotation| (rotation.by, rotation.reason)).unzip();
                let (key, former) = (key.to_string(), former.id.to_string());
                self.record(tx, Fact::MasterKeyRotated { key, former, by, reason }).await?;
            }
            Ok(())
        })
        .await
    }

    async fn record_end(&self, first: RealmId, key: KeyId) -> Result<(), Fault> {
        self.tx(first, async |tx| {
            let was = master_keys::find(tx, key).await?;
            // The first key of an installation seals everything anyway.
            if was.is_some_and(|was| was.rewrapped_at.is_none())
                && master_keys::newest(tx).await?.is_some_and(|newest| newest.id == key)
                && master_keys::former(tx, key).await?.is_some()
            {
                self.record(tx, Fact::MasterKeyRewrapped { key: key.to_string() }).await?;
            }
            Ok(master_keys::rewrapped(tx, key, self.clock.now()).await?)
        })
        .await
    }

    /// `false`: it was told to stop.
    async fn rewrap_all(&self, found: &Installation, run: &mut Run<'_>) -> Result<bool, Fault> {
        self.rewrap_check(found, run).await?;
        let mut last = String::new();
        loop {
            let page = realms::page(&mut self.store.across(WORKER), &last, REALMS).await?;
            let Some(end) = page.last() else { return Ok(true) };
            last = end.key.to_string();
            for realm in &page {
                if !self.reseal(realm.id, run).await? {
                    return Ok(false);
                }
                for column in SealedColumn::ALL {
                    if !self.rewrap_column(realm.id, *column, run).await? {
                        return Ok(false);
                    }
                }
            }
        }
    }

    async fn rewrap_check(&self, found: &Installation, run: &mut Run<'_>) -> Result<(), Fault> {
        let old = &found.key_check;
        let rewrapped = self.keyring.rewrap(&SealContext::KeyCheck, old, &*self.entropy);
        if let Some(new) = run.judge(rewrapped) {
            let set = async |tx: &mut Tx| Ok(installation::set_key_check(tx, old, new).await?);
            run.count(u64::from(self.tx(found.first_realm, set).await?));
        }
        Ok(())
    }

    async fn rewrap_column(
        &self,
        realm: RealmId,
        column: SealedColumn,
        run: &mut Run<'_>,
    ) -> Result<bool, Fault> {
        let mut after = SealedPlace::START;
        loop {
            let header = self.keyring.header();
            let mut view = self.store.view(WORKER, realm);
            let page = column.page(&mut view, after, header, PAGE_SIZE).await?;
            let Some(last) = page.last() else { return Ok(true) };
            after = last.place();
            let mut new = Vec::new();
            for row in &page {
                let Some(old) = row.sealed.as_ref().filter(|sealed| !sealed.0.is_empty()) else { continue };
                let rewrapped = self.keyring.rewrap(&context(realm, column, row), old, &*self.entropy);
                if let Some(sealed) = run.judge(rewrapped) {
                    new.push((row, old, sealed));
                }
            }
            if new.is_empty() {
                continue;
            }
            if !self.go_on(run).await? {
                return Ok(false);
            }
            let replaced = self.tx(realm, async |tx| {
                let mut replaced = 0;
                for (row, old, sealed) in new {
                    replaced += u64::from(column.replace(tx, row, old, sealed).await?);
                }
                Ok(replaced)
            });
            run.count(replaced.await?);
        }
    }

    /// The seals of the record's batches: their digests are stored, so that they can be sealed again.
    async fn reseal(&self, realm: RealmId, run: &mut Run<'_>) -> Result<bool, Fault> {
        let mut from = Sequence::START;
        loop {
            let mut view = self.store.view(WORKER, realm);
            let page = chain::from(&mut view, from, PAGE_SIZE).await?;
            let Some(last) = page.last() else { break };
            from = last.last.next();
            let mut new = Vec::new();
            for batch in &page {
                if let Some(seal) = self.keyring.reseal_batch(realm, batch)? {
                    new.push((batch, seal));
                }
            }
            if new.is_empty() {
                continue;
            }
            if !self.go_on(run).await? {
                return Ok(false);
            }
            let resealed = self.tx(realm, async |tx| {
                let mut resealed = 0;
                for (batch, seal) in new {
                    resealed += u64::from(chain::reseal(tx, batch, seal).await?);
                }
                Ok(resealed)
            });
            run.count(resealed.await?);
        }
        if let Some(cut) = chain::cut(&mut self.store.view(WORKER, realm)).await?
            && let Some(seal) = self.keyring.reseal_cut(realm, &cut)?
        {
            let resealed = async |tx: &mut Tx| Ok(chain::reseal_cut(tx, &cut, seal).await?);
            run.count(u64::from(self.tx(realm, resealed).await?));
        }
        Ok(true)
    }

    /// Renews the lease, if a page may still be done.
    async fn go_on(&self, run: &mut Run<'_>) -> Result<bool, Fault> {
        let Some(left) = run.pages_left.checked_sub(1) else { return Ok(false) };
        run.pages_left = left;
        self.claim(run.first, LEASE).await
    }

    async fn claim(&self, first: RealmId, lease: Span) -> Result<bool, Fault> {
        let now = self.clock.now();
        let claim = LeaseClaim { name: WORKER, holder: self.holder, until: now.plus(lease) };
        self.tx(first, async |tx| Ok(leases::claim(tx, claim, now).await?)).await
    }

    async fn installation(&self) -> Result<Option<Installation>, Fault> {
        Ok(installation::find(&mut self.store.across(WORKER)).await?)
    }

    async fn tx<T>(
        &self,
        realm: RealmId,
        work: impl AsyncFnOnce(&mut Tx) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        self.store.tx(WORKER, realm, work).await
    }

    async fn record(&self, tx: &mut Tx, fact: Fact) -> Result<(), Fault> {
        let (at, actor): (Timestamp, _) = (self.clock.now(), Actor::Worker(WORKER.to_owned()));
        let id = Id::new(at, &*self.entropy);
        let event = Event { id, at, actor, product: None, account: None, fact, personal: None };
        Ok(events::record(tx, event).await?)
    }
}

/// One run.
struct Run<'p> {
    first: RealmId,
    pages_left: usize,
    values: u64,
    unreadable: u64,
    progress: &'p mut (dyn FnMut(u64) + Send),
}

impl Run<'_> {
    fn count(&mut self, values: u64) {
        if values > 0 {
            self.values += values;
            (self.progress)(self.values);
        }
    }

    /// The new value, if there is one. What does not open stays as it is: it is unavailable, never absent.
    fn judge(&mut self, rewrapped: Result<Option<Sealed>, Unreadable>) -> Option<Sealed> {
        rewrapped.unwrap_or_else(|_| {
            self.unreadable += 1;
            None
        })
    }
}

fn context(realm: RealmId, column: SealedColumn, row: &SealedRow) -> SealContext {
    let SealedRow { account, factor, .. } = *row;
    match column {
        SealedColumn::PersonalKey => SealContext::PersonalKey { realm, account },
        SealedColumn::EnrollmentMaterial | SealedColumn::FactorMaterial => {
            SealContext::FactorMaterial { realm, account, factor }
        }
        SealedColumn::ChallengeMaterial => {
            SealContext::ChallengeMaterial { realm, account, challenge: row.id() }
        }
        SealedColumn::DeliveryPayload => SealContext::Delivery { realm, delivery: row.id() },
        SealedColumn::RecoveryMaterial => SealContext::Recovery { realm, recovery: row.id() },
        SealedColumn::SigningKey => SealContext::SigningKey { realm, key: row.id() },
    }
}
