//! The ways in which an account can take the second step at a product.

use tidegate_core::{AccountId, Factor, Offer, Product, Requirement};
use tidegate_factors::policy;
use tidegate_store::{View, factors, recovery_codes};

use crate::{Fault, QueryContext};

/// The second factors that meet the requirement.
pub(crate) async fn offers(
    cx: &QueryContext,
    view: &mut View,
    account: AccountId,
    (product, requirement): (&Product, Requirement),
) -> Result<Vec<Offer>, Fault> {
    let factors = readable(cx, view, account).await?;
    Ok(policy::offers(&product.settings.methods, &factors, requirement))
}

/// The same for a sign-in, which may also be taken by a recovery code if one is left. It comes last.
pub(crate) async fn sign_in_offers(
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

/// A factor whose material cannot be read is not offered: no answer to it could be verified.
async fn readable(cx: &QueryContext, view: &mut View, account: AccountId) -> Result<Vec<Factor>, Fault> {
    let mut factors = factors::of_account(view, account).await?;
    factors.retain(|factor| cx.is_readable(factor));
    Ok(factors)
}
