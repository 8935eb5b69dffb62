//! The process that activates a factor, and the links that confirm things by mail.

use serde::{Deserialize, Serialize};

use crate::{
    AccountId, DeviceId, EmailChangeId, EnrollmentId, FactorId, Identifier, Method, ProductKey, RolloutKey,
    Sealed, Timestamp, Title, words,
};

words! {
    EnrollmentState "enrollment state" {
        AwaitingConfirmation = "awaiting_confirmation",
        Confirmed = "confirmed",
        AwaitingProof = "awaiting_proof",
        Active = "active",
        UsedUp = "used_up",
        /// A newer enrollment of the same account, product, device and method took its place.
        Superseded = "superseded",
        Cancelled = "cancelled",
    }
}

/// A pending factor. It proves nothing and counts nowhere (INV-22).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrollment {
    pub id: EnrollmentId,
    /// It belongs to these three fields, not to a session.
    pub account: AccountId,
    pub product: ProductKey,
    pub device: Option<DeviceId>,
    /// The rollout that had reached the account here when it began.
    #[serde(default)]
    pub rollout: Option<RolloutKey>,
    pub method: Method,
    pub state: EnrollmentState,
    /// The factor it becomes.
    pub factor: FactorId,
    /// The factor whose fresh proof began it. It may add another one as long as that factor lives.
    /// Without, it may only bind the first one.
    #[serde(default)]
    pub proved_by: Option<FactorId>,
    /// Made when the enrollment enters `AwaitingProof`.
    #[serde(skip)]
    pub material: Option<Sealed>,
    /// What the owner calls the factor.
    #[serde(default)]
    pub label: Option<Title>,
    pub tries: i64,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
}

/// What a mailed link marks when it is redeemed, and nothing else (INV-3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkTarget {
    /// The address it was sent to is the account's.
    Email,
    /// The owner started this enrollment.
    Enrollment(EnrollmentId),
    /// A new password is set for the account.
    Password,
    /// The address it was sent to becomes the account's.
    EmailChange(EmailChangeId),
    /// The reader of a notice says "this wasn't me".
    NotMe,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    pub account: AccountId,
    pub target: LinkTarget,
    /// The address it was sent to.
    pub email: Identifier,
    pub expires_at: Timestamp,
    pub used_at: Option<Timestamp>,
    /// A newer link for the same target was mailed.
    pub superseded_at: Option<Timestamp>,
}
