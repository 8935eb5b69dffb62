//! The products and rollouts of a realm at one moment: immutable, and replaced whole when any of them changes.

use std::{collections::HashMap, sync::Arc};

use tidegate_core::{Product, ProductKey, Revision, Rollout, RolloutKey, Standing, Timestamp};
use tidegate_rollout::{Verdict, decide, method_move, waves};
use tidegate_store::{View, products, rollouts, standings::Known};

use crate::{Fault, decisions::informed};

#[derive(Debug)]
pub(crate) struct Snapshot {
    products: HashMap<ProductKey, Arc<ProductRollouts>>,
    pub(crate) rollouts: Vec<Arc<Rollout>>,
}

/// A product, and the rollouts that bring two-step to it.
#[derive(Debug)]
pub(crate) struct ProductRollouts {
    pub(crate) product: Product,
    pub(crate) rollouts: Vec<Arc<Rollout>>,
    /// The rollouts of a method that end others here.
    moves: Vec<Arc<Rollout>>,
}

impl ProductRollouts {
    pub(crate) fn decide<'a>(&'a self, standing: &'a Standing, now: Timestamp) -> Verdict<'a> {
        let verdict = decide(&self.product, super::rollouts(&self.rollouts), standing, now);
        informed(&verdict, super::rollouts(&self.moves))
    }
}

/// Products that are read at a time.
const PAGE_SIZE: i64 = 1_000;

impl Snapshot {
    pub(super) async fn read(view: &mut View) -> Result<Self, Fault> {
        let all: Vec<Arc<Rollout>> = rollouts::all(view).await?.into_iter().map(Arc::new).collect();
        let (mut found, mut last) = (HashMap::new(), String::new());
        loop {
            let some = products::page(view, &last, PAGE_SIZE).await?;
            let Some(end) = some.last() else { break };
            last = end.key.to_string();
            for product in some {
                let covering = all.iter().filter(|rollout| waves::covers(rollout, &product.key)).cloned();
                let (rollouts, mut moves): (Vec<_>, Vec<_>) =
                    covering.partition(|rollout| method_move::brings_two_step(rollout));
                moves.retain(|rollout| rollout.method.as_ref().is_some_and(|aim| aim.ends.is_some()));
                found.insert(product.key.clone(), Arc::new(ProductRollouts { product, rollouts, moves }));
            }
        }
        Ok(Self { products: found, rollouts: all })
    }

    pub(crate) fn products(&self) -> impl Iterator<Item = &Product> {
        self.products.values().map(|known| &known.product)
    }

    pub(crate) fn at(&self, product: &str) -> Option<&Arc<ProductRollouts>> {
        self.products.get(product)
    }

    /// The cached account, if it has a bucket for every rollout. It has none for a rollout that was created later.
    pub(crate) fn places(&self, known: Arc<Known>) -> Option<Arc<Known>> {
        Some(known).filter(|known| known.standing.buckets.len() >= self.rollouts.len())
    }

    /// Whether its rollouts are exactly these revisions. A revision never changes.
    pub(crate) fn has(&self, newest: &[(RolloutKey, Revision)]) -> bool {
        let same = |(key, revision): &(RolloutKey, Revision)| {
            self.rollouts.iter().any(|known| known.key == *key && known.revision == *revision)
        };
        newest.len() == self.rollouts.len() && newest.iter().all(same)
    }
}
