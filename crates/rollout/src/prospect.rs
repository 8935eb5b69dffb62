//! What ladders say of an account before it is created, so that a sign-up page can tell the person.
//!
//! Ladders alone are asked. Waves are not: an account's bucket is a hash of its id, which is not drawn yet. So no wave has reached
//! the account, and no rule `within_waves` is for it.

use std::collections::BTreeSet;

use tidegate_core::{
    AccountId, Buckets, Country, Customer, Labels, ProductKey, Rollout, Standing, Timestamp,
};

use crate::{
    audience,
    decide::{Bounds, agree, first_change, strictest},
    ladder::{self, LadderAnswer},
    waves,
};

/// An account that would be created.
#[derive(Debug, Clone)]
pub struct Prospect {
    pub customer: Option<Customer>,
    pub country: Option<Country>,
}

/// What ladders say of the account if it is created now.
#[derive(Debug, Clone, Copy)]
pub struct ProspectAnswer<'a> {
    /// The strictest of the ladders that have come to a rung for the account.
    pub ladder: Option<LadderAnswer<'a>>,
    /// The first instant at which the answer differs for an account that is created then.
    pub next_change_at: Option<Timestamp>,
}

impl Prospect {
    /// By rollouts that bring two-step.
    pub fn ask<'a>(
        self,
        product: &ProductKey,
        rollouts: impl Iterator<Item = &'a Rollout>,
        now: Timestamp,
    ) -> ProspectAnswer<'a> {
        let rollouts: Vec<_> = rollouts.filter(|rollout| waves::covers(rollout, product)).collect();
        let mut standing = self.standing(now);
        let mut bound_at = |instant| -> Bounds<'a> {
            standing.created_at = instant;
            let bind = |rollout: &&'a Rollout| ladder::bind(rollout, product, &standing, false);
            rollouts.iter().filter_map(bind).collect()
        };
        let mut bound = bound_at(now);
        let ladder = strictest(&bound, now);
        let differs = |bound: &Bounds<'a>, at| !agree(ladder, strictest(bound, at));
        let mut next = first_change(&bound, now, |at| differs(&bound, at));
        // The rules that are for the account change only at a date of its creation. Between two such dates its answer changes as
        // any account's does.
        for date in creation_dates(&rollouts, now) {
            if next.is_some_and(|next| next < date) {
                break;
            }
            bound = bound_at(date);
            if differs(&bound, date) {
                next = Some(date);
                break;
            }
            next = first_change(&bound, date, |at| differs(&bound, at));
        }
        ProspectAnswer { ladder, next_change_at: next }
    }

    /// What would be known of the account: nothing that happens after its creation.
    fn standing(self, now: Timestamp) -> Standing {
        Standing {
            // No account has this id, so no list names it.
            account: AccountId::MIN,
            created_at: now,
            country: self.country,
            labels: Labels::new(),
            email_verified: false,
            customer: self.customer,
            methods: Vec::new(),
            two_step_since: None,
            ledger: Vec::new(),
            interest: Vec::new(),
            buckets: Buckets::new(),
        }
    }
}

/// The instants after `now` at which a test of an account's creation begins or ceases to hold, in order.
fn creation_dates(rollouts: &[&Rollout], now: Timestamp) -> BTreeSet<Timestamp> {
    let audiences =
        rollouts.iter().flat_map(|rollout| &rollout.ladder).filter_map(|rule| rule.audience.as_ref());
    audiences.flat_map(audience::creation_dates).filter(|instant| *instant > now).collect()
}
