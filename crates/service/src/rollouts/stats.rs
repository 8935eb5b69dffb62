//! The figures of a rollout. What was shown and enrolled is stored, and is counted by queries. What is reached must be
//! decided for every account, so it is counted only on request, by one call at a time. The funnel counts events, which a
//! worker has summed by the hour (`fold.rs`).

use std::collections::{BTreeMap, BTreeSet};

use tidegate_core::{
    Method, Ordinal, Permission, Product, ProductKey, Refusal, Revision, Rollout, RolloutKey, Timestamp,
    Wave, WaveState, hour_of,
};
use tidegate_rollout::{Verdict, decide_by, waves};
use tidegate_store::{
    View, interest, products,
    rollout_hours::{self, FunnelSum, HourSum, WhichCounts},
    rollouts,
    scan::ScannedAccount,
    stats,
};

use super::{
    people::{self, MethodCounts, RuleStats},
    scan::{RETRY_AFTER, Scan, seen_by},
};
use crate::{Error, Fault, Query, QueryContext, Share};

#[derive(Debug)]
pub struct GetStats {
    pub rollout: RolloutKey,
    pub reached: Reached,
    pub funnel: FunnelRange,
    pub hours: Hours,
}

/// Whether reached accounts are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reached {
    Counted,
    LeftOut,
}

/// Whether the funnel is also returned hour by hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hours {
    Listed,
    LeftOut,
}

/// Which events the funnel counts. `None` admits all.
#[derive(Debug, Clone, Default)]
pub struct FunnelRange {
    /// The hour of this instant counts.
    pub from: Option<Timestamp>,
    /// Hours that begin before.
    pub before: Option<Timestamp>,
    pub wave: Option<Ordinal>,
    pub product: Option<ProductKey>,
    pub method: Option<Method>,
}

#[derive(Debug, Clone, Default)]
pub struct Stats {
    pub products: BTreeMap<ProductKey, ProductStats>,
    pub waves: BTreeMap<Ordinal, WaveStats>,
    pub accounts: i64,
    /// The rules of the ladder; only with `Reached::Counted`.
    pub rules: RuleStats,
    /// Of a rollout of a method; only with `Reached::Counted`.
    pub methods: BTreeMap<ProductKey, MethodCounts>,
    pub revision: Option<Revision>,
    pub counted_at: Option<Timestamp>,
    /// In the order of its fields.
    pub funnel: Vec<FunnelSum>,
    /// In order.
    pub hours: Vec<HourSum>,
    /// When the newest event that the funnel counts was sealed.
    pub folded_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Default)]
pub struct ProductStats {
    pub reached: i64,
    pub shown: i64,
    pub started: i64,
    pub active: i64,
    pub on: i64,
    pub interest: i64,
}

#[derive(Debug, Clone, Default)]
pub struct WaveStats {
    /// Accounts over all products of the wave, each once.
    pub reached: i64,
    pub would_reach: i64,
    pub products: BTreeMap<ProductKey, WaveProductStats>,
}

#[derive(Debug, Clone, Default)]
pub struct WaveProductStats {
    pub reached: i64,
    pub shown: i64,
    pub would_reach: i64,
}

impl Query for GetStats {
    const NAME: &'static str = "get_stats";
    const PERMISSION: Permission = Permission::RolloutsRead;
    const SHARE: Share = Share::Bulk;
    type Outcome = Stats;

    async fn run(self, cx: &QueryContext) -> Result<Stats, Error> {
        let mut view = cx.view();
        let rollout = rollouts::find(&mut view, &self.rollout).await?.ok_or(Refusal::RolloutNotFound)?;
        let mut stats = on_record(cx, &mut view, &rollout).await?;
        stats.folded_at = rollout_hours::folded(&mut view).await?.map(|folded| folded.sealed_at);
        self.funnel.is_of(&rollout)?;
        let which = self.funnel.which();
        if self.hours == Hours::Listed {
            stats.hours = rollout_hours::hours(&mut view, &rollout.key, which.clone()).await?;
        }
        stats.funnel = rollout_hours::sums(&mut view, &rollout.key, which).await?;
        if self.reached == Reached::Counted {
            let Some(_permit) = cx.scan_permit() else {
                return Err(Refusal::Busy { retry_after: RETRY_AFTER }.into());
            };
            count_reached(cx, &mut view, &rollout, &mut stats).await?;
        }
        Ok(stats)
    }
}

impl FunnelRange {
    /// Refuses a wave or a product that the rollout does not have: their numbers would look as if nothing had happened.
    fn is_of(&self, rollout: &Rollout) -> Result<(), Refusal> {
        if self.wave.is_some_and(|wave| rollout.wave(wave).is_none()) {
            return Err(Refusal::WaveNotFound);
        }
        let products = rollout.all_products().collect::<Vec<_>>();
        let unknown = self.product.as_ref().filter(|product| !products.contains(product));
        unknown.map_or(Ok(()), |_| Err(Refusal::ProductNotFound))
    }

