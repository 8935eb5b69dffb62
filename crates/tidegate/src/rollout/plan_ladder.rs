//! What differs between the ladder of a file and the ladder that stands.

use tidegate_proto::{self as proto, Requirement, audience::Kind};

use super::{plan::PlannedChange, show, show_ladder};

/// The rules of a file, where `now` in the first phase of a rule is what already began in the rule at the same place: else
/// each `apply` would begin it once more.
pub fn begun(file: &[proto::LadderRule], standing: &[proto::LadderRule]) -> Vec<proto::LadderRule> {
    let with_start = |(place, rule): (usize, &proto::LadderRule)| {
        let mut rule = rule.clone();
        let stands = standing.get(place).and_then(|stands| stands.phases.first());
        if let (Some(first), Some(stands)) = (rule.phases.first_mut(), stands)
            && first.from_time.is_none()
            && first.local.is_none()
            && first.rung == stands.rung
        {
            (first.from_time, first.local) = (stands.from_time, stands.local.clone());
        }
        rule
    };
    file.iter().enumerate().map(with_start).collect()
}

/// Every difference, rule by rule.
pub fn ladder_changes(file: &[proto::LadderRule], standing: &[proto::LadderRule]) -> Vec<PlannedChange> {
    let mut changes = Vec::new();
    let whole = |place: usize, field, before: String, after: String| PlannedChange {
        of: format!("ladder rule {}", place + 1),
        field,
        before,
        after,
    };
    for place in 0..file.len().max(standing.len()) {
        match (standing.get(place), file.get(place)) {
            (Some(before), Some(after)) => changes.extend(rule_changes(place, before, after)),
            (None, Some(after)) => {
                changes.push(whole(place, "added", String::new(), show_ladder::described(after)));
            }
            (Some(before), None) => {
                changes.push(whole(place, "removed", String::new(), show_ladder::described(before)));
            }
            (None, None) => {}
        }
    }
    changes
}

fn rule_changes(place: usize, before: &proto::LadderRule, after: &proto::LadderRule) -> Vec<PlannedChange> {
    let of = format!("ladder rule {}", place + 1);
    let of = of.as_str();
    let text = |read: fn(&proto::LadderRule) -> String| (read(before), read(after));
    let fields = [
        ("title", text(|rule| crate::output::plain(&rule.title))),
        ("products", text(show_ladder::products)),
        ("dates", text(show_ladder::phases)),
        ("demands", text(show_ladder::demands)),
        ("grace", text(show_ladder::patience)),
    ];
    let changes = fields.into_iter().filter(|(_, (before, after))| before != after);
    let mut changes: Vec<_> = changes
        .map(|(field, (before, after))| PlannedChange { of: of.to_owned(), field, before, after })
        .collect();
    let is_for = |rule: &proto::LadderRule| (rule.audience.as_ref().map(ordered), rule.within_waves);
    // Two audiences can read alike, so not their sentences are compared.
    if is_for(before) != is_for(after) {
        let (before, after) = (show_ladder::whom(before), show_ladder::whom(after));
        changes.push(PlannedChange { of: of.to_owned(), field: "audience", before, after });
    }
    changes
}

/// Whether the ladder of the file may make two-step required of an account of which it is not, or earlier, or by more. A
/// rule that demands something does so unless the rule at its place demands as much as early of the same accounts, and the
/// rules before it are for the same accounts.
pub fn requires_more(file: &[proto::LadderRule], standing: &[proto::LadderRule]) -> bool {
    let is_for = |rule: &proto::LadderRule| {
        (rule.audience.as_ref().map(ordered), show_ladder::products(rule), rule.within_waves)
    };
    file.iter().enumerate().any(|(place, rule)| {
        let Some(phase) = show_ladder::demanding(rule) else { return false };
        let (Some(same), Some(before)) = (file.get(..=place), standing.get(..=place)) else { return true };
        let Some(stands) = before.last() else { return true };
        let by_then = show_ladder::demanding(stands).is_some_and(|stands| {
            let (from, now) = (phase.from_time.as_ref(), stands.from_time.as_ref());
            show_ladder::micros(now) <= show_ladder::micros(from) && phase.rung <= stands.rung
        });
        let for_others = same.iter().map(is_for).ne(before.iter().map(is_for));
        for_others || !by_then || demanded(rule) > demanded(stands)
    })
}

fn demanded(rule: &proto::LadderRule) -> i32 {
    if rule.demands() == Requirement::Unspecified { Requirement::SecondStep.into() } else { rule.demands }
}

/// The audience with the values of each test in order, as the server keeps them.
pub fn ordered(audience: &proto::Audience) -> proto::Audience {
    let list = |list: &proto::AudienceList| proto::AudienceList {
        audiences: list.audiences.iter().map(ordered).collect(),
    };
    let kind = audience.kind.as_ref().map(|kind| match kind {
        Kind::All(all) => Kind::All(list(all)),
        Kind::Any(any) => Kind::Any(list(any)),
        Kind::Not(not) => Kind::Not(Box::new(ordered(not))),
        Kind::Test(test) => {
            let mut test = test.clone();
            test.any_of.sort();
            test.any_of.dedup();
            Kind::Test(test)
        }
    });
    proto::Audience { kind }
}

/// What a ladder that requires more requires, as a person confirms it.
pub fn requirements(file: &[proto::LadderRule]) -> String {
    let rules = file.iter().enumerate().filter_map(|(place, rule)| {
        let phase = show_ladder::demanding(rule)?;
        let (name, from) = (show_ladder::rule_name(place, rule), show_ladder::from(phase));
        Some(format!(
            "{name}: {} of {} from {from} on",
            show_ladder::demands(rule),
            show::audience(rule.audience.as_ref())
        ))
    });
    rules.collect::<Vec<_>>().join("\n")
}
