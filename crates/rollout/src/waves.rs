//! Which accounts a rollout's started waves reach.

use tidegate_core::{Bucket, FirstShown, ProductKey, Rollout, Standing, Wave};

use crate::{audience, bucket};

/// Whether the rollout names the product anywhere.
pub fn covers(rollout: &Rollout, product: &ProductKey) -> bool {
    rollout.all_products().any(|named| named == product)
}

/// Whether the wave is started, names the product, and was not taken back there.
pub fn is_started_for(rollout: &Rollout, wave: &Wave, product: &ProductKey) -> bool {
    wave.is_started() && rollout.products_of(wave).contains(product) && !wave.taken_back.contains(product)
}

/// The started waves that name the product, in order.
pub fn started<'r>(rollout: &'r Rollout, product: &ProductKey) -> impl Iterator<Item = &'r Wave> {
    rollout.waves.iter().filter(|wave| is_started_for(rollout, wave, product))
}

/// The first started wave that reaches the account at the product.
pub fn reaching<'r>(rollout: &'r Rollout, product: &ProductKey, standing: &Standing) -> Option<&'r Wave> {
    let bucket = bucket::of(rollout, standing);
    started(rollout, product).find(|wave| reaches(wave, product, bucket, standing))
}

/// Whether the account is in the wave's audience and below its edge. It does not look at whether
/// the wave has started.
pub fn reaches(wave: &Wave, product: &ProductKey, bucket: Bucket, standing: &Standing) -> bool {
    wave.edge.holds(bucket) && audience::holds(wave.audience.as_ref(), standing, product)
}

/// Whether what was shown at the product still counts: no roll back since took back there the wave
/// that reached the account.
pub fn still_shown(rollout: &Rollout, product: &ProductKey, shown: FirstShown) -> bool {
    rollout
        .roll_backs
        .iter()
        .filter(|back| back.is_at(product))
        .all(|back| shown.revision >= back.revision || shown.wave.is_some_and(|wave| wave <= back.to))
}
