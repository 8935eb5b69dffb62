//! What a decision looks at, rule by rule, and the listener that is told.
//!
//! An observation borrows and copies a few values; sentences are put together only by the listener of
//! `explain`. The listener of `decide` is `()`, so a plain decision allocates nothing:
//! `cargo bench -p tidegate-bench --bench allocations`.

use tidegate_core::{Bucket, FirstShown, Rollout, RolloutKey, Rule, Stop, Timestamp, Wave};

/// One rule of the decision, with the values that it looked at.
#[derive(Debug, Clone, Copy)]
pub enum Observation<'a> {
    /// Since when two-step has acted at the product.
    Active {
        since: Option<Timestamp>,
    },
    /// When the feature was first shown; it counts unless it was rolled back since.
    Shown {
        first: Option<FirstShown>,
        counts: bool,
    },
    /// Whether the account is among those that the rollout leaves out.
    Deny {
        named: bool,
    },
    Stop {
        stop: Option<&'a Stop>,
    },
    Holdout {
        bucket: Bucket,
        held_out: bool,
    },
    /// Whether the account is among those that the rollout lets in, and if so the first wave that has started.
    Allow {
        named: bool,
        first: Option<&'a Wave>,
    },
    /// Any wave, also one that has not started or does not name the product.
    Wave {
        wave: &'a Wave,
        bucket: Bucket,
        reaches: bool,
    },
}

impl Observation<'_> {
    /// The decision itself asks this, so that no sentence can disagree with it.
    pub const fn holds(&self) -> bool {
        match self {
            Self::Active { since } => since.is_some(),
            Self::Shown { counts, .. } => *counts,
            Self::Deny { named } => *named,
            Self::Stop { stop } => stop.is_some(),
            Self::Holdout { held_out, .. } => *held_out,
            Self::Allow { first, .. } => first.is_some(),
            Self::Wave { reaches, .. } => *reaches,
        }
    }

    pub const fn rule(&self) -> Rule {
        match self {
            Self::Active { .. } => Rule::Active,
            Self::Shown { .. } => Rule::Shown,
            Self::Deny { .. } => Rule::Deny,
            Self::Stop { .. } => Rule::Stop,
            Self::Holdout { .. } => Rule::Holdout,
            Self::Allow { .. } => Rule::Allow,
            Self::Wave { .. } => Rule::Wave,
        }
    }
}

/// Told of each rule that is asked, in order.
pub trait DecisionTrace {
    fn asked(&mut self, rollout: &Rollout, seen: Observation<'_>);

    /// Two-step acts here by a rollout that does not cover the product now. Told last, and only if it decided.
    fn kept(&mut self, rollout: &RolloutKey, since: Timestamp);
}

/// Listens to nothing.
impl DecisionTrace for () {
    #[inline]
    fn asked(&mut self, _: &Rollout, _: Observation<'_>) {}

    #[inline]
    fn kept(&mut self, _: &RolloutKey, _: Timestamp) {}
}
