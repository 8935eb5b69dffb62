//! A rollout of a method: accounts that have two-step are led from weaker methods to a better one.

use serde::{Deserialize, Serialize};

use crate::{Method, PlannedTime, ProductKey, RolloutKey, Span, Timestamp};

/// What a rollout of a method advises, and when weaker methods end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MethodMove {
    /// One of them is enough. The first is suggested first.
    pub to: Vec<Method>,
    /// Accounts that use one of them are advised. Empty: every account that has two-step.
    #[serde(default)]
    pub from: Vec<Method>,
    /// How long a skip lasts; zero: to the next sign-in.
    pub snooze: Span,
    /// How often the advice can be skipped. `None`: as often as the owner likes.
    #[serde(default)]
    pub snoozes: Option<u32>,
    /// When the methods of `from` end for the accounts that the rollout has reached.
    #[serde(default)]
    pub ends: Option<MethodEnd>,
}

/// From this instant on a method is not offered any more, except to an account that has no other way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MethodEnd {
    pub at: Timestamp,
    /// How the instant was planned. `at` counts.
    #[serde(default)]
    pub planned: Option<PlannedTime>,
}

/// The advice to add a better method.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MethodAdvice {
    pub rollout: RolloutKey,
    pub product: ProductKey,
    /// Those that the product allows, the first suggested first.
    pub methods: Vec<Method>,
    /// `None`: the advice can be skipped as often as the owner likes.
    pub snoozes_left: Option<u32>,
    /// The owner has skipped it, and is not asked again before.
    pub snoozed_until: Option<Timestamp>,
    /// When the account's weaker methods end.
    pub ends_at: Option<Timestamp>,
}
