//! Lists the realm's accounts.

use tidegate_core::{Account, AccountId, Country, Fact, Id, Permission};
use tidegate_store::accounts;

use super::{Disclosure, RecordRead};
use crate::{Error, Page, PageRequest, Query, QueryContext, Share};

#[derive(Debug, Clone)]
pub struct ListAccounts {
    pub country: Option<Country>,
    pub page: PageRequest,
}

impl Query for ListAccounts {
    const NAME: &'static str = "list_accounts";
    const PERMISSION: Permission = Permission::AccountsList;
    const SHARE: Share = Share::Bulk;
    type Outcome = Page<Account>;

    async fn run(self, cx: &QueryContext) -> Result<Page<Account>, Error> {
        let filter = self.country.as_ref().map_or_else(String::new, ToString::to_string);
        let after: AccountId = cx.opened(&self.page, &filter)?.parse().unwrap_or(Id::MIN);
        let found = accounts::page(&mut cx.view(), after, self.country, self.page.limit()).await?;
        Ok(cx.page(&self.page, &filter, found, |account| account.id.to_string())?)
    }
}

impl Disclosure for ListAccounts {
    fn recorded(&self, answer: &Page<Account>) -> RecordRead {
        let count = u64::try_from(answer.items.len()).unwrap_or(u64::MAX);
        RecordRead { fact: Fact::AccountsListed { country: self.country.clone(), count }, account: None }
    }
}
