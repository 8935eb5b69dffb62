//! Lists the realm's customers.

use tidegate_core::{Customer, Permission};
use tidegate_store::customers;

use crate::{Desk, Error, Page, PageRequest, Query};

#[derive(Debug)]
pub struct ListCustomers {
    pub page: PageRequest,
}

impl Query for ListCustomers {
    const NAME: &'static str = "list_customers";
    const PERMISSION: Permission = Permission::CustomersRead;
    type Outcome = Page<Customer>;

    async fn run(self, desk: &Desk) -> Result<Page<Customer>, Error> {
        let after = desk.opened(&self.page, "")?;
        let found = customers::page(&mut desk.view(), &after, self.page.limit()).await?;
        Ok(desk.page(&self.page, "", found, |customer| customer.key.to_string())?)
    }
}
