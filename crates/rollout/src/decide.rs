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
struct Answer<'a> {
    reason: Option<Reason>,
    rollout: Option<&'a RolloutKey>,
    revision: Option<Revision>,
    wave: Option<&'a Wave>,
}

pub fn decide(product: &Product, rollouts: &[Rollout], standing: &Standing, now: Timestamp) -> Decision {
    let covering = rollouts.iter().filter(|rollout| waves::covers(rollout, &product.key));
    let answers = covering.map(|rollout| ask(rollout, product, standing));
    let best = active(product, rollouts, standing).unwrap_or_else(|| strongest(answers));
    let reached_since = reached_since(product, rollouts, standing);
    let reason = best.reason.unwrap_or(Reason::NoRollout);
    let visible = matches!(reason, Reason::Wave | Reason::Shown | Reason::Active);
    let on = standing.two_step_since.is_some();
    let requirement = if on && visible { Requirement::SecondStep } else { Requirement::None };
    // Two-step has acted here since both were true: it is on, and it has reached the account.
    let both_since = reached_since.max(standing.two_step_since);
    Decision {
        account: standing.account,
        product: product.key.clone(),
        visible,
        on,
        may_toggle: visible,
        requirement,
        required_since: both_since.filter(|_| requirement != Requirement::None),
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

/// Where two-step acted once it acts for good, whatever became of the rollout (INV-42).
fn active<'a>(product: &Product, rollouts: &'a [Rollout], standing: &'a Standing) -> Option<Answer<'a>> {
    let here = standing.ledger.iter().filter(|entry| entry.product == product.key);
    let entry = here
        .filter(|entry| entry.active_since.is_some())
        .min_by_key(|entry| (entry.active_since, &entry.rollout))?;
    let rollout = rollouts.iter().find(|rollout| rollout.key == entry.rollout);
    let wave = rollout.and_then(|rollout| {
        waves::reaching(rollout, &product.key, bucket::of_account(rollout.salt, standing.account))
    });
    Some(Answer {
        reason: Some(Reason::Active),
        rollout: Some(&entry.rollout),
        revision: rollout.map(|rollout| rollout.revision),
        wave,
    })
}

/// The first instant at which the account was reached here, by whatever: it never moves later, because
/// sessions are measured against it (INV-16).
fn reached_since(product: &Product, rollouts: &[Rollout], standing: &Standing) -> Option<Timestamp> {
    let here = standing.ledger.iter().filter(|entry| entry.product == product.key);
    let kept = here.flat_map(|entry| [entry.active_since, entry.first_shown_at]);
    let waves = rollouts.iter().map(|rollout| {
        let place = bucket::of_account(rollout.salt, standing.account);
        waves::reaching(rollout, &product.key, place).and_then(|wave| wave.started_at)
    });
    kept.chain(waves).flatten().min()
}

fn ask<'a>(rollout: &'a Rollout, product: &Product, standing: &Standing) -> Answer<'a> {
    let here = |entry: &&LedgerEntry| entry.rollout == rollout.key && entry.product == product.key;
    let shown_at = standing.ledger.iter().find(here).and_then(|entry| entry.first_shown_at);
    let place = bucket::of_account(rollout.salt, standing.account);
    let wave = waves::reaching(rollout, &product.key, place);
    let reason = match (shown_at, wave) {
        (Some(_), _) => Reason::Shown,
        (None, Some(_)) => Reason::Wave,
        (None, None) => Reason::NotYet,
    };
    let (rollout, revision) = (Some(&rollout.key), Some(rollout.revision));
    Answer { reason: Some(reason), rollout, revision, wave }
}

/// Shown before wave before not yet; among equals the first by key.
fn strongest<'a>(answers: impl Iterator<Item = Answer<'a>>) -> Answer<'a> {
    let rank = |answer: &Answer<'_>| match answer.reason {
        None | Some(Reason::NoRollout) => 0,
        Some(Reason::NotYet) => 1,
        Some(Reason::Wave) => 2,
        Some(Reason::Shown | Reason::Active) => 3,
    };
    // The first by key, in whatever order they come.
    let better = |next: &Answer<'_>, best: &Answer<'_>| {
        (rank(next), std::cmp::Reverse(next.rollout)) > (rank(best), std::cmp::Reverse(best.rollout))
    };
    answers.fold(Answer::default(), |best, next| if better(&next, &best) { next } else { best })
}

/// The one function of the method policy: what may be enrolled and used as a second step here.
fn enrollable(product: &Product) -> Vec<Method> {
    product.settings.allowed_methods.iter().copied().filter(|method| method.is_second_step()).collect()
}
