//! From when on two-step is required, of whom, and how long each person may still put it off.
//!
//! The ladder is data. Whether a rule demands anything of an account now is computed by `ladder` of
//! the crate `rollout`, and by nothing else.

use serde::{Deserialize, Serialize};

use crate::{
    Audience, Ordinal, PlannedTime, ProductKey, Requirement, Revision, RolloutKey, Span, Timestamp, Title,
    words,
};

words! {
    /// How strongly two-step is asked of an account. Each rung is stricter than the one before.
    Rung "rung" {
        /// Owners switch two-step on and off as they like.
        Optional = "optional",
        /// Apps advise owners to switch it on.
        Nudge = "nudge",
        /// It must be on, at the latest from the account's deadline on. Support may exempt a person
        /// for a time.
        Required = "required",
        /// It must be on, without exemption.
        Locked = "locked",
    }
}

/// One rule of a ladder. The first rule that is for an account and a product decides, and no later
/// one is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LadderRule {
    pub title: Title,
    /// `None`: all accounts.
    #[serde(default)]
    pub audience: Option<Audience>,
    /// Empty: the products of the rollout.
    #[serde(default)]
    pub products: Vec<ProductKey>,
    /// Only accounts that a wave of the rollout has reached.
    #[serde(default)]
    pub within_waves: bool,
    /// By time. Each rung is stricter than the one before. Before the first, the rule asks nothing.
    pub phases: Vec<Phase>,
    /// What a sign-in must prove once the rule is enforced.
    #[serde(default = "second_step")]
    pub demands: Requirement,
    #[serde(default)]
    pub grace: Grace,
    /// Once, after the deadline, the owner may put the set-up off for so long from the first sign-in
    /// after it.
    #[serde(default)]
    pub postponement: Option<Span>,
    /// On which days of the grace a reminder is sent; the day on which the account was told is 0.
    #[serde(default)]
    pub reminders: Vec<u32>,
}

const fn second_step() -> Requirement {
    Requirement::SecondStep
}

/// A rung, from an instant on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Phase {
    pub from: Timestamp,
    /// How the instant was planned. `from` counts.
    #[serde(default)]
    pub planned: Option<PlannedTime>,
    pub rung: Rung,
}

/// How long a person may go without two-step after the rung became `required`. Without days and
/// skips: not at all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grace {
    /// Days from the instant at which the account was told.
    pub days: Option<u32>,
    /// The days end here at the latest, also for accounts that were told later, or never.
    #[serde(default)]
    pub cap: Option<Timestamp>,
    /// How often the owner may skip the set-up. After the last skip its spacing passes once more.
    #[serde(default)]
    pub skips: Option<Skips>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Skips {
    pub count: u32,
    /// A second skip counts only so long after the one before.
    pub spacing: Span,
}

/// How long a skip lasts where the grace names no spacing.
pub const SKIP_SPACING: Span = Span::hours(24);

impl Grace {
    pub fn skip_spacing(&self) -> Span {
        self.skips.map_or(SKIP_SPACING, |skips| skips.spacing)
    }
}

/// A time in which a rollout was paused or stopped. People's clocks stood still.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hold {
    pub from: Timestamp,
    pub until: Timestamp,
}

/// What happened between an account and the ladder of a rollout at a product.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LadderMarks {
    /// When the account was first told that two-step will be required.
    pub told_at: Option<Timestamp>,
    /// Since when the ladder is enforced here, as a sign-in first met it.
    pub required_since: Option<Timestamp>,
    /// Skips that count.
    pub skips: u32,
    pub skipped_at: Option<Timestamp>,
    /// The first sign-in after the deadline.
    pub overdue_at: Option<Timestamp>,
    /// The set-up was put off, once.
    pub postponed_until: Option<Timestamp>,
    /// By how much support extended the deadline, in all.
    pub extension: Span,
    pub exempt_until: Option<Timestamp>,
}

impl LadderMarks {
    /// The marks that count for a ladder that there is since then. What support gave counts always.
    #[must_use]
    pub fn since(mut self, since: Option<Timestamp>) -> Self {
        let is_older = |at: Option<Timestamp>| at.is_some_and(|at| since.is_some_and(|since| at < since));
        if is_older(self.told_at) {
            self.told_at = None;
        }
        // By the instant of the skip, because an account may skip without being told.
        if is_older(self.skipped_at) {
            (self.skips, self.skipped_at) = (0, None);
        }
        if is_older(self.overdue_at) {
            (self.overdue_at, self.postponed_until) = (None, None);
        }
        self
    }
}

/// What a ladder says of one account at one product now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LadderDecision {
    pub rollout: RolloutKey,
    pub revision: Revision,
    /// Since when the rollout has a ladder.
    #[serde(default)]
    pub since: Option<Timestamp>,
    /// The rule's place, from 1.
    pub rule: Ordinal,
    pub rung: Rung,
    /// What is demanded, from the deadline on.
    pub demands: Requirement,
    /// From when on the rung is `required` or stricter, also when that lies ahead. `None`: never.
    pub required_from: Option<Timestamp>,
    /// It is demanded now.
    pub enforced: bool,
    /// From when on it is demanded. `None`: no instant is known yet, because the account was not told, or has
    /// skips left; or nothing is demanded.
    pub enroll_by: Option<Timestamp>,
    /// The clock of `enroll_by` stands still, because the rollout is paused or stopped.
    pub held: bool,
    pub exempt_until: Option<Timestamp>,
    /// `None`: skips are not counted here.
    pub skips_left: Option<u32>,
    /// The owner has skipped the set-up, and is not asked again before.
    pub skipped_until: Option<Timestamp>,
    /// Until when the set-up can be put off, if the owner does so now.
    pub postponable_until: Option<Timestamp>,
}
