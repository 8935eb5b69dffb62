//! The decision: pure, total, and the only place that knows.
//!
//! Of each rollout that covers the product, the first of these that holds: two-step acts for the
//! account here → visible; it was shown to it, and not rolled back → visible; denied → not; stopped → not;
//! held out → not; allowed where a wave has started → visible; a started wave reaches it → visible; not yet.
//! Of several rollouts the strongest answer counts, then the first by key.
//!
//! Two-step is one switch per account. It acts at a product once the account is reached there, and
//! from then on for good: only there is a second step asked.

use tidegate_core::{
    FirstShown, LedgerEntry, Product, Reason, Revision, Rollout, RolloutKey, Rule, RuleAsked, Standing,
    Timestamp, Wave,
};

use crate::{DecisionTrace, Verdict, audience, bucket, waves};

/// What one rollout says of the account at the product.
#[derive(Clone, Copy)]
struct Answer<'a> {
    reason: Reason,
    rollout: Option<&'a RolloutKey>,
    revision: Option<Revision>,
    wave: Option<&'a Wave>,
    /// Since when two-step acts here.
    active_since: Option<Timestamp>,
    /// The first instant at which the account was reached here, by whatever.
    reached_since: Option<Timestamp>,
}

const NO_ROLLOUT: Answer<'_> = Answer {
    reason: Reason::NoRollout,
    rollout: None,
    revision: None,
    wave: None,
    active_since: None,
    reached_since: None,
};

pub fn decide<'a>(
    product: &'a Product,
    rollouts: impl Iterator<Item = &'a Rollout>,
    standing: &'a Standing,
    now: Timestamp,
) -> Verdict<'a> {
    judge(product, rollouts, standing, now, &mut ())
}

/// The same decision, and every rule that was asked on the way to it.
pub fn explain<'a>(
    product: &'a Product,
    rollouts: impl Iterator<Item = &'a Rollout>,
    standing: &'a Standing,
    now: Timestamp,
) -> (Verdict<'a>, Vec<RuleAsked>) {
    let mut trace = Vec::new();
    let verdict = judge(product, rollouts, standing, now, &mut trace);
    (verdict, trace)
}

fn judge<'a>(
    product: &'a Product,
    rollouts: impl Iterator<Item = &'a Rollout>,
    standing: &'a Standing,
    now: Timestamp,
    trace: &mut impl DecisionTrace,
) -> Verdict<'a> {
    let (mut best, mut reached_since) = (NO_ROLLOUT, None);
    let covering = rollouts.filter(|rollout| waves::covers(rollout, &product.key));
    let answers = covering.map(|rollout| ask(rollout, product, standing, trace));
    // Where two-step acted once it acts for good, whatever became of the rollout (INV-42).
    let here = standing.ledger.iter().filter(|entry| entry.product == product.key);
    let kept = here.filter(|entry| entry.active_since.is_some()).map(active);
    for answer in kept.chain(answers) {
        reached_since = earlier(reached_since, answer.reached_since);
        if answer.is_stronger_than(&best) {
            best = answer;
        }
    }
    Verdict {
        product,
        standing,
        reason: best.reason,
        rollout: best.rollout,
        revision: best.revision,
        wave: best.wave.map(|wave| wave.ordinal),
        // It never moves later, because sessions are measured against it (INV-16).
        reached_since,
        evaluated_at: now,
    }
}

fn active(entry: &LedgerEntry) -> Answer<'_> {
    Answer {
        reason: Reason::Active,
        rollout: Some(&entry.rollout),
        active_since: entry.active_since,
        reached_since: entry.active_since,
        ..NO_ROLLOUT
    }
}

fn ask<'a>(
    rollout: &'a Rollout,
    product: &Product,
    standing: &'a Standing,
    trace: &mut impl DecisionTrace,
) -> Answer<'a> {
    let here = |entry: &&LedgerEntry| entry.rollout == rollout.key && entry.product == product.key;
    let entry = standing.ledger.iter().find(here);
    let active_since = entry.and_then(|entry| entry.active_since);
    let shown = entry.and_then(|entry| entry.shown);
    let still_shown = shown.filter(|shown| waves::still_shown(rollout, *shown));
    let mut holds = |rule: Rule, holds: bool, saw: &dyn Fn() -> String| {
        trace.asked(rollout, rule, None, holds, saw);
        holds
    };
    let is_active = holds(Rule::Active, active_since.is_some(), &|| told("acts here since", active_since));
    let was_shown = !is_active
        && holds(Rule::Shown, still_shown.is_some(), &|| match (shown, still_shown) {
            (Some(shown), None) => format!("shown at {}, and rolled back since", shown.at),
            _ => told("first shown at", still_shown.map(|shown| shown.at)),
        });
    // What the waves say is told of who was reached before, too; it decides of everybody else.
    let kept = is_active || was_shown;
    let (anew, wave) = reach(rollout, product, standing, trace, kept);
    let reason = match (is_active, was_shown) {
        (true, _) => Reason::Active,
        (false, true) => Reason::Shown,
        (false, false) => anew,
    };
    // Neither a stop nor a list that keeps others out makes sessions last longer (INV-16).
    let by = if kept { reached_by(rollout, product, standing, still_shown) } else { wave };
    let shown_since = still_shown.map(|shown| shown.at);
    Answer {
        reason,
        rollout: Some(&rollout.key),
        revision: Some(rollout.revision),
        wave: wave.filter(|_| anew != Reason::Allowed),
        active_since,
        reached_since: earlier(active_since, earlier(shown_since, by.and_then(|wave| wave.started_at))),
    }
}

