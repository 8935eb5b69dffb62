//! Changes a product.

use tidegate_core::{
    Authenticator, DirectoryEntry, Fact, LinkUrl, MessageStyle, Method, MethodPolicy, PasswordLength,
    Permission, Product, ProductKey, ProductSettings, Refusal, RelyingParty, Revision, Span, Title,
};
use tidegate_factors::{method, policy};
use tidegate_store::{Tx, factors, products, rollouts};

use crate::{Command, CommandContext, Denied, Error, Fault, rollouts::demands};

/// How many of the accounts that a policy would lock out are named.
const SAMPLE: i64 = 5;

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
    /// The methods that may be enrolled. What the policy says of each of them stays.
    pub allowed: Option<Vec<Method>>,
    /// The policy as a whole, but for `email_is_factor`.
    pub policy: Option<MethodPolicy>,
    pub email_is_factor: Option<bool>,
    pub trusted_device: Option<Span>,
    pub check_up_after: Option<Span>,
    pub reauth_within: Option<Span>,
    pub session_idle: Option<Span>,
    pub session_absolute: Option<Span>,
    pub refresh_ttl: Option<Span>,
    pub messages: Option<MessageStyle>,
    pub min_password_length: Option<PasswordLength>,
    pub authenticator: Option<Authenticator>,
    /// `Some(None)` takes it away.
    pub relying_party: Option<Option<RelyingParty>>,
    /// `Some(None)` takes it away.
    pub directory: Option<Option<DirectoryEntry>>,
}

impl ProductChange {
    fn apply(self, product: &mut Product) {
        let settings = &mut product.settings;
        put(&mut product.title, self.title);
        put(&mut settings.link_url, self.link_url);
        let email_is_factor = self.email_is_factor.unwrap_or(settings.methods.email_is_factor);
        put(&mut settings.methods, self.policy);
        if let Some(allowed) = self.allowed {
            settings.methods.rules =
                allowed.into_iter().map(|method| settings.methods.rule_of(method)).collect();
        }
        settings.methods.email_is_factor = email_is_factor;
        put(&mut settings.messages, self.messages);
        put(&mut settings.min_password_length, self.min_password_length);
        put(&mut settings.authenticator, self.authenticator);
        put(&mut settings.relying_party, self.relying_party);
        put(&mut settings.directory, self.directory);
        put(&mut settings.trusted_device, self.trusted_device);
        put(&mut settings.check_up_after, self.check_up_after);
        put(&mut settings.reauth_within, self.reauth_within);
        put(&mut settings.session_idle, self.session_idle);
        put(&mut settings.session_absolute, self.session_absolute);
        put(&mut settings.refresh_ttl, self.refresh_ttl);
    }
}

/// Refuses settings under which accounts that have two-step on would have no second factor any more that counts here
/// (INV-43). Keys of another relying party count no more.
async fn locks_nobody_out(
    tx: &mut Tx,
    before: &ProductSettings,
    after: &ProductSettings,
) -> Result<(), Denied> {
    let party = |settings: &ProductSettings| settings.relying_party.as_ref().map(|party| party.id.clone());
    let keeps_keys = party(before) == party(after);
    let (before, mut after) = (policy::second_steps(&before.methods), policy::second_steps(&after.methods));
    after.retain(|method| keeps_keys || !method::rules(*method).needs_relying_party);
    if before.iter().all(|method| after.contains(method)) {
        return Ok(());
    }
    let (accounts, sample) = factors::locked_out(tx, (&before, &after), SAMPLE).await?;
    if accounts == 0 { Ok(()) } else { Err(Refusal::MethodPolicyLocksOut { accounts, sample }.into()) }
}

/// Refuses a method policy under which nobody could do what a ladder demands here (INV-43). The caller has written the
/// product, so no ladder changes meanwhile.
async fn ladders_can_be_met(tx: &mut Tx, before: &MethodPolicy, after: &Product) -> Result<(), Denied> {
    let mut rules = Vec::new();
    for rollout in rollouts::all(tx).await? {
        for (_, rule) in demands::unmet(&rollout, &after.key, &after.settings.methods) {
            if policy::can_meet(before, rule.demands) {
                rules.push((rollout.key.clone(), rule.title.clone(), rule.demands));
            }
        }
    }
    if rules.is_empty() { Ok(()) } else { Err(Refusal::MethodPolicyFailsLadder { rules }.into()) }
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
            let before = product.settings.clone();
            self.change.clone().apply(&mut product);
            super::acceptable(&product.settings)?;
            if before.directory != product.settings.directory {
                super::listable(product.settings.directory.as_ref(), cx.now())?;
            }
            locks_nobody_out(tx, &before, &product.settings).await?;
            (product.revision, product.updated_at) = (self.etag.next(), cx.now());
            if !products::replace(tx, self.etag, &product).await? {
                let current = products::find(tx, &self.product).await?.ok_or(Fault::Dangling("product"))?;
                return Err(Refusal::EtagMismatch { current: current.revision }.into());
            }
            ladders_can_be_met(tx, &before.methods, &product).await?;
            let fact = Fact::ProductUpdated { product: product.key.clone(), revision: product.revision };
            cx.event(fact).at(&product.key).record(tx).await?;
            Ok(product)
        })
        .await
    }
}
