//! One enrolled means of proof, and the count of its wrong guesses.

use crate::{AccountId, FactorId, KeyedDigest, Sealed, Timestamp, words};

words! {
    /// The kind of a factor.
    Method "method" {
        Password = "password",
        Totp = "totp",
        RecoveryCodes = "recovery_codes",
    }
}

impl Method {
    /// Whether it can be the second of two steps; a recovery code only re-binds.
    pub const fn is_second_step(self) -> bool {
        match self {
            Self::Totp => true,
            Self::Password | Self::RecoveryCodes => false,
        }
    }
}

/// A TOTP time step: the number of periods since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Step(pub i64);

/// An active factor. A pending one is an enrollment, and is nowhere mistaken for a factor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Factor {
    pub id: FactorId,
    pub account: AccountId,
    pub material: Material,
    pub created_at: Timestamp,
    pub last_used_at: Option<Timestamp>,
}

/// What a factor is verified with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Material {
    Totp {
        seed: Sealed,
        /// The newest step ever accepted; only a later one is fresh (RFC 6238 §5.2).
        last_step: Step,
    },
    /// The codes lie in a table of their own.
    RecoveryCodes,
}

impl Factor {
    pub const fn method(&self) -> Method {
        match self.material {
            Material::Totp { .. } => Method::Totp,
            Material::RecoveryCodes => Method::RecoveryCodes,
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
