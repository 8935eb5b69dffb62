//! What a decision looks at, rule by rule, and the trace that receives it.
//!
//! An observation borrows, and copies a few values. Only the trace of `explain` puts sentences
//! together. The trace of `decide` is `()`, so a plain decision allocates nothing: `cargo bench -p
//! tidegate-bench --bench allocations`.

use tidegate_core::{Bucket, FirstShown, Rollout, RolloutKey, Rule, Stop, Timestamp, Wave};

/// One rule of the decision, with the values that it looked at.
#[derive(Debug, Clone, Copy)]
pub enum Observation<'a> {
    /// Since when two-step has acted at the product.
    Active {
        since: Option<Timestamp>,
    },
    /// When the feature was first shown. It counts unless it was rolled back since.
    Shown {
        first: Option<FirstShown>,
        counts: bool,
    },
    /// Since when the rollout is archived. Seen only of one that is.
    Archived {
        since: Timestamp,
    },
    /// Whether the account is on the deny list.
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
    /// The first started wave, if the account is on the allow list.
    Allow {
        first: Option<&'a Wave>,
    },
    /// Any wave of the rollout, including waves that have not started or do not name the product.
    Wave {
        wave: &'a Wave,
        bucket: Bucket,
        reaches: bool,
    },
}

impl Observation<'_> {
    /// The decision itself calls this, so that no sentence can disagree with it.
    pub const fn holds(&self) -> bool {
        match self {
            Self::Active { since } => since.is_some(),
            Self::Shown { counts, .. } => *counts,
            Self::Archived { .. } => true,
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
            Self::Archived { .. } => Rule::Archived,
            Self::Deny { .. } => Rule::Deny,
            Self::Stop { .. } => Rule::Stop,
            Self::Holdout { .. } => Rule::Holdout,
            Self::Allow { .. } => Rule::Allow,
            Self::Wave { .. } => Rule::Wave,
        }
    }
}

/// Receives each rule that is asked, in order.
pub trait DecisionTrace {
    fn asked(&mut self, rollout: &Rollout, seen: Observation<'_>);

    /// The rollout's ladder was asked, for an account that a wave of the rollout has reached, or has not.
    fn climbed(&mut self, rollout: &Rollout, reached: bool, now: Timestamp);

    /// Two-step acts here by a rollout that does not cover the product now. Called last, and only
    /// if that decided.
    fn kept(&mut self, rollout: &RolloutKey, since: Timestamp);
}

/// The trace that ignores everything.
impl DecisionTrace for () {
    #[inline]
    fn asked(&mut self, _: &Rollout, _: Observation<'_>) {}

    #[inline]
    fn climbed(&mut self, _: &Rollout, _: bool, _: Timestamp) {}

    #[inline]
    fn kept(&mut self, _: &RolloutKey, _: Timestamp) {}
}
