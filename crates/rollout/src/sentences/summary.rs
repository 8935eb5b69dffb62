//! The decision and its reason in one sentence.

use tidegate_core::{
    LedgerEntry, Missing, Named, Reason, Requirement, Revision, Rollout, RolloutKey, Timestamp, Word as _,
};

use super::{
    phrases::{self, count, instant, quoted},
    rung, wave,
};
use crate::{
    Verdict, bucket,
    ladder::{self, LadderAnswer},
    waves,
};

pub fn of(verdict: &Verdict<'_>, rollouts: &[Rollout]) -> String {
    let product = verdict.product();
    let rollout = verdict.rollout.and_then(|key| rollouts.iter().find(|rollout| rollout.key == *key));
    let reached = if verdict.visible() { "has reached" } else { "has not reached" };
    let (because, switch) = (because(verdict, rollout), switch(verdict));
    let ahead = rollout.map(|rollout| ladder_ahead(verdict, rollout)).unwrap_or_default();
    format!("two-step {reached} the account at {product}: {because}{ahead}{switch}")
}

/// The words before a summary that is not about now, or not about the rollouts as they are.
pub fn suppositions(at: Option<Timestamp>, under: Option<(&RolloutKey, Revision)>) -> String {
    let at = at.map(|at| format!("as of {}, judged by what is known of the account today", instant(at)));
    let under = under.map(|(key, revision)| format!("with revision {} of the rollout {key}", revision.0));
    let parts: Vec<_> = at.into_iter().chain(under).collect();
    if parts.is_empty() { String::new() } else { format!("{}: ", parts.join(", ")) }
}

fn because(verdict: &Verdict<'_>, rollout: Option<&Rollout>) -> String {
    match (verdict.rollout, rollout) {
        (None, _) => format!("no rollout is for {}", verdict.product()),
        // Only an answer by two-step that has acted here outlives its rollout.
        (Some(key), None) => acted(verdict, &format!("the rollout {key}")),
        (Some(_), Some(rollout)) => answered(verdict, rollout),
    }
}

/// The rollout's answer, with its reason.
fn answered(verdict: &Verdict<'_>, rollout: &Rollout) -> String {
    let the_rollout = format!("the rollout {}", quoted(&rollout.title));
    let by_name = |list: &Named| match &verdict.standing.customer {
        Some(customer) if !list.accounts.contains(&verdict.account()) => {
            format!("the account's customer {}", quoted(&customer.key))
        }
        _ => "the account".to_owned(),
    };
    match verdict.reason {
        Reason::NoRollout | Reason::NotYet => not_yet(verdict, rollout, &the_rollout),
        Reason::Wave => {
            let name = verdict.wave.map(|ordinal| wave::name_of(rollout, ordinal));
            format!("{} of {the_rollout} reaches it", name.unwrap_or_default())
        }
        Reason::Ladder => {
            let rule = verdict.ladder.map(|answer| rung::name(answer.bound.place(), answer.bound.rule));
            format!("{} of {the_rollout} is for it", rule.unwrap_or_default())
        }
        Reason::Shown => {
            let at = entry(verdict).and_then(|entry| entry.shown).map(|shown| instant(shown.at));
            let at = at.unwrap_or_default();
            format!("{the_rollout} first showed it there on {at}, and it stays, unless it is rolled back")
        }
        Reason::Active => acted(verdict, &the_rollout),
        Reason::Allowed => format!("{the_rollout} lets {} in by name", by_name(&rollout.allow)),
        Reason::Denied => format!("{the_rollout} leaves {} out by name", by_name(&rollout.deny)),
        Reason::Stopped => {
            let stopped = rollout.stop.as_ref().map(phrases::stopped);
            format!("{the_rollout} {}", stopped.unwrap_or_default())
        }
        Reason::HeldOut => {
            format!("it is among the {} that {the_rollout} keeps out to compare with", rollout.holdout)
        }
    }
}

fn acted(verdict: &Verdict<'_>, the_rollout: &str) -> String {
    let since = entry(verdict).and_then(|entry| entry.active_since).map(instant).unwrap_or_default();
    format!("it has acted there since {since} by {the_rollout}, and stays, whatever the waves do")
}

/// What happened between the account and the rollout that decided.
fn entry<'a>(verdict: &Verdict<'a>) -> Option<&'a LedgerEntry> {
    let mut ledger = verdict.standing.ledger.iter();
    ledger.find(|entry| Some(&entry.rollout) == verdict.rollout && entry.product == *verdict.product())
}

