//! The figures of a rollout. What was shown and enrolled is stored, and is counted by queries. What is reached must be
//! decided for every account, so it is counted only on request, by one call at a time.

use std::collections::BTreeMap;

use tidegate_core::{
    Ordinal, Permission, Product, ProductKey, Refusal, Revision, Rollout, RolloutKey, Timestamp,
};
use tidegate_rollout::{decide, waves};
use tidegate_store::{View, interest, products, rollouts, stats};

use super::scan::{RETRY_AFTER, Scan, seen_by};
use crate::{Error, Fault, Query, QueryContext};

#[derive(Debug)]
pub struct GetStats {
    pub rollout: RolloutKey,
    pub reached: Reached,
}

/// Whether reached accounts are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reached {
    Counted,
    LeftOut,
}

#[derive(Debug, Default)]
pub struct Stats {
    pub products: BTreeMap<ProductKey, ProductStats>,
    pub waves: BTreeMap<Ordinal, WaveStats>,
    pub accounts: i64,
    pub revision: Option<Revision>,
    pub counted_at: Option<Timestamp>,
}

#[derive(Debug, Default)]
pub struct ProductStats {
    pub reached: i64,
    pub shown: i64,
    pub started: i64,
    pub active: i64,
    pub on: i64,
    pub interest: i64,
}

#[derive(Debug, Default)]
pub struct WaveStats {
    pub reached: i64,
    pub shown: i64,
}

impl Query for GetStats {
    const NAME: &'static str = "get_stats";
    const PERMISSION: Permission = Permission::RolloutsRead;
    type Outcome = Stats;

    async fn run(self, cx: &QueryContext) -> Result<Stats, Error> {
        let mut view = cx.view();
        let rollout = rollouts::find(&mut view, &self.rollout).await?.ok_or(Refusal::RolloutNotFound)?;
        let mut stats = Stats {
            revision: Some(rollout.revision),
            counted_at: Some(cx.now()),
            waves: rollout.waves.iter().map(|wave| (wave.ordinal, WaveStats::default())).collect(),
            ..Stats::default()
        };
        for product in rollout.all_products() {
            if !stats.products.contains_key(product) {
                let interest = interest::count(&mut view, product).await?;
                let counts = ProductStats { interest, ..ProductStats::default() };
                stats.products.insert(product.clone(), counts);
            }
        }
        on_record(&mut view, &rollout, &mut stats).await?;
        if self.reached == Reached::Counted {
            let Some(_permit) = cx.scan_permit() else {
                return Err(Refusal::Busy { retry_after: RETRY_AFTER }.into());
            };
            count_reached(cx, &mut view, &rollout, &mut stats).await?;
        }
        Ok(stats)
    }
}

async fn on_record(view: &mut View, rollout: &Rollout, stats: &mut Stats) -> Result<(), Fault> {
    for shown in stats::shown(view, &rollout.key).await? {
        if !waves::still_shown(rollout, &shown.product, shown.shown) {
            continue;
        }
        if let Some(at) = stats.products.get_mut(&shown.product) {
            at.shown += shown.count;
        }
        if let Some(wave) = shown.shown.wave.and_then(|wave| stats.waves.get_mut(&wave)) {
            wave.shown += shown.count;
        }
    }
    for active in stats::active(view, &rollout.key).await? {
        if let Some(at) = stats.products.get_mut(&active.product) {
            (at.active, at.on) = (active.count, active.switched_on);
        }
    }
    for started in stats::started(view, &rollout.key).await? {
        if let Some(at) = stats.products.get_mut(&started.product) {
            at.started = started.count;
        }
    }
    Ok(())
}

async fn count_reached(
    cx: &QueryContext,
    view: &mut View,
    rollout: &Rollout,
    stats: &mut Stats,
) -> Result<(), Fault> {
    let mut at: Vec<Product> = Vec::new();
    for key in stats.products.keys() {
        at.extend(products::find(view, key).await?);
    }
    let mut scan = Scan::of(std::iter::once(rollout));
    while !scan.ended() {
        for mut standing in scan.next(view).await? {
            stats.accounts += 1;
            seen_by(rollout, &mut standing);
            let mut first: Option<Ordinal> = None;
            for product in &at {
                let verdict = decide(product, std::iter::once(rollout), &standing, cx.now());
                if verdict.visible() {
                    if let Some(at) = stats.products.get_mut(&product.key) {
                        at.reached += 1;
                    }
                    first = [first, verdict.wave].into_iter().flatten().min();
                }
            }
            if let Some(wave) = first.and_then(|wave| stats.waves.get_mut(&wave)) {
                wave.reached += 1;
            }
        }
    }
    Ok(())
}
