//! Rollouts of a method: whom they advise to add a better method, and which methods have ended for whom.
//!
//! Whom such a rollout reaches is decided as for two-step: by waves, buckets, lists and the stop. It demands nothing: an end of
//! a weaker method never leaves an account without a way, which `offers` of the service sees to.

use tidegate_core::{
    Method, MethodAdvice, MethodMove, MethodSet, Product, Rollout, Span, Standing, Timestamp,
};

use crate::{Verdict, decide_by, ladder, waves};

/// The rollouts that bring two-step itself. Only they decide whether a second step is required.
pub fn brings_two_step(rollout: &Rollout) -> bool {
    rollout.method.is_none()
}

/// The advice for an account that has two-step. Of several rollouts, the first by key.
pub fn advise<'a>(
    product: &'a Product,
    rollouts: impl Iterator<Item = &'a Rollout>,
    standing: &'a Standing,
    now: Timestamp,
) -> Option<(MethodAdvice, Verdict<'a>)> {
    let mut moving: Vec<_> = reaching(product, rollouts, standing, now).collect();
    moving.sort_by(|(one, ..), (other, ..)| one.key.cmp(&other.key));
    moving.into_iter().find_map(|(rollout, aim, verdict)| {
        let methods: Vec<_> = aim.to.iter().copied().filter(|method| allows(product, *method)).collect();
        if methods.is_empty() || !is_for(aim, product, standing) {
            return None;
        }
        let marks = ladder::marks(rollout, &product.key, standing);
        let snoozed_until = marks.skipped_at.map(|at| at.plus(aim.snooze)).filter(|until| now < *until);
        let advice = MethodAdvice {
            rollout: rollout.key.clone(),
            product: product.key.clone(),
            methods,
            snoozes_left: aim.snoozes.map(|most| most.saturating_sub(marks.skips)),
            snoozed_until,
            ends_at: aim.ends.as_ref().map(|end| end.at),
        };
        Some((advice, verdict))
    })
}

/// The methods whose end has come for the account at the product. Whether that would leave it without a way is for `factors` to say.
pub fn ended<'a>(
    product: &'a Product,
    rollouts: impl Iterator<Item = &'a Rollout>,
    standing: &'a Standing,
    now: Timestamp,
) -> MethodSet {
    let over = rollouts.filter(|rollout| has_ended(rollout, now));
    reaching(product, over, standing, now).flat_map(|(_, aim, _)| aim.from.iter().copied()).collect()
}

/// Whether a rollout ends a method somewhere at that instant. Nothing of accounts is read before.
pub fn may_end<'a>(mut rollouts: impl Iterator<Item = &'a Rollout>, now: Timestamp) -> bool {
    rollouts.any(|rollout| has_ended(rollout, now))
}

fn has_ended(rollout: &Rollout, now: Timestamp) -> bool {
    let end = rollout.method.as_ref().and_then(|aim| aim.ends.as_ref());
    end.is_some_and(|end| end.at <= now)
}

fn reaching<'a>(
    product: &'a Product,
    rollouts: impl Iterator<Item = &'a Rollout>,
    standing: &'a Standing,
    now: Timestamp,
) -> impl Iterator<Item = (&'a Rollout, &'a MethodMove, Verdict<'a>)> {
    rollouts
        .filter(move |rollout| waves::covers(rollout, &product.key))
        .filter_map(|rollout| Some((rollout, rollout.method.as_ref()?)))
        .map(move |(rollout, aim)| (rollout, aim, decide_by(rollout, product, standing, now)))
        .filter(|(.., verdict)| verdict.visible())
}

pub(crate) fn allows(product: &Product, method: Method) -> bool {
    product.settings.methods.methods().any(|one| one == method)
}

/// Whether the account has two-step by a weaker method, and none of the better ones.
pub(crate) fn is_for(aim: &MethodMove, product: &Product, standing: &Standing) -> bool {
    let has = |method: &Method| has(product, standing, *method);
    standing.two_step_since.is_some()
        && !aim.to.iter().any(has)
        && (aim.from.is_empty() || aim.from.iter().any(has))
}

pub(crate) fn has(product: &Product, standing: &Standing, method: Method) -> bool {
    match method {
        // A verified address is an attribute of its own.
        Method::EmailCode => standing.email_verified && allows(product, Method::EmailCode),
        other => standing.methods.contains(&other),
    }
}

/// The longest time that a skip of the advice may last.
pub const MAX_SNOOZE: Span = Span::days(14);
