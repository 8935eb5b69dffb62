//! The answer for one account at one product.

use serde::{Deserialize, Serialize};

use crate::{AccountId, Method, Ordinal, ProductKey, Requirement, Revision, RolloutKey, Timestamp, words};

words! {
    /// Why an account got its answer.
    Reason "reason" {
        NoRollout = "no_rollout",
        NotYet = "not_yet",
        Wave = "wave",
        Shown = "shown",
        Active = "active",
        Allowed = "allowed",
        Denied = "denied",
        Stopped = "stopped",
        HeldOut = "held_out",
    }
}

impl Reason {
    /// Whether the feature has reached the account.
    pub const fn is_visible(self) -> bool {
        match self {
            Self::Wave | Self::Shown | Self::Active | Self::Allowed => true,
            Self::NoRollout | Self::NotYet | Self::Denied | Self::Stopped | Self::HeldOut => false,
        }
    }
}

words! {
    /// What an account lacks before two-step can be turned on.
    Missing "missing" {
        VerifiedEmail = "verified_email",
    }
}

/// The answer for one account at one product now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    pub account: AccountId,
    pub product: ProductKey,
    /// The feature has reached the account here.
    pub visible: bool,
    /// The owner's switch.
    pub on: bool,
    pub may_toggle: bool,
    pub requirement: Requirement,
    /// Since when the requirement stands. Sessions that were made earlier are measured against this
    /// instant.
    pub required_since: Option<Timestamp>,
    pub methods: Vec<Method>,
    pub missing: Vec<Missing>,
    pub reason: Reason,
    pub rollout: Option<RolloutKey>,
    pub wave: Option<Ordinal>,
    pub revision: Option<Revision>,
    pub evaluated_at: Timestamp,
    /// The earliest instant at which the answer can differ if no one changes anything; `None` while nothing is dated.
    pub next_change_at: Option<Timestamp>,
}

words! {
    /// One rule of the decision. The rules are asked in this order, and the first that holds gives
    /// the answer.
    Rule "rule" {
        Active = "active",
        Shown = "shown",
        Archived = "archived",
        Deny = "deny",
        Stop = "stop",
        Holdout = "holdout",
        Allow = "allow",
        Wave = "wave",
    }
}

/// One rule that was asked, and the sentence that tells a product manager the result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleAsked {
    pub rollout: RolloutKey,
    pub rule: Rule,
    /// Which wave, for the rule `wave`.
    pub wave: Option<Ordinal>,
    pub holds: bool,
    /// The question, the result, the value seen and its bound, without a capital and a full stop.
    pub sentence: String,
}
