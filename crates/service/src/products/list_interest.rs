//! Lists the accounts that asked for two-step at a product.

use tidegate_core::{AccountId, Id, Permission, ProductKey};
use tidegate_store::interest::{self, Interest};

use crate::{Error, Page, PageRequest, Query, QueryContext, Share};

#[derive(Debug)]
pub struct ListInterest {
    pub product: ProductKey,
    pub page: PageRequest,
}

#[derive(Debug)]
pub struct Interested {
    pub page: Page<Interest>,
    /// At the product, on all pages.
    pub total: i64,
}

impl Query for ListInterest {
    const NAME: &'static str = "list_interest";
    const PERMISSION: Permission = Permission::InterestRead;
    const SHARE: Share = Share::Bulk;
    type Outcome = Interested;

    async fn run(self, cx: &QueryContext) -> Result<Interested, Error> {
        let mut view = cx.view();
        let product = cx.product(&mut view, &self.product).await?.key;
        let filter = product.to_string();
        let after: AccountId = cx.opened(&self.page, &filter)?.parse().unwrap_or(Id::MIN);
        let found = interest::page(&mut view, &product, after, self.page.limit()).await?;
        let total = interest::count(&mut view, &product).await?;
        let page = cx.page(&self.page, &filter, found, |interest| interest.account.to_string())?;
        Ok(Interested { page, total })
    }
}
