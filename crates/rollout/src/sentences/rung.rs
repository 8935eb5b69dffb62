//! What a rule of a ladder says of the account, and from when on.

use tidegate_core::{
    LadderRule, Ordinal, ProductKey, Rollout, Rule, RuleAsked, Rung, Standing, Timestamp, Word as _,
};

use super::{
    audience as audience_words,
    phrases::{all_of, count, instant, quoted},
};
use crate::ladder::{self, Bound, Deadline, LadderAnswer};

/// Every rule up to the first that is for the account.
pub fn asked(
    rollout: &Rollout,
    (product, standing): (&ProductKey, &Standing),
    reached: bool,
    now: Timestamp,
) -> Vec<RuleAsked> {
    let decides = ladder::bind(rollout, product, standing, reached);
    let last = decides.map_or(rollout.ladder.len(), |bound| bound.place() + 1);
    let asked = rollout.ladder.iter().enumerate().take(last).map(|(place, rule)| {
        let bound = decides.filter(|bound| bound.place() == place);
        let said = match bound {
            Some(bound) => bound
                .at(now)
                .map_or_else(|| not_begun(rule), |answer| answered(&bound, &answer, standing, product)),
            None => not_for(rollout, rule, (product, standing), reached),
        };
        RuleAsked {
            rollout: rollout.key.clone(),
            rule: Rule::Ladder,
            wave: Some(Ordinal(u32::try_from(place + 1).unwrap_or(u32::MAX))),
            holds: bound.is_some(),
            sentence: format!("{}: {said}", name(place, rule)),
        }
    });
    asked.collect()
}

/// Its place and its title: `rule 2 'Everybody'`.
pub fn name(place: usize, rule: &LadderRule) -> String {
    format!("rule {} {}", place + 1, quoted(&rule.title))
}

fn not_begun(rule: &LadderRule) -> String {
    match rule.phases.first() {
        Some(first) => {
            format!("for the account, and {} from {} on", first.rung.as_str(), instant(first.from))
        }
        None => "for the account, and without a date".to_owned(),
    }
}

fn not_for(
    rollout: &Rollout,
    rule: &LadderRule,
    (product, standing): (&ProductKey, &Standing),
    reached: bool,
) -> String {
    let products = ladder::products(rollout, rule);
    if !products.contains(product) {
        let named = all_of(products.iter().map(ToString::to_string));
        return format!("for {named}, not for {product}");
    }
    if rule.within_waves && !reached {
        return "only for accounts that a wave has reached, and none has reached this one".to_owned();
    }
    format!("not for the account{}", tests(rule, product, standing))
}

fn tests(rule: &LadderRule, product: &ProductKey, standing: &Standing) -> String {
    let tests = rule.audience.as_ref().map(|tree| audience_words::sentence(tree, standing, product));
    tests.map(|tests| format!(" ({tests})")).unwrap_or_default()
}

fn answered(
    bound: &Bound<'_>,
    answer: &LadderAnswer<'_>,
    standing: &Standing,
    product: &ProductKey,
) -> String {
    let rule = bound.rule;
    let since = ladder::phase(rule, answer.now).map(|phase| instant(phase.from)).unwrap_or_default();
    let tests = tests(rule, product, standing);
    format!("for the account{tests}, {} since {since}{}", answer.rung.as_str(), person(answer))
}

/// What the rung means for this account.
pub fn person(answer: &LadderAnswer<'_>) -> String {
    let (rule, marks) = (answer.bound.rule, answer.bound.marks());
    if answer.rung < Rung::Required {
        let next = ladder::demanding(rule).map(|phase| (phase.rung.as_str(), instant(phase.from)));
        return next.map(|(rung, from)| format!("; {rung} from {from} on")).unwrap_or_default();
    }
    let mut parts = Vec::new();
    match (rule.grace.days, marks.told_at) {
        (Some(days), Some(told)) => {
            parts.push(format!(
                "the account was told on {} and has {}",
                instant(told),
                count(days as usize, "day")
            ));
        }
        (Some(days), None) => {
            let days = count(days as usize, "day");
            parts.push(format!(
                "the account has {days} from the day on which it is told, and was not told yet"
            ));
        }
        (None, _) => {}
    }
    if let Some(skips) = rule.grace.skips {
        parts.push(format!("it has used {} of {}", marks.skips, count(skips.count as usize, "skip")));
    }
    if !marks.extension.is_zero() && answer.rung != Rung::Locked {
        let days = marks.extension.micros() / tidegate_core::Span::days(1).micros();
        parts.push(format!("support gave it {} more", count(usize::try_from(days).unwrap_or(0), "day")));
    }
    if let Some(until) = marks.postponed_until.filter(|_| answer.rung != Rung::Locked) {
        parts.push(format!("its owner put the set-up off until {}", instant(until)));
    }
    parts.push(match (answer.enforced_since(), answer.deadline) {
        (Some(since), _) => format!("two-step must be on since {}", instant(since)),
        (None, Deadline::Held(at)) => format!(
            "the clock stands still while the rollout is held; if it went on now, two-step would have to be on by {}",
            instant(at)
        ),
        (None, Deadline::At(at)) if answer.now < at => format!("two-step must be on by {}", instant(at)),
        (None, Deadline::At(_)) => {
            let until = marks.exempt_until.map(instant).unwrap_or_default();
            format!("the account is exempt until {until}")
        }
        (None, Deadline::Open | Deadline::None) => "it has no last day yet".to_owned(),
    });
    format!("; {}", parts.join("; "))
}
