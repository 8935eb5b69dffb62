//! Creates a product.

use tidegate_core::{Fact, Permission, Product, ProductKey, ProductSettings, Refusal, Revision, Title};
use tidegate_store::products;

use crate::{Command, CommandContext, Error};

#[derive(Debug)]
pub struct CreateProduct {
    pub key: ProductKey,
    pub title: Title,
    pub settings: ProductSettings,
}

impl Command for CreateProduct {
    const NAME: &'static str = "create_product";
    const PERMISSION: Permission = Permission::ProductsManage;
    type Outcome = Product;

    async fn run(self, cx: &CommandContext) -> Result<Product, Error> {
        cx.permit_products(std::iter::once(&self.key))?;
        super::acceptable(&self.settings)?;
        let now = cx.now();
        let product = Product {
            key: self.key,
            title: self.title,
            settings: self.settings,
            revision: Revision::FIRST,
            created_at: now,
            updated_at: now,
        };
        cx.idempotent(async |tx| {
            super::listable(product.settings.directory.as_ref(), now)?;
            if !products::insert(tx, &product).await? {
                return Err(Refusal::KeyTaken.into());
            }
            let fact = Fact::ProductCreated { product: product.key.clone() };
            cx.event(fact).at(&product.key).record(tx).await?;
            Ok(product.clone())
        })
        .await
    }
}
