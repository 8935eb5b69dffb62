//! Decisions from the cache alone, for the hot methods (`Evaluate` and `BatchEvaluate`). They await
//! nothing.

use std::sync::Arc;

use tidegate_core::{Caller, Timestamp};
use tidegate_rollout::Verdict;

use super::{FreshCache, ProductRollouts, Snapshot};
use crate::{App, Query, counts::Counts};

/// The cache for one call, at one instant: all decisions of the call agree.
pub struct CachedDecisions<'h> {
    fresh: FreshCache<'h>,
    caller: &'h Caller,
    snapshot: Arc<Snapshot>,
    counts: &'h Counts,
    now: Timestamp,
}

impl App {
    /// What `Q` may be answered from without running it. `None` when the caller may not run it, when the realm is not
    /// cached, or when the cache is not fresh.
    pub fn cached_decisions<'h, Q: Query>(&'h self, caller: &'h Caller) -> Option<CachedDecisions<'h>> {
        if !caller.may(Q::PERMISSION) {
            return None;
        }
        let fresh = self.inner.cache.fresh()?;
        let snapshot = fresh.realm(caller.realm)?;
        let (counts, now) = (&self.inner.counts, self.inner.parts.clock.now());
        Some(CachedDecisions { fresh, caller, snapshot, counts, now })
    }
}

/// A product that the caller's credential names.
#[derive(Clone, Copy)]
pub struct ProductEntry<'r>(&'r ProductRollouts);

impl ProductEntry<'_> {
    pub fn is(&self, product: &[u8]) -> bool {
        self.0.product.key.as_str().as_bytes() == product
    }
}

impl CachedDecisions<'_> {
    /// The instant of the decisions.
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// `None` for a product that is unknown or not permitted: the use case then finds the reason.
    pub fn at(&self, product: &[u8]) -> Option<ProductEntry<'_>> {
        let at = self.snapshot.at(std::str::from_utf8(product).ok()?)?;
        self.caller.products.include(&at.product.key).then_some(ProductEntry(at))
    }

    /// The decision for an account, by id or external id. `None` when the account is not cached.
    pub fn decide<T>(
        &self,
        ProductEntry(at): ProductEntry<'_>,
        account: &[u8],
        look: impl FnOnce(&Verdict<'_>) -> T,
    ) -> Option<T> {
        let known = self.fresh.standing(self.caller.realm, account)?;
        let known = self.snapshot.places(known)?;
        let verdict = at.decide(&known.standing, self.now);
        self.counts.looked_up(true);
        self.counts.decided(verdict.reason);
        Some(look(&verdict))
    }
}
