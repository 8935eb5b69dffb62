//! Reads a product's entry for the method directory: what its policy offers, and what the product says of itself.

use tidegate_core::{Permission, Product, ProductKey, Refusal};
use tidegate_factors::directory::{self, SupportedCategory};
use tidegate_store::products;

use crate::{Error, Query, QueryContext};

#[derive(Debug)]
pub struct GetMethodDirectory {
    pub product: ProductKey,
}

#[derive(Debug)]
pub struct MethodDirectory {
    pub product: Product,
    /// In the directory's order.
    pub methods: Vec<SupportedCategory>,
    /// The line that names source and licence.
    pub attribution: String,
}

impl Query for GetMethodDirectory {
    const NAME: &'static str = "get_method_directory";
    const PERMISSION: Permission = Permission::ProductsRead;
    type Outcome = MethodDirectory;

    async fn run(self, cx: &QueryContext) -> Result<MethodDirectory, Error> {
        let product = products::find(&mut cx.view(), &self.product).await?.ok_or(Refusal::ProductNotFound)?;
        let entry = product.settings.directory.as_ref();
        let declared = entry.map(|entry| entry.declared.as_slice()).unwrap_or_default();
        let methods = directory::supported(&product.settings.methods, declared);
        let attribution = directory::attribution(&product.title, entry);
        Ok(MethodDirectory { product, methods, attribution })
    }
}
