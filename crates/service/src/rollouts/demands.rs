//! What a ladder demands must be possible at its products (INV-43). It is looked at when a ladder or its products change, and when
//! a product's method policy does.

use std::collections::BTreeSet;

use tidegate_core::{LadderFlaw, LadderFlawKind, LadderRule, MethodPolicy, ProductKey, Refusal, Rollout};
use tidegate_factors::policy;
use tidegate_rollout::ladder;
use tidegate_store::{Error, Tx, View, products};

use crate::Denied;

/// The rules that demand something at the product which no method that this policy allows can meet, with their places.
pub(crate) fn unmet<'r>(
    rollout: &'r Rollout,
    product: &ProductKey,
    methods: &MethodPolicy,
) -> impl Iterator<Item = (usize, &'r LadderRule)> {
    rollout.ladder.iter().enumerate().filter(move |(_, rule)| {
        ladder::demanding(rule).is_some()
            && ladder::products(rollout, rule).contains(product)
            && !policy::can_meet(methods, rule.demands)
    })
}

/// The places of rules that lock accounts out of some product.
pub(super) async fn unmet_anywhere(view: &mut View, rollout: &Rollout) -> Result<BTreeSet<usize>, Error> {
    let mut places = BTreeSet::new();
    for product in products_of_ladder(rollout) {
        let Some(product) = products::find(view, &product).await? else { continue };
        places.extend(unmet(rollout, &product.key, &product.settings.methods).map(|(place, _)| place));
    }
    Ok(places)
}

/// Refuses a ladder that locks accounts out. The products' policies stay as they are to the end of the transaction.
pub(super) async fn can_be_met(tx: &mut Tx, rollout: &Rollout) -> Result<(), Denied> {
    for product in products_of_ladder(rollout) {
        products::hold(tx, &product).await?;
    }
    refuse(&unmet_anywhere(tx, rollout).await?)
}

/// `can_be_met` for a preview.
pub(super) async fn could_be_met(view: &mut View, rollout: &Rollout) -> Result<(), Denied> {
    refuse(&unmet_anywhere(view, rollout).await?)
}

fn refuse(places: &BTreeSet<usize>) -> Result<(), Denied> {
    let flaw = |place: &usize| LadderFlaw {
        field: format!("rules[{place}].demands"),
        what: LadderFlawKind::LocksOut,
    };
    let flaws: Vec<_> = places.iter().map(flaw).collect();
    if flaws.is_empty() { Ok(()) } else { Err(Refusal::LadderNotAcceptable { flaws }.into()) }
}

fn products_of_ladder(rollout: &Rollout) -> BTreeSet<ProductKey> {
    rollout.ladder.iter().flat_map(|rule| ladder::products(rollout, rule)).cloned().collect()
}