    pub(super) fn which(self) -> WhichCounts {
        WhichCounts {
            from: self.from.map_or(WhichCounts::EARLIEST, hour_of),
            before: self.before.unwrap_or(WhichCounts::LATEST),
            wave: self.wave,
            product: self.product,
            method: self.method,
        }
    }
}

/// What is stored of accounts: everything but the funnel and what must be decided.
pub(super) async fn on_record(cx: &QueryContext, view: &mut View, rollout: &Rollout) -> Result<Stats, Fault> {
    let mut stats =
        Stats { revision: Some(rollout.revision), counted_at: Some(cx.now()), ..Stats::default() };
    for wave in &rollout.waves {
        let products = rollout.products_of(wave).iter().cloned();
        let products = products.map(|product| (product, WaveProductStats::default())).collect();
        stats.waves.insert(wave.ordinal, WaveStats { products, ..WaveStats::default() });
    }
    for product in rollout.all_products() {
        if !stats.products.contains_key(product) {
            let interest = interest::count(view, product).await?;
            let counts = ProductStats { interest, ..ProductStats::default() };
            stats.products.insert(product.clone(), counts);
        }
    }
    for shown in stats::shown(view, &rollout.key).await? {
        if !waves::still_shown(rollout, &shown.product, shown.shown) {
            continue;
        }
        if let Some(at) = stats.products.get_mut(&shown.product) {
            at.shown += shown.count;
        }
        if let Some(wave) = shown.shown.wave.and_then(|wave| stats.waves.get_mut(&wave)) {
            wave.products.entry(shown.product).or_default().shown += shown.count;
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
    Ok(stats)
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
    let whole = all_started(rollout, cx.now());
    let mut scan = Scan::of(std::iter::once(rollout));
    if !rollout.ladder.is_empty() || rollout.method.is_some() {
        scan = scan.with_methods();
    }
    stats.rules = people::rules(rollout);
    while !scan.ended() {
        for mut account in scan.next(view).await? {
            stats.accounts += 1;
            seen_by(rollout, &mut account.standing);
            count_one(stats, &at, (rollout, whole.as_ref()), &account, cx.now());
        }
    }
    Ok(())
}

/// Counts one account: at each product, and once for each wave that is the first to reach it at some product.
fn count_one(
    stats: &mut Stats,
    at: &[Product],
    (rollout, whole): (&Rollout, Option<&Rollout>),
    account: &ScannedAccount,
    now: Timestamp,
) {
    let standing = &account.standing;
    let (mut reached, mut would_reach) = (BTreeSet::new(), BTreeSet::new());
    for product in at {
        let verdict = decide_by(rollout, product, standing, now);
        people::count_rule(&mut stats.rules, rollout, (product, account), &verdict);
        if rollout.method.is_some() {
            let counts = stats.methods.entry(product.key.clone()).or_default();
            people::count_method(counts, rollout, (product, standing), now);
        }
        if verdict.visible() {
            if let Some(at) = stats.products.get_mut(&product.key) {
                at.reached += 1;
            }
            if let Some(here) = place(stats, &verdict, product) {
                here.reached += 1;
            }
            reached.extend(verdict.wave);
        } else if let Some(whole) = whole {
            let verdict = decide_by(whole, product, standing, now);
            let draft = |wave: &Ordinal| rollout.wave(*wave).is_some_and(|wave| !wave.is_started());
            if verdict.visible() && verdict.wave.as_ref().is_some_and(draft) {
                if let Some(here) = place(stats, &verdict, product) {
                    here.would_reach += 1;
                }
                would_reach.extend(verdict.wave);
            }
        }
    }
    for wave in reached {
        stats.waves.entry(wave).or_default().reached += 1;
    }
    for wave in would_reach {
        stats.waves.entry(wave).or_default().would_reach += 1;
    }
}

fn place<'s>(
    stats: &'s mut Stats,
    verdict: &Verdict<'_>,
    product: &Product,
) -> Option<&'s mut WaveProductStats> {
    stats.waves.get_mut(&verdict.wave?)?.products.get_mut(&product.key)
}

/// The rollout as if every wave were started and no stop were on. `None`: every wave is started.
fn all_started(rollout: &Rollout, now: Timestamp) -> Option<Rollout> {
    if rollout.waves.iter().all(Wave::is_started) {
        return None;
    }
    let mut whole = Rollout { stop: None, ..rollout.clone() };
    for wave in whole.waves.iter_mut().filter(|wave| !wave.is_started()) {
        (wave.state, wave.started_at) = (WaveState::Live, Some(now));
    }
    Some(whole)
}
