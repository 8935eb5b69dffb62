//! The decision: pure, total, and the only place that knows.
//!
//! Of each rollout that covers the product, the first of these that holds: two-step acts for the
//! account here → visible; it was shown to it → visible; a started wave reaches it → visible; not yet.
//! Of several rollouts the strongest answer counts, then the first by key.
//!
//! Two-step is one switch per account. It acts at a product once the account is reached there, and
//! from then on for good: only there is a second step asked.

use tidegate_core::{
    Decision, LedgerEntry, Method, Missing, Product, Reason, Requirement, Revision, Rollout, RolloutKey,
    Standing, Timestamp, Wave,
};

use crate::{bucket, waves};

/// What one rollout says of the account at the product.
#[derive(Default)]
struct Answer<'r> {
    reason: Option<Reason>,
    rollout: Option<&'r RolloutKey>,
    revision: Option<Revision>,
    wave: Option<&'r Wave>,
    active_since: Option<Timestamp>,
    reached_since: Option<Timestamp>,
}

pub fn decide(product: &Product, rollouts: &[Rollout], standing: &Standing, now: Timestamp) -> Decision {
    let covering = rollouts.iter().filter(|rollout| waves::covers(rollout, &product.key));
    let mut best = Answer::default();
    for rollout in covering {
        let answer = ask(rollout, product, standing);
        if strength(&answer) > strength(&best) {
            best = answer;
        }
    }
    let reason = best.reason.unwrap_or(Reason::NoRollout);
    let visible = matches!(reason, Reason::Wave | Reason::Shown | Reason::Active);
    let on = standing.two_step_since.is_some();
    let requirement = if on && visible { Requirement::SecondStep } else { Requirement::None };
    Decision {
        account: standing.account,
        product: product.key.clone(),
        visible,
        on,
        may_toggle: visible,
        requirement,
        required_since: match requirement {
            Requirement::None => None,
            _ => best.active_since.or(best.reached_since.max(standing.two_step_since)),
        },
        methods: enrollable(product),
        missing: if on || standing.email_verified { Vec::new() } else { vec![Missing::VerifiedEmail] },
        reason,
        rollout: best.rollout.cloned(),
        wave: best.wave.map(|wave| wave.ordinal),
        revision: best.revision,
        evaluated_at: now,
        next_change_at: None,
    }
}

fn ask<'r>(rollout: &'r Rollout, product: &Product, standing: &Standing) -> Answer<'r> {
    let here = |entry: &&LedgerEntry| entry.rollout == rollout.key && entry.product == product.key;
    let entry = standing.ledger.iter().find(here);
    let active_since = entry.and_then(|entry| entry.active_since);
    let shown_at = entry.and_then(|entry| entry.first_shown_at);
    let place = bucket::of_account(rollout.salt, standing.account);
    let wave = waves::reaching(rollout, &product.key, place);
    let reason = match (active_since, shown_at, wave) {
        (Some(_), _, _) => Reason::Active,
        (None, Some(_), _) => Reason::Shown,
        (None, None, Some(_)) => Reason::Wave,
        (None, None, None) => Reason::NotYet,
    };
    let reached_since = shown_at.or(wave.and_then(|wave| wave.started_at));
    let (rollout, revision) = (Some(&rollout.key), Some(rollout.revision));
    Answer { reason: Some(reason), rollout, revision, wave, active_since, reached_since }
}

/// Active before shown before wave before not yet before nothing.
fn strength(answer: &Answer<'_>) -> u8 {
    match answer.reason {
        None | Some(Reason::NoRollout) => 0,
        Some(Reason::NotYet) => 1,
        Some(Reason::Wave) => 2,
        Some(Reason::Shown) => 3,
        Some(Reason::Active) => 4,
    }
}

/// The one function of the method policy: what may be enrolled and used as a second step here.
fn enrollable(product: &Product) -> Vec<Method> {
    product.settings.allowed_methods.iter().copied().filter(|method| method.is_second_step()).collect()
}
