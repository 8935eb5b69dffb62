//! One person's identity in a realm.

use serde::{Deserialize, Serialize};

use crate::{AccountId, Country, CustomerKey, Email, ExternalId, Labels, Sealed, Timestamp, words};

words! {
    AccountState "account state" {
        Active = "active",
        /// Support or an admin took it out of use.
        Suspended = "suspended",
        /// It may be in the hands of a stranger: nothing that was begun or mailed before counts any more.
        LockedDown = "locked_down",
        /// It is kept for 30 days, so that a deletion can be taken back.
        Deleted = "deleted",
        /// Nothing personal is left. Its record stays.
        Purged = "purged",
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    pub id: AccountId,
    pub external_id: Option<ExternalId>,
    pub contact: Option<Contact>,
    pub country: Option<Country>,
    #[serde(default)]
    pub customer: Option<CustomerKey>,
    #[serde(default)]
    pub labels: Labels,
    pub state: AccountState,
    /// The owner's switch: since when two-step is on.
    pub two_step_since: Option<Timestamp>,
    /// The key that seals the account's personal fields in events; dropping it erases them.
    #[serde(skip)]
    pub personal_key: Sealed,
    /// Raised by each event that ends what was begun before: sign-ins under way and trust of an earlier epoch count no
    /// more (INV-25).
    #[serde(default)]
    pub epoch: i64,
    /// When somebody said "this wasn't me". Since then, what protects the account cannot be changed. `None`: it can.
    #[serde(default)]
    pub changes_locked_at: Option<Timestamp>,
    #[serde(default)]
    pub deleted_at: Option<Timestamp>,
    /// Since when the owner is asked to use the second step once more; `None`: is not asked, or did.
    #[serde(default)]
    pub check_up_asked_at: Option<Timestamp>,
    pub created_at: Timestamp,
}

/// An address of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    pub email: Email,
    /// When it became the account's.
    pub since: Timestamp,
    pub verified_at: Option<Timestamp>,
}

impl Account {
    pub fn verified(&self) -> Option<&Contact> {
        self.contact.as_ref().filter(|contact| contact.verified_at.is_some())
    }
}

/// How a caller names an account.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AccountRef {
    Id(AccountId),
    External(ExternalId),
}
