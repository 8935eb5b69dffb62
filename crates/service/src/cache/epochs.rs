//! How often things were dropped, by stripes. What is remembered bears the epoch in which it was read, and is
//! worth nothing in another: a drop needs to find nothing, and a read that it overtook is never believed.

use std::sync::atomic::{AtomicU64, Ordering};

use uuid::Uuid;

use super::Invalidation;

/// Accounts that share a stripe are dropped together: with so many that is rare.
const STRIPES: usize = 65_536;

pub(super) struct Epochs {
    /// Every drop of any kind.
    any: AtomicU64,
    /// Of everything at once; it is part of each.
    all: AtomicU64,
    stripes: Box<[AtomicU64]>,
}

impl Default for Epochs {
    fn default() -> Self {
        let stripes = (0..STRIPES).map(|_| AtomicU64::new(0)).collect();
        Self { any: AtomicU64::new(0), all: AtomicU64::new(0), stripes }
    }
}

impl Epochs {
    /// Two that are alike mean that nothing was dropped between them.
    pub(super) fn of(&self, invalidation: Invalidation) -> u64 {
        let stripe = self.stripe(invalidation).map_or(0, |stripe| stripe.load(Ordering::Acquire));
        self.all.load(Ordering::Acquire).wrapping_add(stripe)
    }

    pub(super) fn any(&self) -> u64 {
        self.any.load(Ordering::Acquire)
    }

    pub(super) fn pass(&self, invalidation: Invalidation) {
        match invalidation {
            Invalidation::Nothing => return,
            Invalidation::AllAccounts | Invalidation::Everything => {
                self.all.fetch_add(1, Ordering::AcqRel);
            }
            Invalidation::Credential(_) | Invalidation::Realm(_) | Invalidation::Account(..) => {
                if let Some(stripe) = self.stripe(invalidation) {
                    stripe.fetch_add(1, Ordering::AcqRel);
                }
            }
        }
        self.any.fetch_add(1, Ordering::AcqRel);
    }

    fn stripe(&self, invalidation: Invalidation) -> Option<&AtomicU64> {
        let id = match invalidation {
            Invalidation::Credential(id) => id.uuid(),
            Invalidation::Realm(id) => id.uuid(),
            Invalidation::Account(_, id) => id.uuid(),
            Invalidation::Nothing | Invalidation::AllAccounts | Invalidation::Everything => return None,
        };
        self.stripes.get(place(id))
    }
}

/// The end of an id is drawn at random, and need not be mixed again.
fn place(id: Uuid) -> usize {
    usize::try_from(id.as_u128() % STRIPES as u128).unwrap_or(0)
}
