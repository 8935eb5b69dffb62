//! Reads one product.

use tidegate_core::{Permission, Product, ProductKey, Refusal};
use tidegate_store::products;

use crate::{Error, Query, QueryContext};

#[derive(Debug)]
pub struct GetProduct {
    pub product: ProductKey,
}

impl Query for GetProduct {
    const NAME: &'static str = "get_product";
    const PERMISSION: Permission = Permission::ProductsRead;
    type Outcome = Product;

    async fn run(self, cx: &QueryContext) -> Result<Product, Error> {
        Ok(products::find(&mut cx.view(), &self.product).await?.ok_or(Refusal::ProductNotFound)?)
    }
}
