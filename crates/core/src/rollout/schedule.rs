//! When waves start by themselves: soak, gates, and the window in which a rollout advances.

use std::{collections::BTreeSet, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{Bucket, Edge, Malformed, Rollout, Span, Timestamp, Wave, ZoneName, words};

words! {
    Weekday "weekday" {
        Monday = "monday",
        Tuesday = "tuesday",
        Wednesday = "wednesday",
        Thursday = "thursday",
        Friday = "friday",
        Saturday = "saturday",
        Sunday = "sunday",
    }
}

words! {
    /// What is counted of the wave that was started last, for gates.
    GateMeasure "gate measure" {
        /// Accounts that were shown the feature, once for each product.
        Shown = "shown",
        /// Those that began to enroll a second factor.
        Started = "started",
        /// Those for which two-step acts.
        Active = "active",
        /// Second steps that were asked of accounts of the wave.
        Challenged = "challenged",
        /// Those that were passed.
        Passed = "passed",
        /// Answers that were not accepted.
        Failed = "failed",
        /// Second steps that were passed by a recovery code.
        Recovered = "recovered",
    }
}

/// A condition on the numbers of the wave before. It holds the next wave until it passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Gate {
    /// At least so many.
    AtLeast { measure: GateMeasure, count: u64 },
    /// `measure` is at least this share of `of`.
    ShareAtLeast { measure: GateMeasure, of: GateMeasure, share: Share },
    /// `measure` is at most this share of `of`.
    ShareAtMost { measure: GateMeasure, of: GateMeasure, share: Share },
}

/// The most gates of one wave.
pub const MAX_GATES: usize = 10;

/// A part of a number, in parts per million.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Share(u32);

impl Share {
    pub const fn ppm(self) -> u32 {
        self.0
    }
}

impl TryFrom<u32> for Share {
    type Error = Malformed;
    fn try_from(ppm: u32) -> Result<Self, Malformed> {
        if ppm <= Bucket::COUNT { Ok(Self(ppm)) } else { Err(Malformed("be 0 to 1000000 parts per million")) }
    }
}

impl From<Share> for u32 {
    fn from(share: Share) -> Self {
        share.0
    }
}

/// In per cent, as an edge.
impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Edge::try_from(self.0).unwrap_or_default().fmt(f)
    }
}

/// A time of day on a clock in some zone, in minutes; up to 24:00, the end of the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TimeOfDay(u16);

impl TimeOfDay {
    /// Since midnight.
    pub const fn minutes(self) -> u16 {
        self.0
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

impl FromStr for TimeOfDay {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let number = |text: &str| -> Option<u16> {
            let digits = text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
            if digits { text.parse().ok() } else { None }
        };
        let minutes = || {
            let (hours, minutes) = text.split_once(':')?;
            let (hours, minutes) = (number(hours)?, number(minutes)?);
            let sound = minutes < 60 && hours * 60 + minutes <= 24 * 60;
            sound.then_some(Self(hours * 60 + minutes))
        };
        minutes().ok_or(Malformed("be a time of day, as 09:00, up to 24:00"))
    }
}

impl TryFrom<String> for TimeOfDay {
    type Error = Malformed;
    fn try_from(text: String) -> Result<Self, Malformed> {
        text.parse()
    }
}

impl From<TimeOfDay> for String {
    fn from(time: TimeOfDay) -> Self {
        time.to_string()
    }
}

/// When waves may start by themselves: on these days, from `opens` until just before `closes`, by the clocks of the
/// zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdvanceWindow {
    pub days: BTreeSet<Weekday>,
    pub opens: TimeOfDay,
    pub closes: TimeOfDay,
    pub zone: ZoneName,
}

impl Rollout {
    /// The wave that starts next: the first one that is not started.
    pub fn next_wave(&self) -> Option<&Wave> {
        self.waves.iter().find(|wave| !wave.is_started())
    }

    /// The wave that was started last.
    pub fn last_started(&self) -> Option<&Wave> {
        self.waves.iter().rev().find(|wave| wave.is_started())
    }

    /// The earliest instant at which the next wave may start by itself, gates and window aside. `None`: it does not.
    pub fn may_start_at(&self) -> Option<Timestamp> {
        if self.stop.is_some() || self.paused_at.is_some() {
            return None;
        }
        let next = self.next_wave()?;
        let planned = next.planned_start.as_ref()?.instant;
        Some(self.soaks_until().map_or(planned, |until| planned.max(until)))
    }

    /// Until when the wave that was started last is observed before the next one starts by itself.
    pub fn soaks_until(&self) -> Option<Timestamp> {
        let soak = self.next_wave()?.soak.filter(|soak| *soak > Span::ZERO)?;
        Some(self.last_started()?.started_at?.plus(soak))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_day_is_read_as_it_is_printed() {
        for text in ["00:00", "09:05", "23:59", "24:00"] {
            assert_eq!(text.parse::<TimeOfDay>().unwrap().to_string(), text);
        }
        for text in ["", "9:00", "24:01", "23:60", "0900", "09:00:00", "+9:00", "９9:00"] {
            assert!(text.parse::<TimeOfDay>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_gate_of_a_newer_version_is_not_taken_for_one_that_is_known() {
        let gate = Gate::AtLeast { measure: GateMeasure::Shown, count: 100 };
        let json = r#"{"at_least":{"measure":"shown","count":100}}"#;
        assert_eq!(serde_json::to_string(&gate).unwrap(), json);
        assert_eq!(serde_json::from_str::<Gate>(json).unwrap(), gate);
        for newer in [
            r#"{"at_least":{"measure":"shown","count":100,"within":1}}"#,
            r#"{"at_least":{"measure":"delighted","count":100}}"#,
            r#"{"never":{}}"#,
        ] {
            assert!(serde_json::from_str::<Gate>(newer).is_err(), "{newer}");
        }
    }
}
