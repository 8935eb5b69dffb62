//! The numbers of a rollout as messages.

use tidegate_core::{FunnelStep, Ordinal, ProductKey, StepFailure, Timestamp, Title};
use tidegate_proto as proto;
use tidegate_service::rollouts::{
    FunnelSum, HourSum, MethodCounts, RolloutSnapshot, RuleCounts, Stats, WaveStats,
};

use super::render;
use crate::render::{method, timestamp};

pub(super) fn stats(stats: Stats) -> proto::GetStatsResponse {
    let products = stats.products.into_iter().map(|(product, counts)| proto::ProductStats {
        product: product.into(),
        reached_count: counts.reached,
        shown_count: counts.shown,
        started_count: counts.started,
        active_count: counts.active,
        on_count: counts.on,
        interest_count: counts.interest,
    });
    proto::GetStatsResponse {
        products: products.collect(),
        waves: stats.waves.into_iter().map(|(ordinal, counts)| wave(ordinal.0, counts)).collect(),
        count_time: stats.counted_at.map(timestamp),
        revision: stats.revision.map_or(0, |revision| revision.0),
        account_count: stats.accounts,
        funnel: stats.funnel.into_iter().map(count).collect(),
        hours: hours(stats.hours),
        fold_time: stats.folded_at.map(timestamp),
        ladder: stats.rules.into_iter().map(rule).collect(),
        methods: stats.methods.into_iter().map(moved).collect(),
    }
}

fn rule(
    ((ordinal, product), (title, counts)): ((Ordinal, ProductKey), (Title, RuleCounts)),
) -> proto::LadderRuleStats {
    proto::LadderRuleStats {
        rule: ordinal.0,
        title: title.into(),
        product: product.into(),
        account_count: counts.accounts,
        on_count: counts.on,
        told_count: counts.told,
        in_grace_count: counts.in_grace,
        enforced_count: counts.enforced,
        exempt_count: counts.exempt,
        locked_out_count: counts.locked_out,
    }
}

fn moved((product, counts): (ProductKey, MethodCounts)) -> proto::MethodMoveStats {
    proto::MethodMoveStats {
        product: product.into(),
        advised_count: counts.advised,
        better_count: counts.better,
        weaker_count: counts.weaker,
    }
}

pub(super) fn snapshot(snapshot: RolloutSnapshot) -> proto::WatchRolloutResponse {
    proto::WatchRolloutResponse {
        revision: Some(render::revision(snapshot.revised, snapshot.author)),
        stats: Some(stats(snapshot.stats)),
        send_time: Some(timestamp(snapshot.at)),
    }
}

fn wave(ordinal: u32, counts: WaveStats) -> proto::WaveStats {
    let shown_count = counts.products.values().map(|at| at.shown).sum();
    let products = counts.products.into_iter().map(|(product, at)| proto::WaveProductStats {
        product: product.into(),
        reached_count: at.reached,
        shown_count: at.shown,
        would_reach_count: at.would_reach,
    });
    proto::WaveStats {
        ordinal,
        reached_count: counts.reached,
        shown_count,
        would_reach_count: counts.would_reach,
        products: products.collect(),
    }
}

fn count(sum: FunnelSum) -> proto::FunnelCount {
    proto::FunnelCount {
        wave: sum.wave.map_or(0, |wave| wave.0),
        product: sum.product.into(),
        method: sum.method.map_or(proto::Method::Unspecified, method).into(),
        step: step(sum.step).into(),
        failure: sum.reason.map_or(proto::StepFailure::Unspecified, failure).into(),
        count: sum.count,
    }
}

/// The sums are in the order of hours.
fn hours(sums: Vec<HourSum>) -> Vec<proto::FunnelHour> {
    let mut hours: Vec<(Timestamp, proto::FunnelHour)> = Vec::new();
    for sum in sums {
        let one = proto::StepCount { step: step(sum.step).into(), count: sum.count };
        match hours.last_mut() {
            Some((hour, last)) if *hour == sum.hour => last.steps.push(one),
            _ => {
                let hour = proto::FunnelHour { hour_time: Some(timestamp(sum.hour)), steps: vec![one] };
                hours.push((sum.hour, hour));
            }
        }
    }
    for (_, hour) in &mut hours {
        hour.steps.sort_by_key(|one| one.step);
    }
    hours.into_iter().map(|(_, hour)| hour).collect()
}

const fn step(step: FunnelStep) -> proto::FunnelStep {
    match step {
        FunnelStep::Told => proto::FunnelStep::Told,
        FunnelStep::Shown => proto::FunnelStep::Shown,
        FunnelStep::Postponed => proto::FunnelStep::Postponed,
        FunnelStep::Required => proto::FunnelStep::Required,
        FunnelStep::Started => proto::FunnelStep::Started,
        FunnelStep::Enrolled => proto::FunnelStep::Enrolled,
        FunnelStep::Active => proto::FunnelStep::Active,
        FunnelStep::Challenged => proto::FunnelStep::Challenged,
        FunnelStep::Passed => proto::FunnelStep::Passed,
        FunnelStep::Failed => proto::FunnelStep::Failed,
        FunnelStep::Recovered => proto::FunnelStep::Recovered,
    }
}

const fn failure(reason: StepFailure) -> proto::StepFailure {
    match reason {
        StepFailure::WrongAnswer => proto::StepFailure::WrongAnswer,
        StepFailure::Replayed => proto::StepFailure::Replayed,
        StepFailure::Expired => proto::StepFailure::Expired,
        StepFailure::UsedUp => proto::StepFailure::UsedUp,
        StepFailure::Superseded => proto::StepFailure::Superseded,
        StepFailure::Slowed => proto::StepFailure::Slowed,
        StepFailure::Closed => proto::StepFailure::Closed,
        StepFailure::Denied => proto::StepFailure::Denied,
    }
}
