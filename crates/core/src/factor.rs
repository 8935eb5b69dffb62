//! One enrolled means of proof, and the count of its wrong guesses.

use crate::{AccountId, FactorId, KeyedDigest, Sealed, Timestamp, Title, words};

words! {
    /// The kind of a factor.
    Method "method" {
        Password = "password",
        Totp = "totp",
        RecoveryCodes = "recovery_codes",
    }
}

impl Method {
    /// Whether it can be the second of two steps. A password is the first, and recovery codes only re-bind.
    pub const fn is_second_step(self) -> bool {
        !matches!(self, Self::Password | Self::RecoveryCodes)
    }
}

/// A number of a factor that rises with every proof that is accepted, so that none is accepted twice: a time step,
/// a signature counter. Methods without one leave it at zero.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark(pub i64);

/// An active factor. A pending one is an enrollment, and is nowhere mistaken for a factor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Factor {
    pub id: FactorId,
    pub account: AccountId,
    pub method: Method,
    /// What the owner calls it.
    pub label: Option<Title>,
    /// Where it is, masked for its owner: an address, a phone number.
    pub hint: Option<String>,
    /// What it is verified with. Only `factors` understands it, after `keyring` opened it.
    pub material: Option<Sealed>,
    pub mark: Mark,
    /// By which a device or a security key says whose it is; unique in the realm.
    pub lookup: Option<Vec<u8>>,
    pub created_at: Timestamp,
    pub last_used_at: Option<Timestamp>,
}

impl Factor {
    /// A factor of which nothing but its owner and method is known yet.
    pub const fn new(id: FactorId, account: AccountId, method: Method, now: Timestamp) -> Self {
        Self {
            id,
            account,
            method,
            label: None,
            hint: None,
            material: None,
            mark: Mark(0),
            lookup: None,
            created_at: now,
            last_used_at: None,
        }
    }
}

/// One recovery code as it is kept.
#[derive(Debug, Clone, Copy)]
pub struct RecoveryCode {
    pub number: i64,
    pub digest: KeyedDigest,
}

/// The attempts charged to one counter. `factors::budget` alone decides what it becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Increases with every change; what compare-and-set compares. Zero: not kept yet.
    pub revision: i64,
    pub hour_began: Timestamp,
    pub in_hour: i64,
    pub day_began: Timestamp,
    pub in_day: i64,
    /// Charges since the last success; falls by success alone (INV-9).
    pub in_row: i64,
    /// How often a success forgave what was charged.
    pub successes: i64,
    pub last_at: Timestamp,
}

impl Budget {
    pub const fn fresh(now: Timestamp) -> Self {
        Self {
            revision: 0,
            hour_began: now,
            in_hour: 0,
            day_began: now,
            in_day: 0,
            in_row: 0,
            successes: 0,
            last_at: now,
        }
    }
}
