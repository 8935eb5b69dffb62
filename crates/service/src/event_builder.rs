//! Builds events: what happened, where, to which account, and from which client.

use tidegate_core::{Account, AccountId, ClientContext, Event, Fact, Personal, ProductKey, Sealed};
use tidegate_keyring::PersonalContext;
use tidegate_store::{Tx, events};
use uuid::Uuid;

use crate::{CommandContext, Fault, cache::Invalidation, refusals::Refused};

/// The account that an event is about, and the key that seals its personal fields.
#[derive(Clone, Copy)]
pub(crate) struct EventSubject<'n> {
    pub(crate) id: AccountId,
    pub(crate) personal_key: &'n Sealed,
    pub(crate) email: Option<&'n str>,
}

impl<'n> From<&'n Account> for EventSubject<'n> {
    fn from(account: &'n Account) -> Self {
        let email = account.contact.as_ref().map(|contact| contact.email.as_typed());
        Self { id: account.id, personal_key: &account.personal_key, email }
    }
}

/// An event that is not recorded yet.
pub(crate) struct EventBuilder<'n> {
    cx: &'n CommandContext,
    fact: Fact,
    product: Option<&'n ProductKey>,
    account: Option<EventSubject<'n>>,
    client: Option<&'n ClientContext>,
    /// The counter of an unknown identifier that was refused.
    counter: Option<Uuid>,
}

impl<'n> EventBuilder<'n> {
    pub(crate) const fn new(cx: &'n CommandContext, fact: Fact) -> Self {
        Self { cx, fact, product: None, account: None, client: None, counter: None }
    }

    pub(crate) fn at(mut self, product: &'n ProductKey) -> Self {
        self.product = Some(product);
        self
    }

    pub(crate) fn of(mut self, account: impl Into<EventSubject<'n>>) -> Self {
        self.account = Some(account.into());
        self
    }

    /// The refusals of an unknown identifier are counted apart from those of others, as an account's are, so that they take
    /// the same time (INV-29).
    pub(crate) const fn by(mut self, counter: Uuid) -> Self {
        self.counter = Some(counter);
        self
    }

    pub(crate) fn from(mut self, client: &'n ClientContext) -> Self {
        self.client = Some(client);
        self
    }

    pub(crate) async fn record(self, tx: &mut Tx) -> Result<(), Fault> {
        Ok(events::record(tx, self.finish()).await?)
    }

    /// For a refusal that changes nothing, which the caller may repeat. Only the first one of a minute is recorded now: see
    /// `refusals`.
    pub(crate) async fn record_refusal(self, tx: &mut Tx) -> Result<(), Fault> {
        // One statement in both cases: how often others were refused must not be measured (INV-29).
        if self.is_first_refusal() { self.record(tx).await } else { Ok(events::record_none(tx).await?) }
    }

    /// The same in a transaction of its own.
    pub(crate) async fn refuse(self) -> Result<(), Fault> {
        let cx = self.cx;
        if self.is_first_refusal() { cx.tx(async |tx| self.record(tx).await).await } else { Ok(()) }
    }

    fn is_first_refusal(&self) -> bool {
        let (cx, fact, product) = (self.cx, &self.fact, self.product);
        let account = self.account.map(|account| account.id);
        let (counter, actor) = (self.counter, cx.actor());
        let refused = Refused { realm: cx.realm(), fact, account, counter, product, actor };
        cx.query().refusals().is_first(refused, cx.now())
    }

    /// For a statement that records the event together with the change.
    pub(crate) fn finish(self) -> Event {
        let (cx, id) = (self.cx, self.cx.new_id());
        // Without an account there is no key, so nothing personal is kept.
        let personal = self.account.and_then(|account| {
            let (whose, personal) = ((account.id, account.personal_key), self.personal(account.email));
            cx.query().seal_personal(whose, PersonalContext::Event(id), &personal)
        });
        cx.invalidations(Invalidation::of(cx.realm(), self.account.map(|account| account.id), &self.fact));
        Event {
            id,
            at: cx.now(),
            actor: cx.actor(),
            product: self.product.cloned(),
            account: self.account.map(|account| account.id),
            fact: self.fact,
            personal,
        }
    }

    fn personal(&self, email: Option<&str>) -> Personal {
        Personal {
            email: email.map(str::to_owned),
            ip: self.client.and_then(|client| client.ip),
            user_agent: self.client.and_then(|client| client.user_agent.clone()),
        }
    }
}
