//! An organisation that accounts belong to: an MSP's client, a company.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Country, CustomerId, CustomerKey, LabelName, LabelText, Revision, Timestamp, Title};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Customer {
    /// The customer's bucket is computed from it.
    pub id: CustomerId,
    pub key: CustomerKey,
    pub title: Title,
    pub country: Option<Country>,
    pub labels: Labels,
    pub revision: Revision,
    /// When the customer was created, here or in the system that it comes from.
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// What a realm's own systems say of an account or a customer, for audiences.
pub type Labels = BTreeMap<LabelName, LabelText>;
