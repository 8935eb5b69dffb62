//! Lists the realm's products.

use tidegate_core::{Permission, Product};
use tidegate_store::products;

use crate::{Error, Page, PageRequest, Query, QueryContext, Share};

#[derive(Debug)]
pub struct ListProducts {
    pub page: PageRequest,
}

impl Query for ListProducts {
    const NAME: &'static str = "list_products";
    const PERMISSION: Permission = Permission::ProductsRead;
    const SHARE: Share = Share::Bulk;
    type Outcome = Page<Product>;

    async fn run(self, cx: &QueryContext) -> Result<Page<Product>, Error> {
        let after = cx.opened(&self.page, "")?;
        let found = products::page(&mut cx.view(), &after, self.page.limit()).await?;
        Ok(cx.page(&self.page, "", found, |product| product.key.to_string())?)
    }
}
