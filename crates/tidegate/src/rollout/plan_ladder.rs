//! What differs between the ladder of a file and the ladder that stands.

use tidegate_core::Timestamp;
use tidegate_proto::{self as proto, Requirement, Rung, audience::Kind};

use super::{plan::PlannedChange, show_ladder};

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

/// The places of the rules that may make two-step required of an account of which it is not, or earlier, or by more. A rule
/// that demands something does so unless a rule that stands is for the same accounts and as strict, and no account came to a
/// milder rule before that one. Each rule has its products.
pub fn stricter(file: &[proto::LadderRule], standing: &[proto::LadderRule]) -> Vec<usize> {
    let is_stricter = |place: usize, rule: &proto::LadderRule| {
        let before = |which: usize| standing.iter().take(which);
        let is_met = |(which, stands): (usize, &proto::LadderRule)| {
            let milder = before(which).filter(|milder| !as_strict(milder, rule));
            includes(stands, rule)
                && as_strict(stands, rule)
                && milder.clone().all(|milder| file.iter().take(place).any(|one| includes(one, milder)))
        };
        show_ladder::demanding(rule).is_some() && !standing.iter().enumerate().any(is_met)
    };
    let rules = file.iter().enumerate().filter(|(place, rule)| is_stricter(*place, rule));
    rules.map(|(place, _)| place).collect()
}

/// The places of the rules that send a mail of day 0 to accounts that none that stands sends it to, or sends it later.
pub fn mailing(file: &[proto::LadderRule], standing: &[proto::LadderRule]) -> Vec<usize> {
    let is_new = |rule: &proto::LadderRule| {
        let mails = |stands: &proto::LadderRule| {
            let by_then = told_from(stands).zip(told_from(rule)).is_some_and(|(theirs, ours)| theirs <= ours);
            includes(stands, rule) && by_then
        };
        told_from(rule).is_some() && !standing.iter().any(mails)
    };
    let rules = file.iter().enumerate().filter(|(_, rule)| is_new(rule));
    rules.map(|(place, _)| place).collect()
}

/// From when on the mail of day 0 goes out: at the first rung that tells accounts of what will be required. `Some(None)`: it begins
/// when the ladder is set.
pub fn told_from(rule: &proto::LadderRule) -> Option<Option<Timestamp>> {
    show_ladder::demanding(rule)?;
    let tells = rule.phases.iter().find(|phase| phase.rung() >= Rung::Nudge)?;
    let mails = rule.reminder_days.first() == Some(&0);
    mails.then(|| show_ladder::micros(tells.from_time.as_ref()))
}

/// Whether `wide` is for every account that `narrow` is for.
fn includes(wide: &proto::LadderRule, narrow: &proto::LadderRule) -> bool {
    let audience = |rule: &proto::LadderRule| rule.audience.as_ref().map(ordered);
    let same = wide.audience.is_none() || audience(wide) == audience(narrow);
    let products = show_ladder::products(wide) == show_ladder::products(narrow)
        || !narrow.products.is_empty() && narrow.products.iter().all(|one| wide.products.contains(one));
    same && products && (!wide.within_waves || narrow.within_waves)
}

