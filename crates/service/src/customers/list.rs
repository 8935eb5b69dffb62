//! Lists the realm's customers.

use tidegate_core::{Customer, Permission};
use tidegate_store::customers;

use crate::{Error, Page, PageRequest, Query, QueryContext, Share};

#[derive(Debug)]
pub struct ListCustomers {
    pub page: PageRequest,
}

impl Query for ListCustomers {
    const NAME: &'static str = "list_customers";
    const PERMISSION: Permission = Permission::CustomersRead;
    const SHARE: Share = Share::Bulk;
    type Outcome = Page<Customer>;

    async fn run(self, cx: &QueryContext) -> Result<Page<Customer>, Error> {
        let after = cx.opened(&self.page, "")?;
        let found = customers::page(&mut cx.view(), &after, self.page.limit()).await?;
        Ok(cx.page(&self.page, "", found, |customer| customer.key.to_string())?)
    }
}
