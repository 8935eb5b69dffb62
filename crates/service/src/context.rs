//! What a use case works with. A query reads; a command also writes, and stores its outcome.

use std::sync::{Mutex, OnceLock, PoisonError};

use tidegate_core::{
    AccountId, Actor, Agent, Decision, Entropy, Fact, Id, Kind, Product, ProductKey, RealmId, Refusal,
    Sealed, Subject, Timestamp,
};
use tidegate_keyring::{Keyring, Passwords, Unreadable};
use tidegate_metrics::Metrics;
use tidegate_store::{Across, Executor, Share, Store, Tx, View, products};
use tokio::sync::OwnedSemaphorePermit;

use crate::{
    App, Error, Fault, Settings,
    acting::Acting,
    cache::{Invalidation, ReplicaCache},
    counts::Counts,
    event_builder::EventBuilder,
    idempotency::Idempotency,
    refusals::Refusals,
};

/// One use case in progress: the app, and the agent that runs it. All its reads are of one realm.
pub struct QueryContext {
    app: App,
    /// The name of the use case.
    pub name: &'static str,
    share: Share,
    agent: Agent,
    /// A value that needs a master key which this replica has not read yet.
    unknown_key: OnceLock<Unreadable>,
}

/// A command in progress: it reads like a query, and writes. It runs in a task of its own.
pub struct CommandContext {
    query: QueryContext,
    pub(crate) idempotency: Idempotency,
    /// The cached entries that this command's writes invalidate.
    invalidations: Mutex<Vec<Invalidation>>,
}

impl QueryContext {
    pub(crate) const fn new(app: App, (name, share): (&'static str, Share), agent: Agent) -> Self {
        Self { app, name, share, agent, unknown_key: OnceLock::new() }
    }

    pub fn agent(&self) -> &Agent {
        &self.agent
    }

    /// The realm that the work is about.
    pub fn realm(&self) -> RealmId {
        self.agent.realm()
    }

    pub fn now(&self) -> Timestamp {
        self.app.inner.parts.clock.now()
    }

    pub fn settings(&self) -> &Settings {
        &self.app.inner.parts.settings
    }

    pub fn keyring(&self) -> &Keyring {
        &self.app.inner.parts.keyring
    }

    /// Notes a value that needs a key which this replica does not have. What depends on it must not be decided (INV-45): the
    /// use case ends as unavailable, and changes nothing.
    pub(crate) fn noted<T>(&self, opened: Result<T, Unreadable>) -> Result<T, Unreadable> {
        opened.inspect_err(|unreadable| {
            if matches!(unreadable, Unreadable::UnknownKey(_)) {
                let _ = self.unknown_key.set(*unreadable);
            }
        })
    }

    /// An error when this replica does not have the key that the value needs.
    pub(crate) fn needs_key_of(&self, sealed: &Sealed) -> Result<(), Fault> {
        Ok(self.noted(self.keyring().has_key_of(sealed))?)
    }

    /// An error when a value was met that needs a key which this replica does not have.
    pub(crate) fn has_every_key(&self) -> Result<(), Fault> {
        self.unknown_key.get().map_or(Ok(()), |unreadable| Err(Fault::Sealed(*unreadable)))
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.app.inner.parts.metrics
    }

    pub(crate) fn refusals(&self) -> &Refusals {
        &self.app.inner.refusals
    }

    pub(crate) fn counts(&self) -> &Counts {
        &self.app.inner.counts
    }

    pub fn passwords(&self) -> &Passwords {
        &self.app.inner.parts.passwords
    }

    pub fn entropy(&self) -> &dyn Entropy {
        &*self.app.inner.parts.entropy
    }

    pub fn new_id<K: Kind>(&self) -> Id<K> {
        Id::new(self.now(), self.entropy())
    }

    pub fn view(&self) -> View {
        self.app.inner.parts.store.view(self.name, self.realm()).sharing(self.share)
    }

    /// Reads of the installation, which belong to no realm.
    pub(crate) fn across(&self) -> Across {
        self.app.inner.parts.store.across(self.name).sharing(self.share)
    }

    pub(crate) fn cache(&self) -> &ReplicaCache {
        &self.app.inner.cache
    }

    pub(crate) fn store(&self) -> &Store {
        &self.app.inner.parts.store
    }

    /// The permit to read every account. `None` while another use case holds it.
    pub(crate) fn scan_permit(&self) -> Option<OwnedSemaphorePermit> {
        self.app.inner.scans.clone().try_acquire_owned().ok()
    }

    /// The permit to watch a rollout. `None` while there are too many watchers.
    pub(crate) fn watch_permit(&self) -> Option<OwnedSemaphorePermit> {
        self.app.inner.watches.clone().try_acquire_owned().ok()
    }

    /// Refuses unless the caller's credential names all products.
    pub(crate) fn permit_products<'k>(
        &self,
        mut keys: impl Iterator<Item = &'k ProductKey>,
    ) -> Result<(), Refusal> {
        if keys.all(|key| self.agent.covers(key)) { Ok(()) } else { Err(Refusal::ProductNotPermitted) }
    }

