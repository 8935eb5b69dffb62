//! The ways in which an account can take the second step at a product.

use tidegate_core::{Account, Channel, Factor, Level, Method, Offer, Product, Requirement, SignInState};
use tidegate_factors::{
    method::{self, Reach},
    policy,
    sign_in::{self, Network, Situation, Trusted, Way},
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
    let ended = cx.ended_methods(view, product, (account.id, requirement)).await?;
    let left = |offer: &Offer| !ended.contains(offer.method);
    // Nobody is left without a way.
    if offers.iter().any(left) {
        offers.retain(left);
    }
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

/// How a sign-in that has proved `level` goes on.
pub(crate) struct NextStep {
    pub(crate) state: SignInState,
    /// What its challenges must meet: what is required, or less, where a weaker factor proves who enrolls a stronger one.
    pub(crate) requirement: Requirement,
    pub(crate) offers: Vec<Offer>,
}

/// What is asked next. Most sign-ins need no second step; for those the factors are not read.
pub(crate) async fn next_step(
    cx: &QueryContext,
    view: &mut View,
    (account, product): (&Account, &Product),
    requirement: Requirement,
    (level, trust): (Level, Trusted),
) -> Result<NextStep, Fault> {
    let step = |way| {
        let network = Network::Accepted;
        sign_in::next(Situation { requirement, level, trust, network, way })
    };
    if requirement.is_met_by(level, trust == Trusted::StandsIn) {
        return Ok(NextStep { state: step(Way::Factor), requirement, offers: Vec::new() });
    }
    let offered = offers(cx, view, account, (product, requirement)).await?;
    let recovers = |offer: &Offer| offer.method == Method::RecoveryCodes;
    if !offered.iter().all(recovers) || requirement == Requirement::SecondStep && !offered.is_empty() {
        return Ok(NextStep { state: step(Way::Factor), requirement, offers: offered });
    }
    let weaker = match requirement {
        Requirement::None | Requirement::SecondStep => Vec::new(),
        Requirement::Aal2 | Requirement::Aal2Phr => {
            offers(cx, view, account, (product, Requirement::SecondStep)).await?
        }
    };
    let way = if weaker.is_empty() { Way::None } else { Way::WeakerFactor };
    Ok(match step(way) {
        SignInState::PendingChallenge => NextStep {
            state: SignInState::PendingChallenge,
            requirement: Requirement::SecondStep,
            offers: weaker,
        },
        state => NextStep { state, requirement, offers: Vec::new() },
    })
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
