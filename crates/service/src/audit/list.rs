//! Lists events, newest first, with their personal fields opened.

use std::collections::HashMap;

use tidegate_core::{
    Account, AccountId, AccountRef, Event, EventId, Id, Permission, Personal, Recorded, Refusal,
};
use tidegate_store::{accounts, events};

use crate::{Desk, Error, Page, PageRequest, Query};

#[derive(Debug)]
pub struct ListEvents {
    pub account: Option<AccountRef>,
    pub page: PageRequest,
}

/// An event, and what its account's key opened; nothing when the account was erased.
#[derive(Debug)]
pub struct Told {
    pub event: Event<Recorded>,
    pub personal: Personal,
}

impl Query for ListEvents {
    const NAME: &'static str = "list_events";
    const PERMISSION: Permission = Permission::AuditRead;
    type Outcome = Page<Told>;

    async fn run(self, desk: &Desk) -> Result<Page<Told>, Error> {
        let mut view = desk.view();
        let account = match &self.account {
            Some(account) => {
                let found = accounts::find(&mut view, account).await?;
                Some(found.ok_or(Refusal::AccountNotFound)?.id)
            }
            None => None,
        };
        let filter = account.map_or_else(String::new, |id| id.to_string());
        let before: EventId = desk.opened(&self.page, &filter)?.parse().unwrap_or(Id::MOST);
        let found = events::newest(&mut view, before, account, self.page.limit()).await?;
        let page = desk.page(&self.page, &filter, found, |event| event.id.to_string())?;

        let named = page.items.iter().filter_map(|event| event.account).collect();
        let accounts = accounts::many(&mut view, named, Vec::new()).await?;
        let accounts: HashMap<_, _> = accounts.into_iter().map(|account| (account.id, account)).collect();
        let items = page.items.into_iter().map(|event| tell(desk, &accounts, event)).collect();
        Ok(Page { items, next: page.next })
    }
}

fn tell(desk: &Desk, accounts: &HashMap<AccountId, Account>, event: Event<Recorded>) -> Told {
    let opened = event.personal.as_ref().and_then(|sealed| {
        let account = accounts.get(&event.account?)?;
        let whose = (desk.caller.realm, account.id);
        desk.keyring().open_personal(&account.personal_key, whose, sealed).ok()
    });
    Told { event, personal: opened.unwrap_or_default() }
}
