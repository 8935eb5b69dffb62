//! Rollouts as data, what is known of an account, and the decision made from both.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{AccountId, Malformed, Method, ProductKey, Requirement, RolloutKey, Timestamp, Title, words};

/// How often a thing was changed; its etag on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Revision(pub i64);

impl Revision {
    pub const FIRST: Self = Self(1);
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "r{}", self.0)
    }
}

impl FromStr for Revision {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let number = text.strip_prefix('r').and_then(|digits| digits.parse().ok());
        number.filter(|n| *n > 0).map(Self).ok_or(Malformed("be an etag as it was returned"))
    }
}

/// What places accounts on a rollout's line of buckets; drawn once and never changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Salt(pub [u8; 16]);

/// A place on the line, 0 to 999 999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bucket(u32);

/// How far along the line a wave reaches, in parts per million: it holds the buckets below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Edge(u32);

impl Bucket {
    pub const COUNT: u32 = 1_000_000;

    /// The high half of `hash × COUNT`.
    pub fn of_hash(hash: u64) -> Self {
        let place = (u128::from(hash) * u128::from(Self::COUNT)) >> 64;
        Self(u32::try_from(place).unwrap_or(Self::COUNT - 1))
    }
    pub const fn number(self) -> u32 {
        self.0
    }
}

impl Edge {
    pub const fn holds(self, bucket: Bucket) -> bool {
        bucket.0 < self.0
    }
    pub const fn ppm(self) -> u32 {
        self.0
    }
}

impl TryFrom<u32> for Edge {
    type Error = Malformed;
    fn try_from(ppm: u32) -> Result<Self, Malformed> {
        if ppm <= Bucket::COUNT { Ok(Self(ppm)) } else { Err(Malformed("be 0 to 1000000 parts per million")) }
    }
}

impl From<Edge> for u32 {
    fn from(edge: Edge) -> Self {
        edge.0
    }
}

words! {
    WaveState "wave state" {
        Draft = "draft",
        Live = "live",
        Done = "done",
    }
}

words! {
    RolloutState "rollout state" {
        Draft = "draft",
        Live = "live",
    }
}

/// The staged introduction of two-step at some products. Kept whole, once per revision: a field
/// added later has a default, because yesterday's revisions are read for years.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rollout {
    pub key: RolloutKey,
    pub title: Title,
    pub products: Vec<ProductKey>,
    pub salt: Salt,
    pub waves: Vec<Wave>,
    pub revision: Revision,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// One step of a rollout; its ordinal is its place in the list, from 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wave {
    pub ordinal: Ordinal,
    pub title: Title,
    pub edge: Edge,
    /// Empty: all products of the rollout.
    pub products: Vec<ProductKey>,
    pub state: WaveState,
    pub started_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Ordinal(pub u32);

impl Rollout {
    pub fn state(&self) -> RolloutState {
        let started = self.waves.iter().any(|wave| wave.state != WaveState::Draft);
        if started { RolloutState::Live } else { RolloutState::Draft }
    }
}

/// What happened between an account, a rollout and a product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerEntry {
    pub rollout: RolloutKey,
    pub product: ProductKey,
    /// When an app was first told to show the feature.
    pub first_shown_at: Option<Timestamp>,
    /// Since when two-step acts here; from then on for good.
    pub active_since: Option<Timestamp>,
}

/// What is known of an account for a decision. Comes from the server, never from a caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    pub account: AccountId,
    pub email_verified: bool,
    pub two_step_since: Option<Timestamp>,
    pub ledger: Vec<LedgerEntry>,
}

words! {
    /// Why an account got its answer.
    Reason "reason" {
        NoRollout = "no_rollout",
        NotYet = "not_yet",
        Wave = "wave",
        Shown = "shown",
        Active = "active",
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
    /// Since when the requirement stands; what a session made before then is measured against.
    pub required_since: Option<Timestamp>,
    pub methods: Vec<Method>,
    pub missing: Vec<Missing>,
    pub reason: Reason,
    pub rollout: Option<RolloutKey>,
    pub wave: Option<Ordinal>,
    pub revision: Option<Revision>,
    pub evaluated_at: Timestamp,
    /// The earliest instant at which the answer can differ if nobody acts; `None` while nothing is dated.
    pub next_change_at: Option<Timestamp>,
}
