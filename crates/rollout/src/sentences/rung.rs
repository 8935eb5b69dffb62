//! What a rule of a ladder says of the account, and from when on.

use tidegate_core::{
    LadderRule, LocalDateTime, Ordinal, Phase, ProductKey, Requirement, Rollout, Rule, RuleAsked, Rung, Span,
    Standing, Timestamp,
};

use super::{
    audience as audience_words,
    phrases::{all_of, count, instant, quoted},
};
use crate::ladder::{self, Deadline, LadderAnswer};

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
            Some(bound) => {
                let tests = tests(rule, product, standing);
                let says = bound.at(now).map_or_else(|| not_begun(rule), |answer| answered(&answer));
                format!("is for the account{tests}: {says}")
            }
            None => not_for(rollout, rule, (product, standing), reached),
        };
        RuleAsked {
            rollout: rollout.key.clone(),
            rule: Rule::Ladder,
            wave: Some(Ordinal(u32::try_from(place + 1).unwrap_or(u32::MAX))),
            holds: bound.is_some(),
            sentence: format!("{} {said}", name(place, rule)),
        }
    });
    asked.collect()
}

/// Instead of the rules, for an account that the rollout leaves out.
pub fn denied(rollout: &Rollout) -> RuleAsked {
    RuleAsked {
        rollout: rollout.key.clone(),
        rule: Rule::Ladder,
        wave: None,
        holds: false,
        sentence: "no rule of the ladder is asked, because the account is left out by name".to_owned(),
    }
}

/// Its place and its title: `ladder rule 2 'Everybody'`.
pub fn name(place: usize, rule: &LadderRule) -> String {
    format!("ladder rule {} {}", place + 1, quoted(&rule.title))
}

/// `it asks nothing yet; optional from 2027-01-01 00:00 UTC on and required from 2027-01-22 00:00 Europe/Berlin on`
pub fn not_begun(rule: &LadderRule) -> String {
    let phases = rule.phases.iter().map(ahead);
    match rule.phases.len() {
        0 => "it asks nothing, because it has no date".to_owned(),
        _ => format!("it asks nothing yet; {}", all_of(phases)),
    }
}

fn ahead(phase: &Phase) -> String {
    format!("{} from {} on", called(phase.rung), start(phase))
}

/// What two-step is at the rung.
const fn called(rung: Rung) -> &'static str {
    match rung {
        Rung::Optional => "optional",
        Rung::Nudge => "advised",
        Rung::Required => "required",
        Rung::Locked => "locked",
    }
}

/// As it was planned, with its zone.
fn start(phase: &Phase) -> String {
    let local = |local: LocalDateTime| local.to_string().replace('T', " ");
    phase
        .planned
        .as_ref()
        .map_or_else(|| instant(phase.from), |planned| format!("{} {}", local(planned.local), planned.zone))
}

fn not_for(
    rollout: &Rollout,
    rule: &LadderRule,
    (product, standing): (&ProductKey, &Standing),
    reached: bool,
) -> String {
    let products = ladder::products(rollout, rule);
    if products.is_empty() {
        return "is for no product".to_owned();
    }
    if !products.contains(product) {
        let named = all_of(products.iter().map(ToString::to_string));
        return format!("is for {named}, and not for {product}");
    }
    if rule.within_waves && !reached {
        let none =
            "is only for accounts that a wave of the rollout has reached, and none has reached this one";
        return none.to_owned();
    }
    format!("is not for the account{}", tests(rule, product, standing))
}

fn tests(rule: &LadderRule, product: &ProductKey, standing: &Standing) -> String {
    let tests = rule.audience.as_ref().map(|tree| audience_words::sentence(tree, standing, product));
    tests.map(|tests| format!(" ({tests})")).unwrap_or_default()
}

fn answered(answer: &LadderAnswer<'_>) -> String {
    let since = ladder::phase(answer.bound.rule, answer.now).map(start).unwrap_or_default();
    format!("two-step has been {} since {since}{}", called(answer.rung), person(answer))
}

