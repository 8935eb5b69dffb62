//! Lists deliveries, the newest first.

use tidegate_core::{
    AccountId, AccountRef, Delivery, DeliveryId, DeliveryState, Permission, Refusal, Word as _,
};
use tidegate_store::{accounts, deliveries};

use crate::{Error, Page, PageRequest, Query, QueryContext, Share};

#[derive(Debug)]
pub struct ListDeliveries {
    /// `None`: of all accounts.
    pub account: Option<AccountRef>,
    /// `None`: in every state.
    pub state: Option<DeliveryState>,
    pub page: PageRequest,
}

impl Query for ListDeliveries {
    const NAME: &'static str = "list_deliveries";
    const PERMISSION: Permission = Permission::DeliveriesRead;
    const SHARE: Share = Share::Bulk;
    type Outcome = Page<Delivery>;

    async fn run(self, cx: &QueryContext) -> Result<Page<Delivery>, Error> {
        let mut view = cx.view();
        let account = match &self.account {
            None => None,
            Some(named) => Some(accounts::find(&mut view, named).await?.ok_or(Refusal::AccountNotFound)?.id),
        };
        let filter = filter(account, self.state);
        let before = match cx.opened(&self.page, &filter)?.as_str() {
            "" => DeliveryId::MAX,
            last => last.parse().map_err(|_| Refusal::PageTokenNotValid)?,
        };
        let found = deliveries::page(&mut view, before, (account, self.state), self.page.limit()).await?;
        Ok(cx.page(&self.page, &filter, found, |delivery| delivery.id.to_string())?)
    }
}

/// A page token continues the list of the same account and state only.
fn filter(account: Option<AccountId>, state: Option<DeliveryState>) -> String {
    let account = account.map(|account| account.to_string()).unwrap_or_default();
    format!("{account}/{}", state.map_or("", DeliveryState::as_str))
}
