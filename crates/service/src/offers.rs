//! The ways in which an account can take the second step at a product.

use tidegate_core::{Account, Channel, Factor, Method, Offer, Product, Requirement};
use tidegate_factors::{
    method::{self, Reach},
    policy,
};
use tidegate_store::{View, factors, passwords};

use crate::{Fault, QueryContext, factors::usable_codes, passwords::MAILED_FOR};

/// The second factors that meet the requirement, and the recovery codes last, while one is left.
pub(crate) async fn offers(
    cx: &QueryContext,
    view: &mut View,
    account: &Account,
    (product, requirement): (&Product, Requirement),
) -> Result<Vec<Offer>, Fault> {
    let factors = usable(cx, view, account, product).await?;
    let mut offers = policy::offers(&product.settings.methods, &factors, requirement);
    let by_mail = |offer: &Offer| offer.method == Method::EmailCode;
    // After a reset by mail the mailbox proves nothing more, unless it is all that the account has (INV-34).
    if offers.iter().any(by_mail)
        && !offers.iter().all(by_mail)
        && passwords::reset_after(view, account.id, cx.now().minus(MAILED_FOR)).await?
    {
        offers.retain(|offer| !by_mail(offer));
    }
    for offer in policy::recovery_offers(&factors) {
        if !usable_codes(cx, view, account.id, offer.factor).await?.is_empty() {
            offers.push(offer);
        }
    }
    Ok(offers)
}

/// Whether the account has a second factor that meets the requirement.
pub(crate) async fn has_factor(
    cx: &QueryContext,
    view: &mut View,
    account: &Account,
    (product, requirement): (&Product, Requirement),
) -> Result<bool, Fault> {
    let factors = usable(cx, view, account, product).await?;
    Ok(!policy::offers(&product.settings.methods, &factors, requirement).is_empty())
}

/// Where the account's owner is reached from a product.
pub(crate) fn reach<'r>(account: &'r Account, product: &'r Product) -> Reach<'r> {
    let email = account.verified().map(|contact| &contact.email);
    Reach { email, party: product.settings.relying_party.as_ref() }
}

/// The factors whose answers can be verified. One whose material cannot be read, whose codes have no destination, or which signs
/// for another relying party, is not offered.
async fn usable(
    cx: &QueryContext,
    view: &mut View,
    account: &Account,
    product: &Product,
) -> Result<Vec<Factor>, Fault> {
    let mut factors = with_hints(view, account).await?;
    let reach = reach(account, product);
    factors
        .retain(|factor| policy::is_reached(factor.method, reach.email) && cx.is_readable_at(factor, reach));
    Ok(factors)
}

/// The account's factors, each with the masked destination that its codes are sent to.
pub(crate) async fn with_hints(view: &mut View, account: &Account) -> Result<Vec<Factor>, Fault> {
    let mut factors = factors::of_account(view, account.id).await?;
    let masked = account.verified().map(|contact| contact.email.masked());
    for factor in
        factors.iter_mut().filter(|factor| method::rules(factor.method).sends == Some(Channel::Mail))
    {
        factor.hint = factor.hint.take().or_else(|| masked.clone());
    }
    Ok(factors)
}
