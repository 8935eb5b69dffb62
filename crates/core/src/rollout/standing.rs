//! What is known of an account for a decision. It comes from the server, never from a caller.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::{
    AccountId, Bucket, Country, Customer, Labels, LadderMarks, Method, Ordinal, ProductKey, Revision,
    RolloutKey, Salt, Timestamp,
};

/// Positions on lines. Up to four are stored inline, because every decision reads them first.
pub type Buckets = SmallVec<[(Salt, Bucket); 4]>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    pub account: AccountId,
    pub created_at: Timestamp,
    pub country: Option<Country>,
    pub labels: Labels,
    pub email_verified: bool,
    pub customer: Option<Customer>,
    /// The methods of its active factors, each once.
    pub methods: Vec<Method>,
    pub two_step_since: Option<Timestamp>,
    pub ledger: Vec<LedgerEntry>,
    /// The products at which a wish for the feature was registered.
    pub interest: Vec<ProductKey>,
    /// The account's buckets in some rollouts, computed ahead. A bucket never changes. A missing
    /// one is computed when it is needed.
    pub buckets: Buckets,
}

/// What happened between an account, a rollout and a product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerEntry {
    pub rollout: RolloutKey,
    pub product: ProductKey,
    pub shown: Option<FirstShown>,
    /// Since when two-step acts here. It never stops acting (INV-42).
    pub active_since: Option<Timestamp>,
    pub marks: LadderMarks,
}

/// When an app was first told to show the feature, counted from the last roll back that took it
/// back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirstShown {
    pub at: Timestamp,
    /// The revision that decided so. It is compared with roll backs instead of the time, because
    /// clocks do not order the two.
    pub revision: Revision,
    /// The wave that reached the account. `None` when no wave did, or it is not known.
    pub wave: Option<Ordinal>,
}
