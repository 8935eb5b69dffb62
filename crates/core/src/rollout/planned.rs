//! Times as people plan them: what a clock on the wall shows in a time zone.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use time::{Date, Month, PrimitiveDateTime, Time};

use crate::{Malformed, Span, Timestamp, Weekday, ZoneName};

/// A planned time. The instant was fixed when it was set: later changes of the zone's rules do not move it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedTime {
    pub instant: Timestamp,
    pub local: LocalDateTime,
    pub zone: ZoneName,
}

impl PlannedTime {
    /// How far the zone's clocks were taken to be ahead of UTC when the instant was fixed.
    pub const fn offset(&self) -> UtcOffset {
        let ahead = self.local.as_if_utc().unix_seconds() - self.instant.unix_seconds();
        UtcOffset::from_seconds(ahead)
    }
}

/// A date and a time of day without a zone, in the years 2000 to 2200, in whole seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LocalDateTime(PrimitiveDateTime);

impl LocalDateTime {
    /// `None` when there is no such date or time of day, or the year is not 2000 to 2200.
    pub fn of(date: (i32, u8, u8), time_of_day: (u8, u8, u8)) -> Option<Self> {
        let ((year, month, day), (hour, minute, second)) = (date, time_of_day);
        let date = Date::from_calendar_date(year, Month::try_from(month).ok()?, day).ok()?;
        let time = Time::from_hms(hour, minute, second).ok()?;
        (2_000..=2_200).contains(&year).then_some(Self(PrimitiveDateTime::new(date, time)))
    }

    /// Year, month and day, from 1.
    pub const fn date(self) -> (i32, u8, u8) {
        (self.0.year(), self.0.month() as u8, self.0.day())
    }

    /// Hour, minute and second.
    pub const fn time_of_day(self) -> (u8, u8, u8) {
        (self.0.hour(), self.0.minute(), self.0.second())
    }

    pub const fn weekday(self) -> Weekday {
        match self.0.weekday() {
            time::Weekday::Monday => Weekday::Monday,
            time::Weekday::Tuesday => Weekday::Tuesday,
            time::Weekday::Wednesday => Weekday::Wednesday,
            time::Weekday::Thursday => Weekday::Thursday,
            time::Weekday::Friday => Weekday::Friday,
            time::Weekday::Saturday => Weekday::Saturday,
            time::Weekday::Sunday => Weekday::Sunday,
        }
    }

    /// The instant at which a clock in UTC shows this.
    pub const fn as_if_utc(self) -> Timestamp {
        Timestamp::from_unix_micros(self.0.assume_utc().unix_timestamp() * 1_000_000)
    }
}

/// `2026-12-07T09:00`, with seconds where they are not zero.
impl fmt::Display for LocalDateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ((year, month, day), (hour, minute, second)) = (self.date(), self.time_of_day());
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}")?;
        if second == 0 { Ok(()) } else { write!(f, ":{second:02}") }
    }
}

impl FromStr for LocalDateTime {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let must = "be a date and a time of day, as 2026-12-07T09:00, in the years 2000 to 2200, without a \
                    fraction of a second";
        read(text).ok_or(Malformed(must))
    }
}

/// Seconds may be left out; nothing else may.
fn read(text: &str) -> Option<LocalDateTime> {
    let form = match text.len() {
        16 => "0000-00-00T00:00",
        19 => "0000-00-00T00:00:00",
        _ => return None,
    };
    let fits =
        |(given, wanted): (u8, u8)| if wanted == b'0' { given.is_ascii_digit() } else { given == wanted };
    if !text.bytes().zip(form.bytes()).all(fits) {
        return None;
    }
    let number = |from: usize| text.get(from..from + 2)?.parse::<u8>().ok();
    let year = text.get(..4)?.parse().ok()?;
    let second = if text.len() == 19 { number(17)? } else { 0 };
    LocalDateTime::of((year, number(5)?, number(8)?), (number(11)?, number(14)?, second))
}

