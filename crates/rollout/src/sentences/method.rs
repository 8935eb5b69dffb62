//! What a rollout of a method says of an account, in one sentence.

use tidegate_core::{Method, MethodMove, Product, Reason, Rollout, Standing, Timestamp, Word as _};

use super::phrases::{self, instant, quoted};
use crate::{
    Verdict, decide_by, ladder,
    method_move::{allows, has, is_for},
    waves,
};

/// `None`: it does not cover the product.
pub fn of(rollout: &Rollout, product: &Product, standing: &Standing, now: Timestamp) -> Option<String> {
    let aim = rollout.method.as_ref().filter(|_| waves::covers(rollout, &product.key))?;
    let verdict = decide_by(rollout, product, standing, now);
    let says = if verdict.visible() {
        reached(rollout, aim, (product, standing), now)
    } else {
        not_reached(&verdict)
    };
    Some(format!("the rollout {}, which leads to {}: {says}", quoted(&rollout.title), names(&aim.to)))
}

fn not_reached(verdict: &Verdict<'_>) -> String {
    let why = match verdict.reason {
        Reason::Denied => "leaves the account out by name",
        Reason::Stopped => "is stopped, and had not reached the account before",
        Reason::HeldOut => "keeps the account out to compare with",
        _ => "has not reached the account yet",
    };
    format!("it {why}")
}

fn reached(
    rollout: &Rollout,
    aim: &MethodMove,
    (product, standing): (&Product, &Standing),
    now: Timestamp,
) -> String {
    let better: Vec<_> = aim.to.iter().copied().filter(|method| allows(product, *method)).collect();
    let marks = ladder::marks(rollout, &product.key, standing);
    let snoozed_until = marks.skipped_at.map(|at| at.plus(aim.snooze)).filter(|until| now < *until);
    let advised = if standing.two_step_since.is_none() {
        "two-step is not switched on, so nothing is advised".to_owned()
    } else if better.is_empty() {
        format!("{} does not allow what it leads to, so nothing is advised", product.key)
    } else if aim.to.iter().any(|method| has(product, standing, *method)) {
        "the account has a better method already".to_owned()
    } else if !is_for(aim, product, standing) {
        format!(
            "the account has no {}, so nothing is advised",
            phrases::any_of(aim.from.iter().copied().map(name))
        )
    } else if let Some(until) = snoozed_until {
        format!("the owner has skipped the advice, and is asked again after {}", instant(until))
    } else {
        let left = aim.snoozes.map(|most| most.saturating_sub(marks.skips));
        let left =
            left.map(|left| format!(", and can skip that {}", phrases::count(left as usize, "more time")));
        format!("after a sign-in the owner is advised to add {}{}", names(&better), left.unwrap_or_default())
    };
    let ends = aim.ends.as_ref().map(|end| {
        let verb = if end.at <= now { "ended" } else { "end" };
        let from = phrases::all_of(aim.from.iter().copied().map(name));
        format!("; for the account {from} {verb} on {}, unless it would have no other way", instant(end.at))
    });
    format!("{advised}{}", ends.unwrap_or_default())
}

fn names(methods: &[Method]) -> String {
    phrases::any_of(methods.iter().copied().map(name))
}

fn name(method: Method) -> String {
    method.as_str().to_uppercase()
}
