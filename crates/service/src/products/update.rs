//! Changes a product.

use tidegate_core::{
    Authenticator, Fact, LinkUrl, MessageStyle, MethodRule, Permission, Product, ProductKey, Refusal,
    Revision, Span, Title,
};
use tidegate_store::products;

use crate::{Command, CommandContext, Error, Fault};

#[derive(Debug)]
pub struct UpdateProduct {
    pub product: ProductKey,
    pub etag: Revision,
    pub change: ProductChange,
}

/// New values; `None` leaves the field as it is.
#[derive(Debug, Clone, Default)]
pub struct ProductChange {
    pub title: Option<Title>,
    pub link_url: Option<LinkUrl>,
    /// What is allowed; the rest of the policy stays.
    pub rules: Option<Vec<MethodRule>>,
    pub email_is_factor: Option<bool>,
    pub trusted_device: Option<Span>,
    pub session_idle: Option<Span>,
    pub session_absolute: Option<Span>,
    pub messages: Option<MessageStyle>,
    pub authenticator: Option<Authenticator>,
}

impl ProductChange {
    fn apply(self, product: &mut Product) {
        let settings = &mut product.settings;
        put(&mut product.title, self.title);
        put(&mut settings.link_url, self.link_url);
        put(&mut settings.methods.rules, self.rules);
        put(&mut settings.methods.email_is_factor, self.email_is_factor);
        put(&mut settings.messages, self.messages);
        put(&mut settings.authenticator, self.authenticator);
        put(&mut settings.trusted_device, self.trusted_device);
        put(&mut settings.session_idle, self.session_idle);
        put(&mut settings.session_absolute, self.session_absolute);
    }
}

fn put<T>(place: &mut T, new: Option<T>) {
    if let Some(new) = new {
        *place = new;
    }
}

impl Command for UpdateProduct {
    const NAME: &'static str = "update_product";
    const PERMISSION: Permission = Permission::ProductsManage;
    type Outcome = Product;

    async fn run(self, cx: &CommandContext) -> Result<Product, Error> {
        cx.permit_products(std::iter::once(&self.product))?;
        cx.idempotent(async |tx| {
            let mut product = products::find(tx, &self.product).await?.ok_or(Refusal::ProductNotFound)?;
            if product.revision != self.etag {
                return Err(Refusal::EtagMismatch { current: product.revision }.into());
            }
            self.change.clone().apply(&mut product);
            (product.revision, product.updated_at) = (self.etag.next(), cx.now());
            if !products::replace(tx, self.etag, &product).await? {
                let current = products::find(tx, &self.product).await?.ok_or(Fault::Dangling("product"))?;
                return Err(Refusal::EtagMismatch { current: current.revision }.into());
            }
            let fact = Fact::ProductUpdated { product: product.key.clone(), revision: product.revision };
            cx.event(fact).at(&product.key).record(tx).await?;
            Ok(product)
        })
        .await
    }
}
