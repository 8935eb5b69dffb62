//! Instants and spans in microseconds, because that is what both databases keep exactly.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// Microseconds since 1970-01-01T00:00:00Z, leap seconds ignored. RFC 3339 in JSON, because people
/// read events and rollouts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(i64);

/// A length of time in microseconds.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Span(i64);

impl Timestamp {
    pub const MAX: Self = Self(i64::MAX);
    pub const fn from_unix_micros(micros: i64) -> Self {
        Self(micros)
    }
    pub const fn unix_micros(self) -> i64 {
        self.0
    }
    pub const fn unix_seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }
    /// Reads RFC 3339, for example `2021-12-06T00:00:00Z`. `None` when the text is not RFC 3339, or
    /// its instant does not fit into microseconds.
    pub fn from_rfc3339(text: &str) -> Option<Self> {
        let at = OffsetDateTime::parse(text, &Rfc3339).ok()?;
        i64::try_from(at.unix_timestamp_nanos().div_euclid(1_000)).ok().map(Self)
    }
    /// Saturates, so that a clock at the end of time causes no panic.
    #[must_use]
    pub const fn plus(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }
    #[must_use]
    pub const fn minus(self, span: Span) -> Self {
        Self(self.0.saturating_sub(span.0))
    }
    /// The time from `earlier` to `self`, or zero when the clock went back.
    pub const fn since(self, earlier: Self) -> Span {
        let micros = self.0.saturating_sub(earlier.0);
        Span(if micros < 0 { 0 } else { micros })
    }
}

/// RFC 3339 in UTC. Outside the years of RFC 3339, the number of microseconds.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000).ok();
        match at.and_then(|at| at.format(&Rfc3339).ok()) {
            Some(text) => f.write_str(&text),
            None => write!(f, "{} µs", self.0),
        }
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let micros = || text.strip_suffix(" µs").and_then(|micros| micros.parse().ok().map(Self));
        let at = Self::from_rfc3339(&text).or_else(micros);
        at.ok_or_else(|| serde::de::Error::custom("not an instant"))
    }
}

impl Span {
    pub const ZERO: Self = Self(0);

    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }
    pub const fn millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1_000))
    }
    pub const fn seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000_000))
    }
    pub const fn minutes(minutes: i64) -> Self {
        Self::seconds(minutes.saturating_mul(60))
    }
    pub const fn hours(hours: i64) -> Self {
        Self::minutes(hours.saturating_mul(60))
    }
    pub const fn days(days: i64) -> Self {
        Self::hours(days.saturating_mul(24))
    }
    pub const fn micros(self) -> i64 {
        self.0
    }
    pub const fn is_zero(&self) -> bool {
        self.0 == 0
    }
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
    /// Doubled `times` times, but never longer than `most`.
    #[must_use]
    pub fn doubled(self, times: i64, most: Self) -> Self {
        let shift = u32::try_from(times.clamp(0, 62)).unwrap_or(62);
        let micros = self.0.saturating_mul(1_i64.checked_shl(shift).unwrap_or(i64::MAX));
        Self(micros.min(most.0))
    }
    pub fn as_duration(self) -> std::time::Duration {
        std::time::Duration::from_micros(u64::try_from(self.0).unwrap_or(0))
    }
}

/// The authority clock. Only the binary and the tests implement it.
pub trait Clock: Send + Sync {
    fn now(&self) -> Timestamp;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_3339_reads_and_prints() {
        let at = Timestamp::from_rfc3339("2021-12-06T01:00:00+01:00").unwrap();
        assert_eq!(at.to_string(), "2021-12-06T00:00:00Z");
        assert_eq!(Timestamp::from_rfc3339("2021-12-06"), None);
    }

    #[test]
    fn json_keeps_every_microsecond_and_every_year() {
        for micros in [0, 1, -1, 1_700_000_000_123_456, i64::MAX, i64::MIN] {
            let at = Timestamp::from_unix_micros(micros);
            let json = serde_json::to_string(&at).unwrap();
            assert_eq!(serde_json::from_str::<Timestamp>(&json).unwrap(), at, "{json}");
        }
    }

    #[test]
    fn doubling_stops_at_the_most() {
        assert_eq!(Span::seconds(1).doubled(0, Span::minutes(15)), Span::seconds(1));
        assert_eq!(Span::seconds(1).doubled(5, Span::minutes(15)), Span::seconds(32));
        assert_eq!(Span::seconds(1).doubled(900, Span::minutes(15)), Span::minutes(15));
    }
}
