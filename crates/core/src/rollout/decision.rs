//! The answer for one account at one product.

use serde::{Deserialize, Serialize};

use crate::{
    AccountId, LadderDecision, Method, Ordinal, ProductKey, Requirement, Revision, RolloutKey, Timestamp,
    words,
};

words! {
    /// Why an account got its answer.
    Reason "reason" {
        NoRollout = "no_rollout",
        NotYet = "not_yet",
        /// A ladder has come to a rung for the account.
        Ladder = "ladder",
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
            Self::Ladder | Self::Wave | Self::Shown | Self::Active | Self::Allowed => true,
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
    pub required_since: RequiredSince,
    /// `None`: no ladder has come to a rung for the account here.
    #[serde(default)]
    pub ladder: Option<LadderDecision>,
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

/// Since when at least so much is required. Sessions are measured against these instants: a session that met
/// less must be replaced some time after the first of them that it did not meet (INV-16).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequiredSince {
    pub second_step: Option<Timestamp>,
    pub aal2: Option<Timestamp>,
    pub aal2_phr: Option<Timestamp>,
}

impl RequiredSince {
    /// When `requirement` was first asked. Whoever meets it meets the weaker ones too.
    #[must_use]
    pub fn and(mut self, requirement: Requirement, since: Timestamp) -> Self {
        let at = |kept: Option<Timestamp>| Some(kept.map_or(since, |kept| kept.min(since)));
        if requirement >= Requirement::SecondStep {
            self.second_step = at(self.second_step);
        }
        if requirement >= Requirement::Aal2 {
            self.aal2 = at(self.aal2);
        }
        if requirement >= Requirement::Aal2Phr {
            self.aal2_phr = at(self.aal2_phr);
        }
        self
    }

    /// The first instant at which more than `met` was required.
    pub fn above(&self, met: Requirement) -> Option<Timestamp> {
        match met {
            Requirement::None => self.second_step,
            Requirement::SecondStep => self.aal2,
            Requirement::Aal2 => self.aal2_phr,
            Requirement::Aal2Phr => None,
        }
    }
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
        Ladder = "ladder",
    }
}

/// One rule that was asked, and the sentence that tells a product manager the result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleAsked {
    pub rollout: RolloutKey,
    pub rule: Rule,
    /// Which wave, for the rule `wave`; which rule of the ladder, for the rule `ladder`.
    pub wave: Option<Ordinal>,
    pub holds: bool,
    /// The question, the result, the value seen and its bound, without a capital and a full stop.
    pub sentence: String,
}
