//! The ways in which an account can take the second step at a product.

use tidegate_core::{AccountId, Offer, Product, Requirement};
use tidegate_factors::policy;
use tidegate_store::{View, factors};

use crate::{Fault, QueryContext};

/// A factor whose material cannot be read is not offered: no answer to it could be verified.
pub(crate) async fn offers(
    cx: &QueryContext,
    view: &mut View,
    account: AccountId,
    (product, requirement): (&Product, Requirement),
) -> Result<Vec<Offer>, Fault> {
    let mut factors = factors::of_account(view, account).await?;
    factors.retain(|factor| cx.is_readable(factor));
    Ok(policy::offers(&product.settings.methods, &factors, requirement))
}
