//! Decisions from memory alone: for who asks again and again, and must not wait.

use std::sync::Arc;

use tidegate_core::{Caller, Timestamp};
use tidegate_rollout::{Verdict, decide};

use super::{FreshCache, ProductRollouts, Snapshot, rollouts};
use crate::App;

/// What one call may recall; all its decisions are of one moment.
pub struct CachedDecisions<'h> {
    fresh: FreshCache<'h>,
    caller: &'h Caller,
    snapshot: Arc<Snapshot>,
    now: Timestamp,
}

impl App {
    /// `None` when the realm is not remembered, or nothing is believed now.
    pub fn cached_decisions<'h>(&'h self, caller: &'h Caller) -> Option<CachedDecisions<'h>> {
        let fresh = self.inner.cache.fresh()?;
        let snapshot = fresh.realm(caller.realm)?;
        Some(CachedDecisions { fresh, caller, snapshot, now: self.inner.parts.clock.now() })
    }
}

/// A product at which the caller may ask.
#[derive(Clone, Copy)]
pub struct ProductEntry<'r>(&'r ProductRollouts);

impl ProductEntry<'_> {
    pub fn is(&self, product: &[u8]) -> bool {
        self.0.product.key.as_str().as_bytes() == product
    }
}

impl CachedDecisions<'_> {
    /// When they are made.
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// `None` for everything that is refused: then it has to be asked for.
    pub fn at(&self, product: &[u8]) -> Option<ProductEntry<'_>> {
        let at = self.snapshot.at(std::str::from_utf8(product).ok()?)?;
        self.caller.products.include(&at.product.key).then_some(ProductEntry(at))
    }

    /// The decision for an account by the name that the caller uses. `None` when it is not remembered.
    pub fn decide<T>(
        &self,
        ProductEntry(at): ProductEntry<'_>,
        account: &[u8],
        look: impl FnOnce(&Verdict<'_>) -> T,
    ) -> Option<T> {
        let known = self.fresh.standing(self.caller.realm, account)?;
        let known = self.snapshot.places(known)?;
        Some(look(&decide(&at.product, rollouts(&at.rollouts), &known.standing, self.now)))
    }
}
