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
    /// More than nothing, and so little that it is more often a mistake of the unit than meant: 0.05 for 5 %,
    /// or 50 parts per million for 50 %.
    pub const fn is_tiny(self) -> bool {
        0 < self.0 && self.0 < Self::LEAST_USUAL
    }
    /// 0.1 %.
    const LEAST_USUAL: u32 = 1_000;

    /// A share in per cent, 0 to 100, with at most 4 digits after the point: `5`, `2.5`.
    pub fn from_percent(text: &str) -> Result<Self, Malformed> {
        const MUST: Malformed =
            Malformed("be 0 to 100 per cent, as a decimal with at most 4 digits after the point");
        let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |text: &str| -> Option<u32> {
            text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
        };
        let part = Some(part).filter(|part| (1..=4).contains(&part.len())).ok_or(MUST)?;
        let ppm = digits(whole).and_then(|whole| whole.checked_mul(10_000));
        let ppm = ppm.zip(digits(&format!("{part:0<4}"))).and_then(|(whole, part)| whole.checked_add(part));
        Self::try_from(ppm.ok_or(MUST)?).map_err(|_| MUST)
    }

    /// The share in per cent, as `from_percent` reads it: the shortest exact decimal.
    pub fn percent(self) -> String {
        let (whole, rest) = (self.0 / 10_000, self.0 % 10_000);
        let fraction = format!("{rest:04}");
        match fraction.trim_end_matches('0') {
            "" => whole.to_string(),
            fraction => format!("{whole}.{fraction}"),
        }
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
        write!(f, "{} %", self.percent())
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
    fn a_share_in_per_cent_is_read_exactly_as_it_is_shown() {
        for ppm in (0..=1_000_000).step_by(7).chain([1, 10, 250_000, 1_000_000]) {
            assert_eq!(Edge::from_percent(&Edge(ppm).percent()), Ok(Edge(ppm)));
        }
        for (text, ppm) in [("5", 50_000), ("05.50", 55_000), ("0.0001", 1), ("100.0000", 1_000_000)] {
            assert_eq!(Edge::from_percent(text), Ok(Edge(ppm)), "{text}");
        }
        let wrong = [
            "", "5%", "5 ", " 5", "5.", ".5", "5,5", "-1", "+1", "1e2", "0.00001", "100.0001", "101",
            "5.5.5", "４",
        ];
        for text in wrong.into_iter().chain(["429496.7297", "99999999999"]) {
            assert!(Edge::from_percent(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_tiny_edge_is_more_than_nothing() {
        let tiny = [0, 1, 999, 1_000, 1_000_000].map(|ppm| Edge(ppm).is_tiny());
        assert_eq!(tiny, [false, true, true, false, false]);
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