/// What the rung means for this account.
pub fn person(answer: &LadderAnswer<'_>) -> String {
    let (rule, marks) = (answer.bound.rule, answer.bound.marks());
    let mut parts = Vec::new();
    if answer.rung < Rung::Required {
        parts.extend(answer.skipped_until().map(skipped));
        let later = rule.phases.iter().filter(|phase| phase.from > answer.now);
        let later: Vec<_> = later.map(ahead).collect();
        if !later.is_empty() {
            parts.push(all_of(later.into_iter()));
        }
        return joined(&parts);
    }
    match answer.rung {
        Rung::Locked => parts.push("no exemption counts".to_owned()),
        Rung::Optional | Rung::Nudge | Rung::Required => {}
    }
    parts.extend(patience(answer));
    // What was got for a rung that is not locked counts no more once it is.
    if answer.rung != Rung::Locked {
        if !marks.extension.is_zero() {
            parts.push(format!("support gave it {} more", length(marks.extension)));
        }
        if let Some(until) = marks.postponed_until {
            parts.push(format!("its owner put the set-up off until {}", instant(until)));
        }
        if let Some(until) = marks.exempt_until.filter(|until| answer.now < *until) {
            parts.push(format!("support exempted it until {}", instant(until)));
        }
    }
    parts.extend(answer.skipped_until().map(skipped));
    parts.push(deadline(answer));
    parts.extend(held(answer));
    joined(&parts)
}

/// What the rule's grace is, and how much of it is used.
fn patience(answer: &LadderAnswer<'_>) -> Vec<String> {
    let (rule, marks) = (answer.bound.rule, answer.bound.marks());
    let mut parts = Vec::new();
    if let Some(days) = rule.grace.days {
        let days = count(days as usize, "day");
        let cap =
            rule.grace.cap.map(|cap| format!(", but at most until {}", instant(cap))).unwrap_or_default();
        parts.push(match marks.told_at {
            Some(told) => format!("it was told on {}, and has {days} from then on{cap}", instant(told)),
            None => format!("it has {days} from the day on which it is told{cap}, and was not told yet"),
        });
    }
    if let Some(skips) = rule.grace.skips {
        let used = marks.skips.min(skips.count);
        parts.push(format!("its owner has skipped the set-up {used} of {} times", skips.count));
    }
    parts
}

fn skipped(until: Timestamp) -> String {
    format!("its owner skipped it, and is not asked again before {}", instant(until))
}

/// By when two-step must be on, and whether it must be on now.
fn deadline(answer: &LadderAnswer<'_>) -> String {
    if let Some(since) = answer.enforced_since() {
        let once = answer
            .postponable_until()
            .map(|until| format!(", which its owner may put off once, until {}", instant(until)));
        return format!("two-step has had to be on since {}{}", instant(since), once.unwrap_or_default());
    }
    match answer.deadline {
        Deadline::Held(at) => {
            let held = if answer.bound.rollout.stop.is_some() { "stopped" } else { "paused" };
            format!(
                "its days stand still while the rollout is {held}; if it went on now, two-step would have to be on by {}",
                instant(at)
            )
        }
        Deadline::At(at) => {
            // Here it is exempt, or the day lies ahead.
            let until = answer.bound.marks().exempt_until.filter(|_| answer.rung != Rung::Locked);
            format!("two-step must be on by {}", instant(until.map_or(at, |until| at.max(until))))
        }
        Deadline::Open | Deadline::None => "it has no last day yet".to_owned(),
    }
}

/// A pause or a stop, where the account's days do not stand still with it.
fn held(answer: &LadderAnswer<'_>) -> Option<String> {
    let (rollout, at_rest) = (answer.bound.rollout, matches!(answer.deadline, Deadline::Held(_)));
    let since = rollout.held_since().filter(|since| !at_rest && *since <= answer.now)?;
    let held = if rollout.stop.is_some() { "stopped" } else { "paused" };
    Some(format!("the rollout has been {held} since {}, which moves no date of its ladder", instant(since)))
}

/// `3 days`, `36 hours`, `1 minute`.
fn length(span: Span) -> String {
    let units = [(Span::days(1), "day"), (Span::hours(1), "hour"), (Span::minutes(1), "minute")];
    let whole = units.into_iter().find(|(unit, _)| span.micros() % unit.micros() == 0);
    let (unit, noun) = whole.unwrap_or((Span::seconds(1), "second"));
    count(usize::try_from(span.micros() / unit.micros()).unwrap_or_default(), noun)
}

/// What a sign-in asks for.
pub fn asks(requirement: Requirement) -> &'static str {
    match requirement {
        Requirement::None => "a sign-in asks for no second step",
        Requirement::SecondStep => "a sign-in asks for a second step",
        Requirement::Aal2 => {
            "a sign-in asks for a second step that a mailbox or a phone number alone cannot take"
        }
        Requirement::Aal2Phr => "a sign-in asks for a second step that resists phishing",
    }
}

/// Each part after a semicolon.
fn joined(parts: &[String]) -> String {
    if parts.is_empty() { String::new() } else { format!("; {}", parts.join("; ")) }
}
