//! The line of buckets: where accounts stand on it, and how far a wave reaches along it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Malformed;

/// The random value that gives accounts their positions on a rollout's line of buckets. Drawn once
/// and never changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Salt(pub [u8; 16]);

/// A position on the line, 0 to 999 999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bucket(u32);

/// How far along the line a wave reaches, in parts per million. The wave holds the buckets below
/// its edge.
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
    /// Whether it holds the bucket, measured from the end of the line.
    pub const fn holds_from_the_end(self, bucket: Bucket) -> bool {
        bucket.0 >= Bucket::COUNT - self.0
    }
    pub const fn ppm(self) -> u32 {
        self.0
    }
}

/// A whole number with its digits in groups of three: `126 234`. The separator is a plain space, so that a
/// search for what people type finds the number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grouped(pub u64);

impl fmt::Display for Grouped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        for (place, digit) in digits.chars().enumerate() {
            if place > 0 && (digits.len() - place).is_multiple_of(3) {
                f.write_str(" ")?;
            }
            write!(f, "{digit}")?;
        }
        Ok(())
    }
}

/// The position as people read it.
impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Grouped(self.0.into()).fmt(f)
    }
}

/// The share in per cent, as the shortest exact decimal: `10 %`, `2.5 %`, `0.0001 %`.
impl fmt::Display for Edge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0 / 10_000, self.0 % 10_000);
        let fraction = format!("{rest:04}");
        match fraction.trim_end_matches('0') {
            "" => write!(f, "{whole} %"),
            fraction => write!(f, "{whole}.{fraction} %"),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edge_reads_as_the_shortest_exact_share_in_per_cent() {
        let shares = [
            (0, "0 %"),
            (1, "0.0001 %"),
            (100, "0.01 %"),
            (10_000, "1 %"),
            (25_000, "2.5 %"),
            (100_000, "10 %"),
            (123_456, "12.3456 %"),
            (999_990, "99.999 %"),
            (1_000_000, "100 %"),
        ];
        for (ppm, share) in shares {
            assert_eq!(Edge(ppm).to_string(), share);
        }
    }

    #[test]
    fn digits_stand_in_groups_of_three() {
        let numbers = [
            (0, "0"),
            (999, "999"),
            (1_000, "1 000"),
            (10_050, "10 050"),
            (126_234, "126 234"),
            (1_000_000, "1 000 000"),
            (u64::MAX, "18 446 744 073 709 551 615"),
        ];
        for (number, text) in numbers {
            assert_eq!(Grouped(number).to_string(), text);
        }
        assert_eq!(Bucket(126_234).to_string(), "126 234");
    }
}
