//! The ways in which an account can take the second step at a product.

use tidegate_core::{AccountId, Factor, Offer, Product, Requirement};
use tidegate_factors::policy;
use tidegate_store::{View, factors, recovery_codes};

use crate::{Fault, QueryContext};

/// The second factors that meet the requirement, and the recovery codes last, while one is left.
pub(crate) async fn offers(
    cx: &QueryContext,
    view: &mut View,
    account: AccountId,
    (product, requirement): (&Product, Requirement),
) -> Result<Vec<Offer>, Fault> {
    let factors = readable(cx, view, account).await?;
    let mut offers = policy::offers(&product.settings.methods, &factors, requirement);
    for offer in policy::recovery_offers(&factors) {
        if !recovery_codes::left(view, account, offer.factor).await?.is_empty() {
            offers.push(offer);
        }
    }
    Ok(offers)
}

/// Whether the account has a second factor that meets the requirement.
pub(crate) async fn has_factor(
    cx: &QueryContext,
    view: &mut View,
    account: AccountId,
    (product, requirement): (&Product, Requirement),
) -> Result<bool, Fault> {
    let factors = readable(cx, view, account).await?;
    Ok(!policy::offers(&product.settings.methods, &factors, requirement).is_empty())
}

/// A factor whose material cannot be read is not offered: no answer to it could be verified.
async fn readable(cx: &QueryContext, view: &mut View, account: AccountId) -> Result<Vec<Factor>, Fault> {
    let mut factors = factors::of_account(view, account).await?;
    factors.retain(|factor| cx.is_readable(factor));
    Ok(factors)
}
