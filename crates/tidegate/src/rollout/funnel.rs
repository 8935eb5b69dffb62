//! The funnel of a rollout as tables: events by wave, by method and by hour.

use std::{collections::BTreeMap, fmt::Write as _};

use tidegate_proto::{self as proto, FunnelStep};

use crate::output::{columns, instant, plain, word};

/// The steps in the order in which an account takes them.
const STEPS: [FunnelStep; 11] = [
    FunnelStep::Told,
    FunnelStep::Shown,
    FunnelStep::Postponed,
    FunnelStep::Required,
    FunnelStep::Started,
    FunnelStep::Enrolled,
    FunnelStep::Active,
    FunnelStep::Challenged,
    FunnelStep::Passed,
    FunnelStep::Failed,
    FunnelStep::Recovered,
];

/// Counts by step.
pub type Steps = BTreeMap<i32, i64>;

pub fn step_name(step: FunnelStep) -> String {
    word(step.as_str_name(), "FUNNEL_STEP_")
}

/// Those of the steps of which there are any, in order.
pub fn present(counts: &Steps) -> Vec<(FunnelStep, i64)> {
    let count = |step: FunnelStep| counts.get(&i32::from(step)).copied().unwrap_or(0);
    STEPS.into_iter().map(|step| (step, count(step))).filter(|(_, count)| *count > 0).collect()
}

/// Counts by step, over everything.
pub fn totals(funnel: &[proto::FunnelCount]) -> Steps {
    by(funnel, |_| ()).remove(&()).unwrap_or_default()
}

/// Counts by wave and step. Wave 0 are the events of accounts that no wave had reached.
pub fn by_wave(funnel: &[proto::FunnelCount]) -> BTreeMap<u32, Steps> {
    by(funnel, |count| count.wave)
}

fn by<K: Ord>(funnel: &[proto::FunnelCount], key: impl Fn(&proto::FunnelCount) -> K) -> BTreeMap<K, Steps> {
    let mut sums: BTreeMap<K, Steps> = BTreeMap::new();
    for count in funnel {
        *sums.entry(key(count)).or_default().entry(count.step).or_default() += count.count;
    }
    sums
}

/// Failed answers by their reason, the most frequent first.
pub fn failures(funnel: &[proto::FunnelCount]) -> Vec<(String, i64)> {
    let mut sums: BTreeMap<String, i64> = BTreeMap::new();
    for count in funnel.iter().filter(|count| count.step() == FunnelStep::Failed) {
        *sums.entry(word(count.failure().as_str_name(), "STEP_FAILURE_")).or_default() += count.count;
    }
    let mut sums: Vec<_> = sums.into_iter().collect();
    sums.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    sums
}

/// All of it.
pub fn tables(stats: &proto::GetStatsResponse) -> String {
    if stats.funnel.is_empty() {
        return "the funnel counts no events yet\n".to_owned();
    }
    let wave = |wave: &u32| if *wave == 0 { "none".to_owned() } else { wave.to_string() };
    let mut text = rows("events of wave", &by_wave(&stats.funnel), wave);
    text.push('\n');
    text += &rows("product", &by(&stats.funnel, |count| count.product.clone()), |product| plain(product));
    let methods: Vec<_> =
        stats.funnel.iter().filter(|count| count.method() != proto::Method::Unspecified).cloned().collect();
    if !methods.is_empty() {
        let name = |method: &proto::Method| word(method.as_str_name(), "METHOD_");
        let methods = by(&methods, proto::FunnelCount::method);
        text.push('\n');
        text += &rows("method", &methods, name);
    }
    let failures = failures(&stats.funnel);
    if !failures.is_empty() {
        let each: Vec<_> = failures.iter().map(|(reason, count)| format!("{reason} {count}")).collect();
        let _ = writeln!(text, "\nfailed: {}", each.join(", "));
    }
    if !stats.hours.is_empty() {
        let hours = stats.hours.iter().map(|hour| {
            let steps = hour.steps.iter().map(|one| (one.step, one.count)).collect();
            (instant(hour.hour_time.as_ref()), steps)
        });
        text.push('\n');
        text += &rows("hour", &hours.collect(), |hour: &String| hour.clone());
    }
    let _ = writeln!(text, "\nevents up to {}", instant(stats.fold_time.as_ref()));
    text
}

/// A column for each step of which any row has any.
fn rows<K: Ord>(first: &str, sums: &BTreeMap<K, Steps>, name: impl Fn(&K) -> String) -> String {
    let all = sums.values().flatten().fold(Steps::new(), |mut all, (step, count)| {
        *all.entry(*step).or_default() += count;
        all
    });
    let steps: Vec<_> = present(&all).into_iter().map(|(step, _)| step).collect();
    let names: Vec<_> = steps.iter().map(|step| step_name(*step)).collect();
    let header: Vec<&str> = std::iter::once(first).chain(names.iter().map(String::as_str)).collect();
    let rows = sums.iter().map(|(key, counts)| {
        let count = |step: &FunnelStep| counts.get(&i32::from(*step)).copied().unwrap_or(0).to_string();
        std::iter::once(name(key)).chain(steps.iter().map(count)).collect()
    });
    columns(&header, rows)
}
