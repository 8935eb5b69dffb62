//! The record: events in the one order that every reader sees, and the chain that proves it.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{Event, KeyedDigest, Malformed, RecordedFact, Timestamp, words};

/// An event's place in its realm's record: 1, 2, 3 and so on, without gaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sequence(pub i64);

/// The digest of a batch, and through it of everything before.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ChainDigest(pub [u8; 32]);

/// An event as the log stores it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logged {
    /// `None` until the sealer assigns it.
    pub sequence: Option<Sequence>,
    pub event: Event<RecordedFact>,
    /// The fact's exact text: what the chain hashes.
    pub fact: String,
}

/// SHA-256 of the sealed personal fields of an event. It stays when their key is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PersonalDigest(pub [u8; 32]);

words! {
    /// How the digest of a batch is computed. `proto/README.md` publishes each way.
    ChainTag "tag of the chain" {
        /// Without the personal fields: what is in the row can be swapped or emptied unseen.
        C1 = "tidegate/c1",
        /// With the digest of the personal fields.
        C2 = "tidegate/c2",
    }
}

/// Events that were sealed together.
#[derive(Debug, Clone)]
pub struct Batch {
    /// It is part of what is hashed, so a batch verifies under its own tag only.
    pub tag: ChainTag,
    pub first: Sequence,
    pub last: Sequence,
    pub previous: ChainDigest,
    pub digest: ChainDigest,
    /// Only a holder of the master key can make it.
    pub seal: KeyedDigest,
    pub sealed_at: Timestamp,
}

/// Where the record begins after its front was dropped.
#[derive(Debug, Clone)]
pub struct Cut {
    /// The last event that was dropped.
    pub last: Sequence,
    /// The digest of the last batch that was dropped.
    pub digest: ChainDigest,
    /// Only a holder of the master key can make it.
    pub seal: KeyedDigest,
    pub cut_at: Timestamp,
}

/// A point of the chain. A copy that is kept elsewhere reveals that the end of the record was
/// removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Anchor {
    pub sequence: Sequence,
    pub digest: ChainDigest,
}

words! {
    /// What is wrong with a stretch of the record. The spelling is that of `audit_service.proto`.
    BreakKind "kind of break" {
        EventMissing = "event_missing",
        EventInserted = "event_inserted",
        EventChanged = "event_changed",
        LinkBroken = "link_broken",
        SealWrong = "seal_wrong",
        HeadMissing = "head_missing",
    }
}

impl Sequence {
    /// The place before the first event.
    pub const START: Self = Self(0);

    #[must_use]
    pub const fn next(self) -> Self {
        self.plus(1)
    }
    #[must_use]
    pub const fn plus(self, count: i64) -> Self {
        Self(self.0.saturating_add(count))
    }
    #[must_use]
    pub const fn minus(self, count: i64) -> Self {
        Self(self.0.saturating_sub(count))
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl ChainDigest {
    /// The digest before the first batch.
    pub const NONE: Self = Self([0; 32]);
}

impl Anchor {
    /// The point before the first event.
    pub const START: Self = Self { sequence: Sequence::START, digest: ChainDigest::NONE };
}

impl Batch {
    pub const fn head(&self) -> Anchor {
        Anchor { sequence: self.last, digest: self.digest }
    }
}

impl Cut {
    pub const fn head(&self) -> Anchor {
        Anchor { sequence: self.last, digest: self.digest }
    }
}

/// 64 hexadecimal digits.
impl fmt::Display for ChainDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hexadecimal(&self.0, f)
    }
}

/// 64 hexadecimal digits.
impl fmt::Display for PersonalDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hexadecimal(&self.0, f)
    }
}

fn hexadecimal(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

impl fmt::Debug for ChainDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for ChainDigest {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let wrong = || Malformed("be 64 hexadecimal digits, in lower case");
        if text.len() != 64 || !text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(wrong());
        }
        let mut digest = [0; 32];
        for (byte, pair) in digest.iter_mut().zip(text.as_bytes().chunks(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| wrong())?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| wrong())?;
        }
        Ok(Self(digest))
    }
}

impl Serialize for ChainDigest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for PersonalDigest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ChainDigest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_read_as_it_was_written() {
        let digest = ChainDigest(std::array::from_fn(|place| u8::try_from(place * 8).unwrap()));
        assert_eq!(digest.to_string().parse(), Ok(digest));
        for wrong in ["", "0", &"0".repeat(63), &"G".repeat(64), &"A".repeat(64)] {
            assert!(wrong.parse::<ChainDigest>().is_err(), "{wrong}");
        }
    }
}
