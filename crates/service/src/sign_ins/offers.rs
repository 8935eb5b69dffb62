//! The ways in which an account can take the second step at a product.

use tidegate_core::{AccountId, Offer, Product};
use tidegate_store::{View, factors};

use crate::Fault;

pub(crate) async fn offers(
    view: &mut View,
    account: AccountId,
    product: &Product,
) -> Result<Vec<Offer>, Fault> {
    let factors = factors::of_account(view, account).await?;
    let offers = factors.iter().map(|factor| Offer { factor: factor.id, method: factor.method() });
    let allowed = |offer: &Offer| {
        offer.method.is_second_step() && product.settings.allowed_methods.contains(&offer.method)
    };
    Ok(offers.filter(allowed).collect())
}