/// Whether `stands` demands as much as `rule` does, as early and with as little grace.
fn as_strict(stands: &proto::LadderRule, rule: &proto::LadderRule) -> bool {
    let from = |rule: &proto::LadderRule, least: Rung| {
        let phase = rule.phases.iter().find(|phase| phase.rung() >= least)?;
        // What begins now begins before everything else.
        Some(show_ladder::micros(phase.from_time.as_ref()))
    };
    let dates = [Rung::Required, Rung::Locked].into_iter().all(|least| {
        let (ours, theirs) = (from(rule, least), from(stands, least));
        ours.is_none_or(|ours| theirs.is_some_and(|theirs| theirs <= ours))
    });
    let (ours, theirs) = (show_ladder::whole_grace(rule), show_ladder::whole_grace(stands));
    let cap = |grace: &proto::Grace| show_ladder::micros(grace.cap_time.as_ref());
    let capped = cap(&ours).is_none_or(|ours| cap(&theirs).is_some_and(|theirs| theirs <= ours));
    let put_off = |rule: &proto::LadderRule| rule.postponement.map_or(0, |span| span.seconds);
    let patience = theirs.days <= ours.days && theirs.skips <= ours.skips && capped;
    dates && patience && put_off(stands) <= put_off(rule) && demanded(rule) <= demanded(stands)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(from: i64, rung: Rung) -> proto::LadderRule {
        let from_time = Some(proto::Timestamp { seconds: from, nanos: 0 });
        let phase = proto::LadderPhase { from_time, rung: rung.into(), ..Default::default() };
        proto::LadderRule { title: "Everybody".into(), phases: vec![phase], ..Default::default() }
    }

    fn graced(days: u32) -> proto::LadderRule {
        let grace = Some(proto::Grace { days, ..Default::default() });
        proto::LadderRule { grace, ..rule(100, Rung::Required) }
    }

    fn within(rule: proto::LadderRule) -> proto::LadderRule {
        proto::LadderRule { within_waves: true, ..rule }
    }

    fn at(product: &str, rule: proto::LadderRule) -> proto::LadderRule {
        proto::LadderRule { products: vec![product.into()], ..rule }
    }

    #[test]
    fn a_mail_is_new_where_no_rule_sends_it_as_early() {
        let mailed = |from| proto::LadderRule { reminder_days: vec![0, 15], ..rule(from, Rung::Required) };
        for (file, standing, places) in [
            (vec![mailed(100)], vec![], vec![0]),
            (vec![mailed(100)], vec![mailed(100)], vec![]),
            (vec![mailed(101)], vec![mailed(100)], vec![]),
            (vec![mailed(99)], vec![mailed(100)], vec![0]),
            (vec![mailed(100)], vec![rule(100, Rung::Required)], vec![0]),
            (vec![rule(100, Rung::Required)], vec![], vec![]),
            (vec![within(mailed(100))], vec![mailed(100)], vec![]),
            (vec![mailed(100)], vec![within(mailed(100))], vec![0]),
            // Nothing is required, so nobody is told.
            (vec![proto::LadderRule { reminder_days: vec![0], ..rule(1, Rung::Nudge) }], vec![], vec![]),
        ] {
            assert_eq!(mailing(&file, &standing), places, "{file:?} {standing:?}");
        }
    }

    #[test]
    fn what_loosens_requires_nothing_more() {
        let required = || rule(100, Rung::Required);
        let locked = || rule(100, Rung::Locked);
        for (file, standing, places) in [
            (vec![required()], vec![], vec![0]),
            (vec![required()], vec![required()], vec![]),
            // Later, milder, of fewer accounts, with more grace.
            (vec![rule(101, Rung::Required)], vec![required()], vec![]),
            (vec![required()], vec![locked()], vec![]),
            (vec![rule(100, Rung::Nudge)], vec![required()], vec![]),
            (vec![within(required())], vec![required()], vec![]),
            (vec![at("kasa", required())], vec![at("kasa", locked())], vec![]),
            (vec![graced(31)], vec![required()], vec![]),
            (vec![], vec![required()], vec![]),
            // The other way round.
            (vec![rule(99, Rung::Required)], vec![required()], vec![0]),
            (vec![locked()], vec![required()], vec![0]),
            (vec![required()], vec![within(required())], vec![0]),
            (vec![graced(29)], vec![required()], vec![0]),
            (vec![at("tapo", required())], vec![at("kasa", required())], vec![0]),
            // A rule goes away: what came after it is now at its place.
            (vec![required()], vec![within(locked()), required()], vec![]),
            // It kept accounts away from what is required.
            (vec![required()], vec![within(rule(0, Rung::Optional)), required()], vec![0]),
            (
                vec![within(rule(0, Rung::Nudge)), required()],
                vec![within(rule(0, Rung::Optional)), required()],
                vec![],
            ),
            // Of two rules, the one that requires more is named.
            (vec![within(required()), locked()], vec![within(required()), required()], vec![1]),
        ] {
            assert_eq!(stricter(&file, &standing), places, "{file:?} {standing:?}");
        }
    }
}
