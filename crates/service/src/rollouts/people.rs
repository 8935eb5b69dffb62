//! How accounts stand under the rules of a ladder, and under a rollout of a method.

use std::collections::BTreeMap;

use tidegate_core::{Ordinal, Product, ProductKey, Reason, Rollout, Standing, Timestamp, Title};
use tidegate_rollout::{Verdict, ladder, method_move};
use tidegate_store::scan::ScannedAccount;

use super::foreseen;

/// By the rule's place, from 1, and the product; with the rule's title.
pub type RuleStats = BTreeMap<(Ordinal, ProductKey), (Title, RuleCounts)>;

/// Accounts that one rule of a ladder is for at one product.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RuleCounts {
    pub accounts: i64,
    /// Two-step is switched on.
    pub on: i64,
    /// They were told that it will be required.
    pub told: i64,
    /// It is required, not switched on, and their day lies ahead.
    pub in_grace: i64,
    /// It is demanded of their next sign-in, and not switched on.
    pub enforced: i64,
    /// Support has exempted them.
    pub exempt: i64,
    /// Of those in grace, demanded or exempt: they would find no way in.
    pub locked_out: i64,
}

/// Accounts that a rollout of a method has reached at one product, and that have two-step on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MethodCounts {
    /// They are advised to add a better method.
    pub advised: i64,
    /// They have a better one.
    pub better: i64,
    /// They have a weaker one, which ends for them or has ended.
    pub weaker: i64,
}

/// Every rule at every product at which it counts.
pub(super) fn rules(rollout: &Rollout) -> RuleStats {
    let mut stats = RuleStats::new();
    for (place, rule) in rollout.ladder.iter().enumerate() {
        for product in ladder::products(rollout, rule) {
            stats.insert((ordinal(place), product.clone()), (rule.title.clone(), RuleCounts::default()));
        }
    }
    stats
}

pub(super) fn count_rule(
    rules: &mut RuleStats,
    rollout: &Rollout,
    (product, account): (&Product, &ScannedAccount),
    verdict: &Verdict<'_>,
) {
    let standing = &account.standing;
    let reached = verdict.visible() && verdict.reason != Reason::Ladder;
    let Some(place) = ladder::place(rollout, &product.key, standing, reached) else { return };
    let Some((_, counts)) = rules.get_mut(&(ordinal(place), product.key.clone())) else { return };
    counts.accounts += 1;
    counts.on += i64::from(verdict.on());
    counts.told += i64::from(ladder::marks(rollout, &product.key, standing).told_at.is_some());
    let Some(answer) = verdict.ladder.filter(|answer| answer.binds() && !verdict.on()) else { return };
    if answer.is_exempt() {
        counts.exempt += 1;
    } else if answer.is_enforced() {
        counts.enforced += 1;
    } else {
        counts.in_grace += 1;
    }
    let out = foreseen::is_locked_out(product, account, answer.demands(), answer.due_if_told());
    counts.locked_out += i64::from(out);
}

pub(super) fn count_method(
    counts: &mut MethodCounts,
    rollout: &Rollout,
    (product, standing): (&Product, &Standing),
    now: Timestamp,
) {
    let Some(owner) = method_move::owner(rollout, product, standing, now) else { return };
    counts.advised += i64::from(owner.is_advised);
    counts.better += i64::from(owner.has_better);
    counts.weaker += i64::from(owner.has_weaker);
}

fn ordinal(place: usize) -> Ordinal {
    Ordinal(u32::try_from(place + 1).unwrap_or(u32::MAX))
}