/// How far the rollout has come at the product, and which wave would reach the account next.
fn not_yet(verdict: &Verdict<'_>, rollout: &Rollout, the_rollout: &str) -> String {
    let (product, standing) = (verdict.product(), verdict.standing);
    let here = rollout.waves.iter().filter(|wave| rollout.products_of(wave).contains(product));
    let (started, waiting): (Vec<_>, Vec<_>) =
        here.partition(|wave| waves::is_started_for(rollout, wave, product));
    let came = match started.as_slice() {
        [] if waiting.is_empty() => format!("{the_rollout} has no wave for {product}"),
        [] if waiting.iter().any(|wave| wave.was_started()) => {
            format!("every wave that {the_rollout} had started at {product} was rolled back")
        }
        [] => format!("{the_rollout} has not started a wave at {product}"),
        [only] => {
            let name = wave::name(only);
            format!("{name}, the only wave that {the_rollout} has started at {product}, does not reach it")
        }
        waves => {
            let number = count(waves.len(), "wave");
            format!("none of the {number} that {the_rollout} has started at {product} reaches it")
        }
    };
    let bucket = bucket::of(rollout, standing);
    let next = waiting.iter().find(|wave| waves::reaches(wave, product, bucket, standing));
    let next = match next {
        // Once a wave has started, the rules before the waves would say no.
        Some(_) if rollout.deny.includes(standing) => "; the account is left out by name".to_owned(),
        Some(_) if rollout.holdout.holds_from_the_end(bucket) => {
            format!("; it is among the {} that are kept out to compare with", rollout.holdout)
        }
        Some(wave) if wave.is_started() => {
            format!("; {} would reach it, and was taken back there", wave::name(wave))
        }
        Some(wave) if wave.was_started() => {
            format!("; {} would reach it, and is rolled back", wave::name(wave))
        }
        Some(wave) => format!("; {} would reach it, and has not started", wave::name(wave)),
        None if waiting.is_empty() => String::new(),
        None if started.is_empty() => "; none would reach it".to_owned(),
        None => "; no other wave would reach it".to_owned(),
    };
    let stopped = rollout.stop.as_ref().map(|stop| format!("; the rollout {}", phrases::stopped(stop)));
    let paused =
        rollout.paused_at.map(|since| format!("; the rollout has been paused since {}", instant(since)));
    format!("{came}{next}{}{}", stopped.unwrap_or_default(), paused.unwrap_or_default())
}

/// What a ladder will ask of an account that nothing has reached yet.
fn ladder_ahead(verdict: &Verdict<'_>, rollout: &Rollout) -> String {
    let bound = ladder::bind(rollout, verdict.product(), verdict.standing, false);
    let bound = bound.filter(|bound| !verdict.visible() && bound.at(verdict.evaluated_at).is_none());
    let said = bound.map(|bound| {
        let rule = rung::name(bound.place(), bound.rule);
        format!("; {rule} is for it: {}", rung::not_begun(bound.rule))
    });
    said.unwrap_or_default()
}

/// The owner's switch, and what a sign-in asks for.
fn switch(verdict: &Verdict<'_>) -> String {
    let asks = asks(verdict);
    if let Some(answer) = verdict.ladder.filter(LadderAnswer::binds) {
        let rung = answer.rung.as_str();
        return if verdict.on() {
            format!("; it is switched on and stays on, because the ladder is at {rung}, so {asks}")
        } else {
            format!(
                "; it is not switched on, and the ladder is at {rung}{}, so {asks}",
                rung::person(&answer)
            )
        };
    }
    let ahead = verdict.ladder.map(|answer| rung::person(&answer)).unwrap_or_default();
    let switch = match (verdict.visible(), verdict.on(), verdict.missing()) {
        (true, true, _) => format!("; it is switched on, so {asks}"),
        (true, false, None) => format!("; it is not switched on, so {asks}"),
        (true, false, Some(Missing::VerifiedEmail)) => {
            format!("; it is not switched on, which needs a verified email address first, so {asks}")
        }
        (false, true, _) => format!("; it is switched on, but here {asks}"),
        (false, false, _) => String::new(),
    };
    switch + &ahead
}

fn asks(verdict: &Verdict<'_>) -> &'static str {
    let (requirement, standing) = (verdict.requirement(), verdict.standing);
    let by_mail = standing.email_verified && verdict.product.settings.methods.email_is_factor;
    if requirement > Requirement::None && !verdict.on() && standing.methods.is_empty() && !by_mail {
        return "a sign-in goes on only once a second step is set up in it";
    }
    rung::asks(requirement)
}
