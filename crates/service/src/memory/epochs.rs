//! How often things were dropped, by stripes: what was read before a drop is not remembered after it.

use std::{
    collections::hash_map::DefaultHasher,
    hash::{Hash as _, Hasher as _},
    sync::atomic::{AtomicU64, Ordering},
};

use super::Concern;

const STRIPES: usize = 4_096;

pub(super) struct Epochs {
    /// Every drop of any kind.
    any: AtomicU64,
    /// Of everything at once; it is part of each.
    all: AtomicU64,
    stripes: Vec<AtomicU64>,
}

impl Default for Epochs {
    fn default() -> Self {
        Self {
            any: AtomicU64::new(0),
            all: AtomicU64::new(0),
            stripes: (0..STRIPES).map(|_| AtomicU64::new(0)).collect(),
        }
    }
}

impl Epochs {
    /// Two that are alike mean that nothing was dropped between them.
    pub(super) fn of(&self, concern: Concern) -> u64 {
        let stripe = self.stripe(concern).map_or(0, |stripe| stripe.load(Ordering::SeqCst));
        self.all.load(Ordering::SeqCst).wrapping_add(stripe)
    }

    pub(super) fn any(&self) -> u64 {
        self.any.load(Ordering::SeqCst)
    }

    pub(super) fn pass(&self, concern: Concern) {
        if concern != Concern::Nothing {
            self.any.fetch_add(1, Ordering::SeqCst);
        }
        match concern {
            Concern::Nothing => {}
            Concern::AllAccounts | Concern::Everything => {
                self.all.fetch_add(1, Ordering::SeqCst);
            }
            Concern::Credential(_) | Concern::Realm(_) | Concern::Account(..) => {
                if let Some(stripe) = self.stripe(concern) {
                    stripe.fetch_add(1, Ordering::SeqCst);
                }
            }
        }
    }

    fn stripe(&self, concern: Concern) -> Option<&AtomicU64> {
        let mut hasher = DefaultHasher::new();
        concern.hash(&mut hasher);
        let place = usize::try_from(hasher.finish()).unwrap_or(0) % STRIPES;
        self.stripes.get(place)
    }
}
