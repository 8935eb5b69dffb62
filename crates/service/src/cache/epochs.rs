//! Counts invalidations, in stripes. A cached entry carries the epoch in which it was read, and is not used in any other
//! epoch. So an invalidation need not find the entry, and a value whose read began before it is never used.

use std::sync::atomic::{AtomicU64, Ordering};

use uuid::Uuid;

use super::Invalidation;

/// Ids that share a stripe are invalidated together, which is rare with so many stripes.
const STRIPES: usize = 65_536;

pub(super) struct Epochs {
    /// Invalidations of any kind.
    any: AtomicU64,
    /// Invalidations of everything; part of every epoch.
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
    /// The epoch of an entry. Two equal epochs mean that the entry was not invalidated in between.
    pub(super) fn of(&self, invalidation: Invalidation) -> u64 {
        let stripe = self.stripe(invalidation).map_or(0, |stripe| stripe.load(Ordering::Acquire));
        self.all.load(Ordering::Acquire).wrapping_add(stripe)
    }

    pub(super) fn any(&self) -> u64 {
        self.any.load(Ordering::Acquire)
    }

    pub(super) fn pass(&self, invalidation: Invalidation) {
        match invalidation {
            Invalidation::Nothing | Invalidation::Device(_) => return,
            Invalidation::AllAccounts | Invalidation::Everything => {
                self.all.fetch_add(1, Ordering::AcqRel);
            }
            Invalidation::Credential(_)
            | Invalidation::Realm(_)
            | Invalidation::Account(..)
            | Invalidation::Session(_) => {
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
            Invalidation::Session(id) => id.uuid(),
            Invalidation::Nothing
            | Invalidation::AllAccounts
            | Invalidation::Device(_)
            | Invalidation::Everything => return None,
        };
        self.stripes.get(place(id))
    }
}

/// The last bits of an id are random, so they need no hash.
fn place(id: Uuid) -> usize {
    usize::try_from(id.as_u128() % STRIPES as u128).unwrap_or(0)
}
