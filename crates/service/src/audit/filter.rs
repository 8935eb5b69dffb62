//! Which events a reader wants, and may read: a credential that names products reads the events at those products only.
//! An event without a product is about the account or the realm, so such a credential does not read it.

use tidegate_core::{AccountRef, Actor, ProductKey, Products, Refusal, Timestamp};
use tidegate_store::{View, accounts, events::Which};

use crate::{Error, QueryContext};

/// Which events. All conditions must hold.
#[derive(Debug, Clone, Default)]
pub struct EventFilter {
    pub account: Option<AccountRef>,
    pub product: Option<ProductKey>,
    pub actor: Option<Actor>,
    /// Empty: of any kind.
    pub kinds: Vec<String>,
    /// At this time or later.
    pub from: Option<Timestamp>,
    /// Before this time.
    pub until: Option<Timestamp>,
}

/// Kinds of one filter at most: a page token is bound to the filter.
pub const MAX_KINDS: usize = 16;

impl EventFilter {
    pub(super) async fn which(&self, cx: &QueryContext, view: &mut View) -> Result<Which, Error> {
        cx.permit_products(self.product.iter())?;
        let products = match cx.agent().products() {
            Products::All => None,
            Products::Only(named) => Some(named.iter().map(ToString::to_string).collect()),
        };
        let account = match &self.account {
            Some(account) => Some(accounts::find(view, account).await?.ok_or(Refusal::AccountNotFound)?.id),
            None => None,
        };
        let any = Which::any();
        let mut kinds = self.kinds.clone();
        kinds.sort();
        kinds.dedup();
        Ok(Which {
            account,
            product: self.product.clone(),
            products,
            actor: self.actor.clone(),
            kinds,
            from: self.from.unwrap_or(any.from),
            until: self.until.unwrap_or(any.until),
        })
    }
}

/// The filter as text, to bind page tokens to it: equal filters have equal texts.
pub(super) fn text(which: &Which) -> String {
    let Which { account, product, products, actor, kinds, from, until } = which;
    let or = |text: Option<String>| text.unwrap_or_default();
    let (account, actor) = (account.map(|id| id.to_string()), actor.as_ref().map(ToString::to_string));
    let product = product.as_ref().map(ToString::to_string);
    let (from, until) = (from.unix_micros(), until.unix_micros());
    let products = products.as_ref().map(|products| products.join(","));
    let (kinds, from, until) = (kinds.join(","), from.to_string(), until.to_string());
    [or(account), or(product), or(products), or(actor), kinds, from, until].join(" ")
}
