//! Parts of a rollout as the API spells them in JSON, for comparisons. A default is left out.

use serde_json::{Map, Value, json};
use tidegate_core::{
    Audience, Gate, LadderRule, MethodMove, Phase, PlannedTime, Requirement, Span, Test, Word as _,
};

/// An audience.
pub(super) fn audience(tree: &Audience) -> Value {
    let list = |parts: &[Audience]| json!({ "audiences": parts.iter().map(audience).collect::<Vec<_>>() });
    match tree {
        Audience::All(parts) => json!({ "all": list(parts) }),
        Audience::Any(parts) => json!({ "any": list(parts) }),
        Audience::Not(part) => json!({ "not": audience(part) }),
        Audience::Test(test) => json!({ "test": asked(test) }),
    }
}

fn asked(test: &Test) -> Value {
    let mut asked = Map::new();
    asked.insert("attribute".to_owned(), test.attribute().as_str().into());
    let mut set = |name: &str, value: Value| drop(asked.insert(name.to_owned(), value));
    match test {
        Test::AccountCreated(during) | Test::CustomerCreated(during) => {
            for (name, at) in [("from_time", during.from), ("before_time", during.before)] {
                if let Some(at) = at {
                    set(name, at.to_string().into());
                }
            }
        }
        Test::AccountCountry(any_of) | Test::CustomerCountry(any_of) => set("any_of", json!(any_of)),
        Test::AccountLabel(label) | Test::CustomerLabel(label) => {
            set("label", json!(label.name));
            set("any_of", json!(label.any_of));
        }
        Test::AccountEmailVerified => {}
        Test::AccountMethod(any_of) => set("any_of", json!(any_of)),
        Test::AccountInterest(any_of) => set("any_of", json!(any_of)),
        Test::CustomerKey(any_of) => set("any_of", json!(any_of)),
    }
    Value::Object(asked)
}

/// A rule of a ladder.
pub(super) fn rule(rule: &LadderRule) -> Value {
    let mut told = Map::new();
    let mut set = |name: &str, value: Value| drop(told.insert(name.to_owned(), value));
    set("title", json!(rule.title));
    if let Some(tree) = &rule.audience {
        set("audience", audience(tree));
    }
    if !rule.products.is_empty() {
        set("products", json!(rule.products));
    }
    if rule.within_waves {
        set("within_waves", true.into());
    }
    set("phases", rule.phases.iter().map(phase).collect());
    if rule.demands != Requirement::SecondStep {
        set("demands", rule.demands.as_str().into());
    }
    let mut grace = Map::new();
    grace.extend(rule.grace.days.map(|days| ("days".to_owned(), days.into())));
    grace.extend(rule.grace.cap.map(|cap| ("cap_time".to_owned(), cap.to_string().into())));
    if let Some(skips) = rule.grace.skips {
        grace.insert("skips".to_owned(), skips.count.into());
        grace.insert("skip_spacing".to_owned(), span(skips.spacing));
    }
    set("grace", Value::Object(grace));
    if let Some(postponement) = rule.postponement {
        set("postponement", span(postponement));
    }
    if !rule.reminders.is_empty() {
        set("reminder_days", json!(rule.reminders));
    }
    Value::Object(told)
}

fn phase(phase: &Phase) -> Value {
    let from = match &phase.planned {
        Some(planned) => ("local", local(planned)),
        None => ("from_time", phase.from.to_string().into()),
    };
    json!({ from.0: from.1, "rung": phase.rung.as_str() })
}

/// What a rollout of a method advises.
pub(super) fn method(aim: &MethodMove) -> Value {
    let words = |methods: &[tidegate_core::Method]| -> Value {
        methods.iter().map(|method| Value::from(method.as_str())).collect()
    };
    let mut told = Map::new();
    let mut set = |name: &str, value: Value| drop(told.insert(name.to_owned(), value));
    set("better", words(&aim.to));
    set("weaker", words(&aim.from));
    set("snooze", span(aim.snooze));
    if let Some(snoozes) = aim.snoozes {
        set("snoozes", snoozes.into());
    }
    match aim.ends.as_ref().map(|end| (end.planned.as_ref(), end.at)) {
        Some((Some(planned), _)) => set("end_local", local(planned)),
        Some((None, at)) => set("end_time", at.to_string().into()),
        None => {}
    }
    Value::Object(told)
}

/// `2026-12-07T09:00 Europe/Berlin`.
pub(super) fn local(planned: &PlannedTime) -> Value {
    format!("{} {}", planned.local, planned.zone).into()
}

/// `86400s`.
pub(super) fn span(span: Span) -> Value {
    format!("{}s", span.micros() / 1_000_000).into()
}

/// Gates differ in what they count, so they are told as they are stored, which is how the API names them too.
pub(super) fn gates(gates: &[Gate]) -> Value {
    json!(gates)
}
