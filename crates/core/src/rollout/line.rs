//! The line of buckets: where accounts stand on it, and how far a wave reaches along it.

use serde::{Deserialize, Serialize};

use crate::Malformed;

/// What places accounts on a rollout's line of buckets; drawn once and never changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Salt(pub [u8; 16]);

/// A place on the line, 0 to 999 999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bucket(u32);

/// How far along the line a wave reaches, in parts per million: it holds the buckets below it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
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
    /// Whether it holds the bucket when it is measured from the end of the line.
    pub const fn holds_from_the_end(self, bucket: Bucket) -> bool {
        bucket.0 >= Bucket::COUNT - self.0
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
