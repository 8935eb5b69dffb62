//! Reads every account of a realm for decisions, page by page. Each page is a query of its own, so no transaction stays
//! open, and one page is in memory.

use tidegate_core::{AccountId, Audience, Id, Rollout, Span, Standing, Test};
use tidegate_rollout::bucket;
use tidegate_store::{
    View,
    scan::{self, Parts, ScannedAccount},
};

use crate::Fault;

/// A scan takes seconds, and only one runs at a time.
pub(super) const RETRY_AFTER: Span = Span::seconds(5);
/// Accounts that are read at a time. Their decisions at many products take less than a progress message may wait.
const PAGE_SIZE: usize = 4_000;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Scan {
    parts: Parts,
    after: AccountId,
    /// Accounts of the next page.
    limit: usize,
    ended: bool,
}

impl Scan {
    /// For decisions by these rollouts.
    pub(crate) fn of<'r>(rollouts: impl Iterator<Item = &'r Rollout>) -> Self {
        let mut parts = Parts::default();
        for rollout in rollouts {
            // A bucket of a customer, and names of customers, need the customer.
            parts.described |= rollout.unit == tidegate_core::Unit::Customer
                || !rollout.allow.customers.is_empty()
                || !rollout.deny.customers.is_empty();
            let waves = rollout.waves.iter().filter_map(|wave| wave.audience.as_ref());
            let rules = rollout.ladder.iter().filter_map(|rule| rule.audience.as_ref());
            for audience in waves.chain(rules) {
                look(audience, &mut parts);
            }
        }
        Self { parts, after: Id::MIN, limit: PAGE_SIZE, ended: false }
    }

    /// Reads the factors too, whatever the rollouts look at.
    pub(super) const fn with_methods(self) -> Self {
        Self { parts: Parts { methods: true, ..self.parts }, ..self }
    }

    pub(crate) const fn from(self, after: AccountId) -> Self {
        Self { after, ..self }
    }

    /// Only the next page has so many accounts, if that is fewer.
    pub(super) fn with_first_page(self, limit: usize) -> Self {
        Self { limit: limit.clamp(1, PAGE_SIZE), ..self }
    }

    /// Where the last page ended.
    pub(crate) const fn place(&self) -> AccountId {
        self.after
    }

    /// Whether every account was read.
    pub(crate) const fn ended(&self) -> bool {
        self.ended
    }

    /// The accounts of the next page.
    pub(crate) async fn next(&mut self, view: &mut View) -> Result<Vec<ScannedAccount>, Fault> {
        let limit = std::mem::replace(&mut self.limit, PAGE_SIZE);
        let page = scan::page(view, self.parts, self.after, limit).await?;
        if let Some(last) = page.last() {
            self.after = last.standing.account;
        }
        self.ended = page.len() < limit;
        Ok(page)
    }
}

/// What the tests of an audience look at.
fn look(audience: &Audience, parts: &mut Parts) {
    match audience {
        Audience::All(list) | Audience::Any(list) => list.iter().for_each(|part| look(part, parts)),
        Audience::Not(part) => look(part, parts),
        Audience::Test(test) => match test {
            Test::AccountCreated(_) | Test::AccountCountry(_) | Test::AccountEmailVerified => {}
            Test::AccountMethod(_) => parts.methods = true,
            Test::AccountInterest(_) => parts.interest = true,
            Test::AccountLabel(_)
            | Test::CustomerKey(_)
            | Test::CustomerCreated(_)
            | Test::CustomerCountry(_)
            | Test::CustomerLabel(_) => parts.described = true,
        },
    }
}

/// Prepares the standing for the decisions of one rollout alone: what others did for the account must not count.
pub(crate) fn seen_by(rollout: &Rollout, standing: &mut Standing) {
    standing.ledger.retain(|entry| entry.rollout == rollout.key);
    standing.buckets = bucket::all(std::iter::once(rollout), standing);
}
