//! Lists the realm's products.

use tidegate_core::{Permission, Product};
use tidegate_store::products;

use crate::{Desk, Error, Page, PageRequest, Query};

#[derive(Debug)]
pub struct ListProducts {
    pub page: PageRequest,
}

impl Query for ListProducts {
    const NAME: &'static str = "list_products";
    const PERMISSION: Permission = Permission::ProductsRead;
    type Outcome = Page<Product>;

    async fn run(self, desk: &Desk) -> Result<Page<Product>, Error> {
        let after = desk.opened(&self.page, "")?;
        let found = products::page(&mut desk.view(), &after, self.page.limit()).await?;
        Ok(desk.page(&self.page, "", found, |product| product.key.to_string())?)
    }
}
