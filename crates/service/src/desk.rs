//! What a use case works with. A `Desk` reads; a `Pen` also writes, and remembers.

use std::{
    ops::Deref,
    sync::{Arc, Mutex, PoisonError},
};

use tidegate_core::{
    Account, AccountId, Actor, Caller, ClientContext, Entropy, Event, Fact, Id, Kind, Personal, Product,
    ProductKey, Refusal, Sealed, Timestamp,
};
use tidegate_keyring::{Keyring, Passwords};
use tidegate_store::{Across, Leave, Store, Tx, View, events, products};
use tokio::sync::SemaphorePermit;

use crate::{
    App, Error, Fault, Settings,
    memory::{Concern, Memory},
    once::Once,
};

/// One call: the app, and who is asking. Everything it reaches is of the caller's realm.
pub struct Desk {
    app: App,
    /// The use case.
    pub name: &'static str,
    pub caller: Arc<Caller>,
}

/// A desk with leave to write. Only commands get one, and a command runs in its own task.
pub struct Pen {
    desk: Desk,
    pub(crate) once: Once,
    /// What this command makes wrong of what the app remembers.
    concerns: Mutex<Vec<Concern>>,
}

impl Deref for Pen {
    type Target = Desk;
    fn deref(&self) -> &Desk {
        &self.desk
    }
}

impl Desk {
    pub(crate) const fn new(app: App, name: &'static str, caller: Arc<Caller>) -> Self {
        Self { app, name, caller }
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
        self.app.inner.parts.store.view(self.name, self.caller.realm)
    }

    /// For what belongs to the installation and to no realm.
    pub(crate) fn across(&self) -> Across {
        self.app.inner.parts.store.across(self.name)
    }

    pub(crate) fn memory(&self) -> &Memory {
        &self.app.inner.memory
    }

    pub(crate) fn store(&self) -> &Store {
        &self.app.inner.parts.store
    }

    /// Leave to walk through every account; `None` while somebody else does.
    pub(crate) fn turn_to_scan(&self) -> Option<SemaphorePermit<'_>> {
        self.app.inner.scans.try_acquire().ok()
    }

    /// Whether the caller's credential names all of them.
    pub(crate) fn permit_products<'k>(
        &self,
        mut keys: impl Iterator<Item = &'k ProductKey>,
    ) -> Result<(), Refusal> {
        if keys.all(|key| self.caller.products.include(key)) {
            Ok(())
        } else {
            Err(Refusal::ProductNotPermitted)
        }
    }

    /// A product that the caller's credential names. What it does not name is refused before it is
    /// looked for.
    pub(crate) async fn product(&self, view: &mut View, key: &ProductKey) -> Result<Product, Error> {
        if !self.caller.products.include(key) {
            return Err(Refusal::ProductNotPermitted.into());
        }
        Ok(products::find(view, key).await?.ok_or(Refusal::ProductNotFound)?)
    }
}

impl Pen {
    pub(crate) fn new(desk: Desk, request: Option<crate::Request>) -> Self {
        Self { desk, once: Once::new(request), concerns: Mutex::default() }
    }

    /// One transaction in the caller's realm: `Ok` commits, a `Fault` rolls back. What it wrote is dropped
    /// from memory before anybody hears of it, whether or not the commit was confirmed.
    pub(crate) async fn tx<T>(
        &self,
        work: impl AsyncFnOnce(&mut Tx) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let done = self.store().tx(self.name, self.caller.realm, work).await;
        self.drop_concerns();
        done
    }

    /// One deed in the caller's realm, as a transaction of its own.
    pub(crate) async fn alone<T>(
        &self,
        work: impl AsyncFnOnce(Leave<'_>) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let done = self.store().alone(self.name, self.caller.realm, work).await;
        self.drop_concerns();
        done
    }

    fn drop_concerns(&self) {
        let concerns = std::mem::take(&mut *self.concerns.lock().unwrap_or_else(PoisonError::into_inner));
        for concern in concerns {
            self.memory().drop_what(concern);
        }
    }

    fn concerns(&self, concern: Concern) {
        self.concerns.lock().unwrap_or_else(PoisonError::into_inner).push(concern);
    }

    pub(crate) fn actor(&self) -> Actor {
        Actor::Credential(self.caller.credential)
    }

    /// What happened; to be recorded in the transaction that makes it true.
    pub(crate) fn event(&self, fact: Fact) -> Note<'_> {
        Note { pen: self, fact, product: None, account: None, client: None }
    }
}

/// Whom an event is about: what is kept of it, and the key that it is kept with.
#[derive(Clone, Copy)]
pub(crate) struct Whose<'n> {
    pub(crate) id: AccountId,
    pub(crate) personal_key: &'n Sealed,
    pub(crate) email: Option<&'n str>,
}

impl<'n> From<&'n Account> for Whose<'n> {
    fn from(account: &'n Account) -> Self {
        let email = account.contact.as_ref().map(|contact| contact.email.as_typed());
        Self { id: account.id, personal_key: &account.personal_key, email }
    }
}

/// An event in the making.
pub(crate) struct Note<'n> {
    pen: &'n Pen,
    fact: Fact,
    product: Option<&'n ProductKey>,
    account: Option<Whose<'n>>,
    client: Option<&'n ClientContext>,
}

impl<'n> Note<'n> {
    pub(crate) fn at(mut self, product: &'n ProductKey) -> Self {
        self.product = Some(product);
        self
    }

    pub(crate) fn of(mut self, account: impl Into<Whose<'n>>) -> Self {
        self.account = Some(account.into());
        self
    }

    pub(crate) fn from(mut self, client: &'n ClientContext) -> Self {
        self.client = Some(client);
        self
    }

    pub(crate) async fn record(self, tx: &mut Tx) -> Result<(), Fault> {
        Ok(events::record(tx, self.finish()?).await?)
    }

    /// For a deed that records it.
    pub(crate) fn finish(self) -> Result<Event, Fault> {
        let pen = self.pen;
        let personal = match self.account {
            Some(account) => Some(pen.keyring().seal_personal(
                account.personal_key,
                (pen.caller.realm, account.id),
                &self.personal(account.email),
                pen.entropy(),
            )?),
            // Without an account there is no key, so nothing personal is kept.
            None => None,
        };
        pen.concerns(Concern::of(pen.caller.realm, self.account.map(|account| account.id), &self.fact));
        Ok(Event {
            id: pen.new_id(),
            at: pen.now(),
            actor: pen.actor(),
            product: self.product.cloned(),
            account: self.account.map(|account| account.id),
            fact: self.fact,
            personal,
        })
    }

    fn personal(&self, email: Option<&str>) -> Personal {
        Personal {
            email: email.map(str::to_owned),
            ip: self.client.and_then(|client| client.ip),
            user_agent: self.client.and_then(|client| client.user_agent.clone()),
        }
    }
}
