//! Whom a wave is for: a typed tree of tests on what is known of an account.
//!
//! Every test has an answer. A test of a value that is absent (no country, no such label, no
//! customer) does not hold, so its `not` does.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{Country, CustomerKey, LabelName, LabelText, Method, ProductKey, Timestamp, words};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    /// Every part holds. Also true without parts.
    All(Vec<Self>),
    /// At least one part holds. False without parts.
    Any(Vec<Self>),
    Not(Box<Self>),
    Test(Test),
}

words! {
    /// The attribute that a test looks at, as it is spelled on the wire.
    Attribute "attribute" {
        AccountCreated = "account.created",
        AccountCountry = "account.country",
        AccountLabel = "account.label",
        AccountEmailVerified = "account.email_verified",
        AccountMethod = "account.method",
        AccountInterest = "account.interest",
        CustomerKey = "customer.key",
        CustomerCreated = "customer.created",
        CustomerCountry = "customer.country",
        CustomerLabel = "customer.label",
    }
}

/// A test of one attribute. An empty set of values asks only whether there is any.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Test {
    AccountCreated(During),
    AccountCountry(BTreeSet<Country>),
    AccountLabel(Label),
    AccountEmailVerified,
    /// An active second factor, or recovery codes, of one of these kinds.
    AccountMethod(BTreeSet<Method>),
    /// A wish registered at one of these products. Empty: at the product that is decided on.
    AccountInterest(BTreeSet<ProductKey>),
    CustomerKey(BTreeSet<CustomerKey>),
    CustomerCreated(During),
    CustomerCountry(BTreeSet<Country>),
    CustomerLabel(Label),
}

/// Half open: from the first instant on, and before the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct During {
    pub from: Option<Timestamp>,
    pub before: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Label {
    pub name: LabelName,
    pub any_of: BTreeSet<LabelText>,
}

impl During {
    pub fn holds(self, at: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= at) && self.before.is_none_or(|before| at < before)
    }
}

impl Test {
    pub const fn attribute(&self) -> Attribute {
        match self {
            Self::AccountCreated(_) => Attribute::AccountCreated,
            Self::AccountCountry(_) => Attribute::AccountCountry,
            Self::AccountLabel(_) => Attribute::AccountLabel,
            Self::AccountEmailVerified => Attribute::AccountEmailVerified,
            Self::AccountMethod(_) => Attribute::AccountMethod,
            Self::AccountInterest(_) => Attribute::AccountInterest,
            Self::CustomerKey(_) => Attribute::CustomerKey,
            Self::CustomerCreated(_) => Attribute::CustomerCreated,
            Self::CustomerCountry(_) => Attribute::CustomerCountry,
            Self::CustomerLabel(_) => Attribute::CustomerLabel,
        }
    }
}
