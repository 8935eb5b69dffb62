//! An event as readers get it: with the personal fields that its account's key opens.

use std::collections::HashMap;

use tidegate_core::{Account, AccountId, Logged, Personal};
use tidegate_keyring::PersonalContext;
use tidegate_store::{View, accounts};

use crate::{Fault, QueryContext};

/// An event and its personal fields, which are empty when the account was erased.
#[derive(Debug)]
pub struct ReadableEvent {
    pub logged: Logged,
    pub personal: Personal,
}

impl QueryContext {
    pub(crate) async fn tell(
        &self,
        view: &mut View,
        logged: Vec<Logged>,
    ) -> Result<Vec<ReadableEvent>, Fault> {
        let mut named: Vec<_> = logged.iter().filter_map(|logged| logged.event.account).collect();
        named.sort();
        named.dedup();
        let accounts = accounts::many(view, named).await?;
        let accounts = accounts.into_iter().map(|account| (account.id, account)).collect();
        Ok(logged.into_iter().map(|logged| self.told(&accounts, logged)).collect())
    }

    fn told(&self, accounts: &HashMap<AccountId, Account>, logged: Logged) -> ReadableEvent {
        let opened = logged.event.personal.as_ref().and_then(|sealed| {
            let account = accounts.get(&logged.event.account?)?;
            let context = PersonalContext::Event(logged.event.id);
            self.open_personal((account.id, &account.personal_key), context, sealed)
        });
        ReadableEvent { logged, personal: opened.unwrap_or_default() }
    }
}
