//! One person's identity in a realm.

use serde::{Deserialize, Serialize};

use crate::{AccountId, Country, CustomerKey, Email, ExternalId, Labels, Sealed, Timestamp, words};

words! {
    AccountState "account state" {
        Active = "active",
        Suspended = "suspended",
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
