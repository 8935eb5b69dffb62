//! What is known of an account for a decision. Comes from the server, never from a caller.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::{
    AccountId, Bucket, Country, Customer, Labels, Method, Ordinal, ProductKey, Revision, RolloutKey, Salt,
    Timestamp,
};

/// Places on lines. A few lie in the standing itself: a decision looks at them first.
pub type Buckets = SmallVec<[(Salt, Bucket); 4]>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    pub account: AccountId,
    pub created_at: Timestamp,
    pub country: Option<Country>,
    pub labels: Labels,
    pub email_verified: bool,
    pub customer: Option<Customer>,
    /// Of its active factors, each once.
    pub methods: Vec<Method>,
    pub two_step_since: Option<Timestamp>,
    pub ledger: Vec<LedgerEntry>,
    /// The products at which a wish for the feature was registered.
    pub interest: Vec<ProductKey>,
    /// Places on the lines of some rollouts, worked out before. They never change; one that is missing is
    /// worked out when it is asked for.
    pub buckets: Buckets,
}

/// What happened between an account, a rollout and a product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerEntry {
    pub rollout: RolloutKey,
    pub product: ProductKey,
    pub shown: Option<FirstShown>,
    /// Since when two-step acts here; from then on for good.
    pub active_since: Option<Timestamp>,
}

/// An app was first told to show the feature; first since the last roll back that took it back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirstShown {
    pub at: Timestamp,
    /// The revision that decided so. Not the time: a clock does not tell what a roll back came before.
    pub revision: Revision,
    /// The wave that reached the account; `None` when none did, or it is not known.
    pub wave: Option<Ordinal>,
}
