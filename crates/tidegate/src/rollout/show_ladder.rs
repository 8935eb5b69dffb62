//! Ladders as people read them.

use tidegate_core::{Span, Timestamp, UtcOffset, ZoneName};
use tidegate_proto::{self as proto, Requirement, Rung};
use tidegate_service::zones;

use super::show;
use crate::output::{columns, instant, plain, word};

/// What a rule without `grace` has, in files and in requests.
const DEFAULT_DAYS: u32 = 30;

/// `rule 2 'Everybody'`
pub fn rule_name(place: usize, rule: &proto::LadderRule) -> String {
    format!("rule {} '{}'", place + 1, plain(&rule.title))
}

/// One line a phase, so that every date is seen.
pub fn table(ladder: &[proto::LadderRule]) -> String {
    let rows = ladder.iter().enumerate().flat_map(|(place, rule)| {
        let first = vec![
            (place + 1).to_string(),
            plain(&rule.title),
            whom(rule),
            if rule.products.is_empty() { "the rollout's".to_owned() } else { rule.products.join(", ") },
        ];
        let rest = std::iter::repeat(vec![String::new(); 4]);
        let phases = rule.phases.iter().map(|phase| vec![rung(phase), from(phase)]);
        std::iter::once(first).chain(rest).zip(phases).enumerate().map(move |(nth, (begin, phase))| {
            let end = if nth == 0 { vec![demands(rule), patience(rule)] } else { Vec::new() };
            [begin, phase, end].concat()
        })
    });
    columns(&["rule", "title", "audience", "products", "rung", "from", "demands", "grace"], rows)
}

/// A rule in one line: `'Everybody', every account: optional from now, required from …; grace 30 days`
pub fn described(rule: &proto::LadderRule) -> String {
    let at = if rule.products.is_empty() { String::new() } else { format!(" at {}", products(rule)) };
    format!(
        "'{}', {}{at}: {}; demands {}; grace: {}",
        plain(&rule.title),
        whom(rule),
        phases(rule),
        demands(rule),
        patience(rule)
    )
}

pub fn whom(rule: &proto::LadderRule) -> String {
    let audience = show::audience(rule.audience.as_ref());
    if rule.within_waves { format!("{audience}, reached by a wave") } else { audience }
}

pub fn products(rule: &proto::LadderRule) -> String {
    let mut products: Vec<_> = rule.products.iter().map(|product| plain(product)).collect();
    products.sort();
    products.dedup();
    products.join(", ")
}

pub fn phases(rule: &proto::LadderRule) -> String {
    let phases: Vec<_> =
        rule.phases.iter().map(|phase| format!("{} from {}", rung(phase), from(phase))).collect();
    phases.join(", ")
}

fn rung(phase: &proto::LadderPhase) -> String {
    word(phase.rung().as_str_name(), "RUNG_")
}

/// In its zone, as it was planned.
pub fn from(phase: &proto::LadderPhase) -> String {
    match (&phase.local, &phase.from_time) {
        (Some(local), _) => {
            format!("{} {} ({})", plain(&local.local), plain(&local.zone), plain(&local.offset))
        }
        (None, Some(at)) => instant(Some(at)),
        (None, None) => "now".to_owned(),
    }
}

pub fn demands(rule: &proto::LadderRule) -> String {
    let demands =
        if rule.demands() == Requirement::Unspecified { Requirement::SecondStep } else { rule.demands() };
    word(demands.as_str_name(), "REQUIREMENT_")
}

/// How long a person may put it off.
pub fn patience(rule: &proto::LadderRule) -> String {
    let grace = whole_grace(rule);
    let mut parts = Vec::new();
    if grace.days > 0 {
        let cap = grace.cap_time.map(|cap| format!(", at most until {}", in_zone_of(rule, &cap)));
        parts.push(format!("{}{}", count(i64::from(grace.days), "day"), cap.unwrap_or_default()));
    }
    if grace.skips > 0 {
        let spacing = span(grace.skip_spacing.as_ref());
        parts.push(format!("{}, each {spacing} after the one before", count(i64::from(grace.skips), "skip")));
    }
    if parts.is_empty() {
        parts.push("none".to_owned());
    }
    if let Some(postponement) = &rule.postponement {
        parts.push(format!("once put off by {}", span(Some(postponement))));
    }
    if !rule.reminder_days.is_empty() {
        let days: Vec<_> = rule.reminder_days.iter().map(ToString::to_string).collect();
        parts.push(format!("reminders on days {}", days.join(", ")));
    }
    parts.join("; ")
}

/// In the zone of the rule's phases; in UTC where they have none.
fn in_zone_of(rule: &proto::LadderRule, at: &proto::Timestamp) -> String {
    let shown = || {
        let zone = zone_of(rule)?;
        let at = micros(Some(at))?;
        let local = zones::local_at(at, &zone)?;
        let ahead = local.as_if_utc().unix_seconds() - at.unix_seconds();
        Some(format!("{local} {zone} ({})", UtcOffset::from_seconds(ahead)))
    };
    shown().unwrap_or_else(|| instant(Some(at)))
}

/// The zone in which the rule's phases are planned.
pub fn zone_of(rule: &proto::LadderRule) -> Option<ZoneName> {
    rule.phases.iter().find_map(|phase| phase.local.as_ref())?.zone.parse().ok()
}

/// The grace with what the server takes where a file says nothing.
pub fn whole_grace(rule: &proto::LadderRule) -> proto::Grace {
    let mut grace = rule.grace.unwrap_or(proto::Grace { days: DEFAULT_DAYS, ..Default::default() });
    if grace.skips > 0 && grace.skip_spacing.is_none() {
        grace.skip_spacing = Some(proto::Duration { seconds: 86_400, nanos: 0 });
    }
    grace
}

/// In the largest unit that says it in whole numbers.
fn span(span: Option<&proto::Duration>) -> String {
    let seconds = span.map_or(0, |span| span.seconds);
    match seconds {
        seconds if seconds % 86_400 == 0 => count(seconds / 86_400, "day"),
        seconds if seconds % 3_600 == 0 => count(seconds / 3_600, "hour"),
        seconds => count(seconds / 60, "minute"),
    }
}

fn count(number: i64, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

/// The phases of a rule that make something required.
pub fn demanding(rule: &proto::LadderRule) -> Option<&proto::LadderPhase> {
    rule.phases.iter().find(|phase| matches!(phase.rung(), Rung::Required | Rung::Locked))
}

pub fn micros(at: Option<&proto::Timestamp>) -> Option<Timestamp> {
    let at = at?;
    let whole = Timestamp::from_unix_micros(at.seconds.saturating_mul(1_000_000));
    Some(whole.plus(Span::from_micros(i64::from(at.nanos) / 1_000)))
}