    /// A product that the caller's credential names. Another product is refused before it is looked
    /// up.
    pub(crate) async fn product(&self, view: &mut View, key: &ProductKey) -> Result<Product, Error> {
        if !self.agent.covers(key) {
            return Err(Refusal::ProductNotPermitted.into());
        }
        Ok(products::find(view, key).await?.ok_or(Refusal::ProductNotFound)?)
    }
}

impl CommandContext {
    pub(crate) fn new(cx: QueryContext, request: Option<crate::Request>) -> Self {
        Self { query: cx, idempotency: Idempotency::new(request), invalidations: Mutex::default() }
    }

    /// The query context of this command, for code that queries use too.
    pub(crate) const fn query(&self) -> &QueryContext {
        &self.query
    }

    pub fn agent(&self) -> &Agent {
        self.query.agent()
    }

    pub fn realm(&self) -> RealmId {
        self.query.realm()
    }

    /// The name of the use case.
    pub fn name(&self) -> &'static str {
        self.query.name
    }

    pub fn now(&self) -> Timestamp {
        self.query.now()
    }

    pub fn keyring(&self) -> &Keyring {
        self.query.keyring()
    }

    pub fn passwords(&self) -> &Passwords {
        self.query.passwords()
    }

    pub fn entropy(&self) -> &dyn Entropy {
        self.query.entropy()
    }

    pub fn new_id<K: Kind>(&self) -> Id<K> {
        self.query.new_id()
    }

    pub fn view(&self) -> View {
        self.query.view()
    }

    pub(crate) fn permit_products<'k>(
        &self,
        keys: impl Iterator<Item = &'k ProductKey>,
    ) -> Result<(), Refusal> {
        self.query.permit_products(keys)
    }

    pub(crate) async fn product(&self, view: &mut View, key: &ProductKey) -> Result<Product, Error> {
        self.query.product(view, key).await
    }

    pub(crate) async fn acting(&self, subject: &Subject) -> Result<Acting, Error> {
        self.query.acting(subject).await
    }

    pub(crate) async fn acting_or_recovering(&self, subject: &Subject) -> Result<Acting, Error> {
        self.query.acting_or_recovering(subject).await
    }

    pub(crate) async fn decide(
        &self,
        view: &mut View,
        product: &Product,
        account: AccountId,
    ) -> Result<Decision, Fault> {
        self.query.decide(view, product, account).await
    }

    /// Runs one transaction in the caller's realm: `Ok` commits, a `Fault` rolls back. The cached
    /// entries that it changed are invalidated before any caller learns the result, whether or not
    /// the commit was confirmed.
    pub(crate) async fn tx<T>(
        &self,
        work: impl AsyncFnOnce(&mut Tx) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let store = self.query.store().sharing(self.query.share);
        let work = async |tx: &mut Tx| {
            let done = work(tx).await?;
            self.query.has_every_key()?;
            Ok(done)
        };
        let done = store.tx(self.query.name, self.realm(), work).await;
        self.apply_invalidations();
        done
    }

    /// Runs one statement in the caller's realm, as a transaction of its own.
    pub(crate) async fn autocommit<T>(
        &self,
        work: impl AsyncFnOnce(Executor<'_>) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        self.query.has_every_key()?;
        let store = self.query.store().sharing(self.query.share);
        let done = store.autocommit(self.query.name, self.realm(), work).await;
        self.apply_invalidations();
        done
    }

    fn apply_invalidations(&self) {
        let invalidations =
            std::mem::take(&mut *self.invalidations.lock().unwrap_or_else(PoisonError::into_inner));
        for invalidation in invalidations {
            self.query.cache().invalidate(invalidation);
        }
    }

    pub(crate) fn invalidations(&self, invalidation: Invalidation) {
        self.invalidations.lock().unwrap_or_else(PoisonError::into_inner).push(invalidation);
    }

    pub(crate) fn actor(&self) -> Actor {
        self.agent().actor()
    }

    /// An event with this fact. It must be recorded in the transaction that makes the fact true.
    pub(crate) fn event(&self, fact: Fact) -> EventBuilder<'_> {
        EventBuilder::new(self, fact)
    }
}
