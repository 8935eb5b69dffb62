//! What a change would do at one product at one instant, account by account.

use tidegate_core::{Missing, Product, ProductKey, Requirement, Rollout, RolloutKey, Standing, Timestamp};
use tidegate_factors::{enrollment, policy};
use tidegate_rollout::{
    Verdict, decide, decide_by,
    ladder::{self, LadderAnswer},
    method_move, waves,
};
use tidegate_store::scan::ScannedAccount;

use super::group::Group;

#[derive(Debug, Default)]
pub struct ProductPreview {
    pub before: i64,
    pub after: i64,
    pub enter: Group,
    pub leave: Group,
    /// Of those who enter: what the first enrollment needs is missing.
    pub missing: Group,
    /// A ladder says that they must have two-step, in grace or not.
    pub required_before: i64,
    pub required_after: i64,
    /// More is demanded than without the change.
    pub become_required: Group,
    pub cease_required: Group,
    /// Of those that become required: it is demanded at this instant.
    pub enforced: Group,
    /// The others of them.
    pub in_grace: Group,
    /// Of those that become required: they would find no way in.
    pub locked_out: Group,
    /// Of those that become required: what the first enrollment needs is missing.
    pub required_missing: Group,
    /// Of those that become required: two-step is switched on.
    pub required_on: Group,
    /// Of those who enter: a rollout of a method advises them.
    pub advised: Group,
    /// By key.
    pub conflicts: Vec<LadderConflict>,
}

/// The samples of a product at an instant.
pub(super) const GROUPS: usize = 11;

/// Another rollout that demands something at the same product.
#[derive(Debug)]
pub struct LadderConflict {
    pub rollout: RolloutKey,
    /// Both demand something, and not the same or not from the same instant on.
    pub accounts: i64,
    /// Of these: the other rollout's demand counts.
    pub decides: i64,
}

/// The two worlds that are compared: the rollouts as they are, and with the changed one in its place.
#[derive(Debug)]
pub(super) struct Worlds {
    pub(super) changed: RolloutKey,
    pub(super) before: Vec<Rollout>,
    pub(super) after: Vec<Rollout>,
}

impl Worlds {
    fn rollout(&self, key: &RolloutKey) -> Option<&Rollout> {
        self.after.iter().find(|rollout| rollout.key == *key)
    }

    /// A rollout of a method is decided by itself.
    fn decide<'a>(
        &self,
        rollouts: &'a [Rollout],
        product: &'a Product,
        standing: &'a Standing,
        at: Timestamp,
    ) -> Verdict<'a> {
        match rollouts {
            [only] if only.key == self.changed => decide_by(only, product, standing, at),
            all => decide(product, all.iter(), standing, at),
        }
    }

    /// The other rollouts whose ladders demand something at the product, if the changed one's does too.
    pub(super) fn rivals(&self, product: &ProductKey) -> Vec<LadderConflict> {
        let demands = |rollout: &Rollout| {
            let mut at_product =
                rollout.ladder.iter().filter(|rule| ladder::products(rollout, rule).contains(product));
            waves::covers(rollout, product) && at_product.any(|rule| ladder::demanding(rule).is_some())
        };
        if !self.rollout(&self.changed).is_some_and(demands) {
            return Vec::new();
        }
        let others = self.after.iter().filter(|other| other.key != self.changed && demands(other));
        others.map(|other| LadderConflict { rollout: other.key.clone(), accounts: 0, decides: 0 }).collect()
    }
}

impl ProductPreview {
    /// The standing has its buckets, which a change leaves as they are.
    pub(super) fn count(
        &mut self,
        worlds: &Worlds,
        (product, account): (&Product, &ScannedAccount),
        at: Timestamp,
        sample: usize,
    ) {
        let standing = &account.standing;
        let before = worlds.decide(&worlds.before, product, standing, at);
        let after = worlds.decide(&worlds.after, product, standing, at);
        self.before += i64::from(before.visible());
        self.after += i64::from(after.visible());
        match (before.visible(), after.visible()) {
            (false, true) => {
                self.enter.add(standing.account, sample);
                let owner = worlds.rollout(&worlds.changed);
                let owner = owner.and_then(|rollout| method_move::owner(rollout, product, standing, at));
                if owner.is_some_and(|owner| owner.is_advised) {
                    self.advised.add(standing.account, sample);
                }
                if after.missing().is_some() {
                    self.missing.add(standing.account, sample);
                }
            }
            (true, false) => self.leave.add(standing.account, sample),
            _ => {}
        }
        let (demanded_before, demanded) = (demanded(&before), demanded(&after));
        self.required_before += i64::from(demanded_before.0 > Requirement::None);
        self.required_after += i64::from(demanded.0 > Requirement::None);
        if demanded > demanded_before {
            self.require(product, account, &after, sample);
        } else if demanded < demanded_before {
            self.cease_required.add(standing.account, sample);
        }
        for conflict in &mut self.conflicts {
            conflict.count(worlds, (product, account), at);
        }
    }

    fn require(&mut self, product: &Product, account: &ScannedAccount, after: &Verdict<'_>, sample: usize) {
        let (standing, Some(answer)) = (&account.standing, after.ladder) else { return };
        self.become_required.add(standing.account, sample);
        if answer.is_enforced() {
            self.enforced.add(standing.account, sample);
        } else {
            self.in_grace.add(standing.account, sample);
        }
        if after.on() {
            self.required_on.add(standing.account, sample);
        }
        if after.missing() == Some(Missing::VerifiedEmail) {
            self.required_missing.add(standing.account, sample);
        }
        if is_locked_out(product, account, answer.demands(), answer.due_if_told()) {
            self.locked_out.add(standing.account, sample);
        }
    }
}

/// What ladders demand at the latest from the account's deadline on, and what they demand now.
fn demanded(verdict: &Verdict<'_>) -> (Requirement, Requirement) {
    verdict.ladder.map_or((Requirement::None, Requirement::None), |answer| {
        let now = if answer.is_enforced() { answer.demands() } else { Requirement::None };
        (answer.demands(), now)
    })
}

impl LadderConflict {
    fn count(&mut self, worlds: &Worlds, (product, account): (&Product, &ScannedAccount), at: Timestamp) {
        let alone = |key: &RolloutKey| {
            let rollout = worlds.rollout(key).into_iter();
            decide(product, rollout, &account.standing, at).ladder.filter(LadderAnswer::binds)
        };
        let (Some(ours), Some(theirs)) = (alone(&worlds.changed), alone(&self.rollout)) else { return };
        if !ours.demands_the_same_as(&theirs) {
            self.accounts += 1;
            self.decides += i64::from(theirs.is_stricter_than(&ours));
        }
    }
}

/// Whether the owner would find no way in at `due`, as far as the account, its factors and the product's methods tell. Not
/// known are sessions and devices: one that is old enough lets the owner enroll where the address is too young.
pub(super) fn is_locked_out(
    product: &Product,
    account: &ScannedAccount,
    demands: Requirement,
    due: Timestamp,
) -> bool {
    let (methods, standing) = (&product.settings.methods, &account.standing);
    // A product may have changed its methods after a ladder was set.
    if !policy::can_meet(methods, demands) {
        return true;
    }
    if policy::has_way(methods, &standing.methods, standing.email_verified, demands) {
        return false;
    }
    // A first factor is confirmed by mail. An address that is not verified can be verified on the way in.
    let is_old = |since| enrollment::is_old_address(since, standing.created_at, due);
    !account.address_since.is_some_and(is_old)
}