impl TryFrom<String> for LocalDateTime {
    type Error = Malformed;
    fn try_from(text: String) -> Result<Self, Malformed> {
        text.parse()
    }
}

impl From<LocalDateTime> for String {
    fn from(local: LocalDateTime) -> Self {
        local.to_string()
    }
}

/// How far a zone's clocks are ahead of UTC; negative where they are behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct UtcOffset(Span);

impl UtcOffset {
    pub const fn from_seconds(ahead: i64) -> Self {
        Self(Span::seconds(ahead))
    }
    pub const fn span(self) -> Span {
        self.0
    }
}

/// `+01:00`. No zone has had an offset with seconds since 1972.
impl fmt::Display for UtcOffset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let minutes = self.0.micros() / 60_000_000;
        let sign = if minutes < 0 { '-' } else { '+' };
        write!(f, "{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
    }
}

/// Reads `+01:00`, `-03:30` and `Z`.
impl FromStr for UtcOffset {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let minutes = || -> Option<i64> {
            if text == "Z" {
                return Some(0);
            }
            let (sign, digits) = match text.split_at_checked(1)? {
                ("+", digits) => (1, digits),
                ("-", digits) => (-1, digits),
                _ => return None,
            };
            let number = |text: &str| -> Option<i64> {
                let digits = text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
                if digits { text.parse().ok() } else { None }
            };
            let (hours, minutes) = digits.split_once(':')?;
            let (hours, minutes) = (number(hours)?, number(minutes)?);
            (hours <= 18 && minutes < 60).then_some(sign * (hours * 60 + minutes))
        };
        let minutes = minutes().ok_or(Malformed("be an offset from UTC, as +01:00"))?;
        Ok(Self::from_seconds(minutes * 60))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_local_time_is_read_as_it_is_printed() {
        for text in ["2026-12-07T09:00", "2000-02-29T23:59:59", "2200-12-31T00:00"] {
            assert_eq!(text.parse::<LocalDateTime>().unwrap().to_string(), text);
        }
        assert_eq!("2026-12-07T09:00:00".parse::<LocalDateTime>().unwrap().to_string(), "2026-12-07T09:00");
    }

    #[test]
    fn what_no_clock_shows_is_refused() {
        for text in [
            "",
            "2026-12-07",
            "2026-12-07 09:00",
            "2026-12-07t09:00",
            "2026-12-07T9:00",
            "2026-12-07T09:00Z",
            "2026-12-07T09:00:00.5",
            "2026-12-07T09:00:00,000",
            "2026-12-07T24:00",
            "2026-12-07T09:60",
            "2026-12-07T09:00:60",
            "2026-02-29T09:00",
            "2026-13-01T09:00",
            "2026-00-01T09:00",
            "1999-12-31T23:59",
            "2201-01-01T00:00",
            "+026-12-07T09:00",
            "２026-12-07T09:00",
        ] {
            assert!(text.parse::<LocalDateTime>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_offset_is_read_as_it_is_printed() {
        for text in ["+00:00", "+01:00", "-03:30", "-00:30", "+14:00", "-12:00", "+12:45"] {
            assert_eq!(text.parse::<UtcOffset>().unwrap().to_string(), text);
        }
        assert_eq!("Z".parse::<UtcOffset>().unwrap().to_string(), "+00:00");
        for text in ["", "+1:00", "01:00", "+01", "+0100", "+19:00", "+01:60", "+01:00:00", "++1:00", "z"] {
            assert!(text.parse::<UtcOffset>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_planned_time_is_kept_with_its_zone() {
        let json = r#"{"instant":"2026-12-07T08:00:00Z","local":"2026-12-07T09:00","zone":"Europe/Berlin"}"#;
        let planned: PlannedTime = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_string(&planned).unwrap(), json);
        assert_eq!(planned.offset().to_string(), "+01:00");
        let newer = json.replace("\"zone\"", "\"calendar\":\"gregorian\",\"zone\"");
        assert!(serde_json::from_str::<PlannedTime>(&newer).is_err());
    }
}