fn earlier(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// The wave by which an account was reached that was shown the feature, or for which two-step acts.
fn reached_by<'a>(
    rollout: &'a Rollout,
    product: &Product,
    standing: &Standing,
    shown: Option<FirstShown>,
) -> Option<&'a Wave> {
    let first = || waves::started(rollout, &product.key).next();
    match shown {
        Some(FirstShown { wave: Some(wave), .. }) => rollout.wave(wave).filter(|wave| wave.is_started()),
        // It was allowed then; before revisions were kept it is not known what it was.
        Some(FirstShown { revision, .. }) if revision >= Revision::FIRST => first(),
        _ if rollout.allow.includes(standing) => first(),
        _ => waves::reaching(rollout, &product.key, standing),
    }
}

/// What the rollout says of an account that it has not reached before: the reason, and the wave by which
/// it is reached. Not told to the trace where something before it decided.
fn reach<'a>(
    rollout: &'a Rollout,
    product: &Product,
    standing: &Standing,
    trace: &mut impl DecisionTrace,
    decided: bool,
) -> (Reason, Option<&'a Wave>) {
    let key = &product.key;
    let mut asked = |rule: Rule, wave: Option<&Wave>, holds: bool, saw: &dyn Fn() -> String| {
        if !decided {
            trace.asked(rollout, rule, wave, holds, saw);
        }
        holds
    };
    if asked(Rule::Deny, None, rollout.deny.includes(standing), &|| named(standing)) {
        return (Reason::Denied, None);
    }
    if asked(Rule::Stop, None, rollout.stop.is_some(), &|| {
        told("stopped since", rollout.stop.as_ref().map(|stop| stop.since))
    }) {
        return (Reason::Stopped, None);
    }
    let bucket = bucket::of(rollout, standing);
    let held_out = rollout.holdout.holds_from_the_end(bucket);
    if asked(Rule::Holdout, None, held_out, &|| {
        format!("bucket {}, the last {} are held out", bucket.number(), rollout.holdout.ppm())
    }) {
        return (Reason::HeldOut, None);
    }
    let first = || waves::started(rollout, key).next();
    let allowed = if rollout.allow.includes(standing) { first() } else { None };
    if asked(Rule::Allow, None, allowed.is_some(), &|| match first() {
        Some(_) => named(standing),
        None => format!("no wave has started at {key}"),
    }) {
        return (Reason::Allowed, allowed);
    }
    for wave in waves::started(rollout, key) {
        let reaches = waves::reaches(wave, key, bucket, standing);
        if asked(Rule::Wave, Some(wave), reaches, &|| {
            let audience = audience::saw(wave.audience.as_ref(), standing, key);
            format!("bucket {}, edge {}; audience: {audience}", bucket.number(), wave.edge.ppm())
        }) {
            return (Reason::Wave, Some(wave));
        }
    }
    (Reason::NotYet, None)
}

fn named(standing: &Standing) -> String {
    let customer = standing.customer.as_ref().map(|customer| format!(" of customer {}", customer.key));
    format!("{}{}", standing.account, customer.unwrap_or_default())
}

fn told(what: &str, at: Option<Timestamp>) -> String {
    at.map_or_else(|| "never".to_owned(), |at| format!("{what} {at}"))
}

impl Answer<'_> {
    /// Active before shown, allowed or by wave, before the reasons for no; among equals the one that acted
    /// first, then the first by key, in whatever order they come; with its revision before without.
    fn is_stronger_than(&self, other: &Self) -> bool {
        use std::cmp::Reverse;
        let place = |answer: &Self| {
            (rank(answer.reason), Reverse(answer.active_since), Reverse(answer.rollout), answer.revision)
        };
        place(self) > place(other)
    }
}

const fn rank(reason: Reason) -> u8 {
    match reason {
        Reason::NoRollout => 0,
        Reason::NotYet => 1,
        Reason::HeldOut => 2,
        Reason::Stopped => 3,
        Reason::Denied => 4,
        Reason::Wave => 5,
        Reason::Allowed => 6,
        Reason::Shown => 7,
        Reason::Active => 8,
    }
}
