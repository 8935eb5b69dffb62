//! Local times and instants, by the time zone database that is built in. The host's own is never read, so that
//! a local time means the same instant on every server and in every test.

use std::fmt;

use jiff::{
    Timestamp as JiffTimestamp,
    civil::DateTime,
    tz::{AmbiguousOffset, Offset, TimeZone, TimeZoneDatabase},
};
use tidegate_core::{LocalDateTime, PlannedTime, Timestamp, UtcOffset, ZoneName};

/// Why a local time names no instant. The texts complete "must …".
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ZoneError {
    /// The database has no such zone.
    UnknownZone,
    /// The zone's clocks go forward over the local time.
    Gap { zone: ZoneName, local: LocalDateTime, instead: Option<LocalDateTime> },
    /// The local time occurs twice, and no offset says which one is meant.
    Overlap { zone: ZoneName, local: LocalDateTime, offsets: [UtcOffset; 2] },
    /// The zone has another offset at the local time, or one of two others.
    WrongOffset { offsets: Vec<UtcOffset> },
}

impl fmt::Display for ZoneError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownZone => f.write_str("be a time zone of the IANA database, such as Europe/Berlin"),
            Self::Gap { zone, local, instead } => {
                write!(f, "be a time that exists: in {zone} the clocks go forward over {local}")?;
                instead.map_or(Ok(()), |instead| write!(f, "; {instead} exists"))
            }
            Self::Overlap { zone, local, offsets: [first, second] } => {
                write!(f, "be {first} or {second}: {local} occurs twice in {zone}, where the clocks go back")
            }
            Self::WrongOffset { offsets } => {
                let offsets: Vec<_> = offsets.iter().map(ToString::to_string).collect();
                write!(f, "be {}, as the zone has at that time, or be left out", offsets.join(" or "))
            }
        }
    }
}

/// Fixes the instant of a local time. An offset has to be given where the local time occurs twice, and has to be right
/// where it is given. The zone gets its canonical spelling.
pub fn resolve(
    local: LocalDateTime,
    zone: &ZoneName,
    offset: Option<UtcOffset>,
) -> Result<PlannedTime, ZoneError> {
    let (zone, rules) = find(zone).ok_or(ZoneError::UnknownZone)?;
    let ahead = match rules.to_ambiguous_timestamp(civil(local)).offset() {
        AmbiguousOffset::Unambiguous { offset: only } => chosen(offset.or(Some(of(only))), &[of(only)])?,
        AmbiguousOffset::Gap { before, after } => {
            let skipped = i64::from(after.seconds()) - i64::from(before.seconds());
            let instead = shown(local.as_if_utc().plus(tidegate_core::Span::seconds(skipped)));
            return Err(ZoneError::Gap { zone, local, instead });
        }
        AmbiguousOffset::Fold { before, after } => {
            let offsets = [of(before), of(after)];
            if offset.is_none() {
                return Err(ZoneError::Overlap { zone, local, offsets });
            }
            chosen(offset, &offsets)?
        }
    };
    Ok(PlannedTime { instant: local.as_if_utc().minus(ahead.span()), local, zone })
}

/// The zone's canonical spelling, where the database has it.
pub fn canonical(zone: &ZoneName) -> Result<ZoneName, ZoneError> {
    find(zone).map(|(zone, _)| zone).ok_or(ZoneError::UnknownZone)
}

/// The names of all zones of the database.
pub fn names() -> Vec<String> {
    let known = TimeZoneDatabase::bundled();
    let names: Vec<_> = known.available().map(|name| name.as_str().to_owned()).collect();
    names
}

/// What a clock in the zone shows at an instant, in whole seconds. `None` when the database has no such zone, or the
/// year is not 2000 to 2200.
pub fn local_at(instant: Timestamp, zone: &ZoneName) -> Option<LocalDateTime> {
    Zone::of(zone)?.local_at(instant)
}

/// The rules of one zone, for code that asks more than once.
pub(crate) struct Zone(TimeZone);

impl Zone {
    pub(crate) fn of(name: &ZoneName) -> Option<Self> {
        find(name).map(|(_, rules)| Self(rules))
    }

    pub(crate) fn local_at(&self, instant: Timestamp) -> Option<LocalDateTime> {
        shown(instant.plus(of(self.0.to_offset(second(instant)?)).span()))
    }

    /// The instants at which a clock in the zone shows this: none, one or two.
    pub(crate) fn instants(&self, local: LocalDateTime) -> Vec<Timestamp> {
        let at = |offset| local.as_if_utc().minus(of(offset).span());
        match self.0.to_ambiguous_timestamp(civil(local)).offset() {
            AmbiguousOffset::Unambiguous { offset } => vec![at(offset)],
            AmbiguousOffset::Gap { .. } => Vec::new(),
            AmbiguousOffset::Fold { before, after } => vec![at(before), at(after)],
        }
    }

    /// When its clocks are changed, after `from` and up to `to`.
    pub(crate) fn changes_between(&self, from: Timestamp, to: Timestamp) -> Vec<Timestamp> {
        let Some(from) = second(from) else { return Vec::new() };
        let changes = self.0.following(from).map(|change| change.timestamp().as_second());
        let changes = changes.map(|seconds| Timestamp::from_unix_micros(seconds.saturating_mul(1_000_000)));
        changes.take_while(|change| *change <= to).collect()
    }
}

fn second(instant: Timestamp) -> Option<JiffTimestamp> {
    JiffTimestamp::from_second(instant.unix_seconds()).ok()
}

fn chosen(offset: Option<UtcOffset>, offsets: &[UtcOffset]) -> Result<UtcOffset, ZoneError> {
    let wrong = || ZoneError::WrongOffset { offsets: offsets.to_vec() };
    offset.filter(|offset| offsets.contains(offset)).ok_or_else(wrong)
}

/// `Etc/Unknown` is a name for "no zone is known", and no zone.
fn find(zone: &ZoneName) -> Option<(ZoneName, TimeZone)> {
    let rules = TimeZoneDatabase::bundled().get(zone.as_str()).ok().filter(|rules| !rules.is_unknown())?;
    let canonical = rules.iana_name()?.parse().ok()?;
    Some((canonical, rules))
}

fn of(offset: Offset) -> UtcOffset {
    UtcOffset::from_seconds(offset.seconds().into())
}

/// What a clock in UTC shows.
pub(crate) fn shown(instant: Timestamp) -> Option<LocalDateTime> {
    let at = Offset::UTC.to_datetime(second(instant)?);
    let part = |number: i8| u8::try_from(number).ok();
    let date = (i32::from(at.year()), part(at.month())?, part(at.day())?);
    LocalDateTime::of(date, (part(at.hour())?, part(at.minute())?, part(at.second())?))
}

fn civil(local: LocalDateTime) -> DateTime {
    let ((year, month, day), (hour, minute, second)) = (local.date(), local.time_of_day());
    let part = |number: u8| i8::try_from(number).unwrap_or(i8::MAX);
    let year = i16::try_from(year).unwrap_or(i16::MAX);
    DateTime::new(year, part(month), part(day), part(hour), part(minute), part(second), 0).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(local: &str, zone: &str) -> Result<PlannedTime, ZoneError> {
        resolve(local.parse().unwrap(), &zone.parse().unwrap(), None)
    }

    fn with(local: &str, zone: &str, offset: &str) -> Result<PlannedTime, ZoneError> {
        resolve(local.parse().unwrap(), &zone.parse().unwrap(), Some(offset.parse().unwrap()))
    }

    fn instant(planned: Result<PlannedTime, ZoneError>) -> String {
        planned.map_or_else(|error| error.to_string(), |planned| planned.instant.to_string())
    }

    #[test]
    fn the_ends_of_the_earth_and_what_lies_between() {
        for (local, zone, expected) in [
            ("2026-12-07T09:00", "Etc/GMT+12", "2026-12-07T21:00:00Z"),
            ("2026-12-07T09:00", "Pacific/Kiritimati", "2026-12-06T19:00:00Z"),
            ("2026-12-07T09:00", "Etc/GMT-14", "2026-12-06T19:00:00Z"),
            ("2026-12-07T09:00", "UTC", "2026-12-07T09:00:00Z"),
            ("2026-12-07T09:00", "Europe/Berlin", "2026-12-07T08:00:00Z"),
            ("2026-07-06T09:00:30", "Europe/Berlin", "2026-07-06T07:00:30Z"),
            ("2026-12-07T09:00", "Asia/Kolkata", "2026-12-07T03:30:00Z"),
            ("2026-12-07T09:00", "Asia/Kathmandu", "2026-12-07T03:15:00Z"),
            ("2026-12-07T09:00", "America/St_Johns", "2026-12-07T12:30:00Z"),
            ("2026-07-06T09:00", "Australia/Lord_Howe", "2026-07-05T22:30:00Z"),
            ("2026-12-07T09:00", "Australia/Lord_Howe", "2026-12-06T22:00:00Z"),
            ("2026-12-07T09:00", "Pacific/Chatham", "2026-12-06T19:15:00Z"),
            ("2000-01-01T00:00", "America/New_York", "2000-01-01T05:00:00Z"),
            ("2200-07-01T00:00", "Europe/Berlin", "2200-06-30T22:00:00Z"),
        ] {
            assert_eq!(instant(at(local, zone)), expected, "{local} {zone}");
        }
    }

    #[test]
    fn a_zone_has_its_canonical_spelling_or_is_refused() {
        let planned = at("2026-12-07T09:00", "europe/BERLIN").unwrap();
        assert_eq!(planned.zone.as_str(), "Europe/Berlin");
        assert_eq!(canonical(&"utc".parse().unwrap()).unwrap().as_str(), "UTC");
        for zone in ["Europe/Atlantis", "Berlin", "Etc/Unknown", "GMT+01", "posixrules", "localtime"] {
            assert_eq!(at("2026-12-07T09:00", zone), Err(ZoneError::UnknownZone), "{zone}");
        }
    }

    #[test]
    fn a_local_time_that_the_clocks_skip_is_refused() {
        for (local, zone, instead) in [
            ("2027-03-28T02:00", "Europe/Berlin", "2027-03-28T03:00"),
            ("2027-03-28T02:59:59", "Europe/Berlin", "2027-03-28T03:59:59"),
            ("2026-10-04T02:00", "Australia/Lord_Howe", "2026-10-04T02:30"),
            ("2026-10-04T02:29", "Australia/Lord_Howe", "2026-10-04T02:59"),
            // Samoa crossed the date line, and had no such day.
            ("2011-12-30T12:00", "Pacific/Apia", "2011-12-31T12:00"),
        ] {
            for planned in [at(local, zone), with(local, zone, "+01:00"), with(local, zone, "+02:00")] {
                let Err(ZoneError::Gap { instead: Some(found), .. }) = planned else { panic!("{planned:?}") };
                assert_eq!(found.to_string(), instead, "{local} {zone}");
                assert!(at(instead, zone).is_ok(), "{instead} {zone}");
            }
        }
        for local in ["2027-03-28T01:59:59", "2027-03-28T03:00"] {
            assert!(at(local, "Europe/Berlin").is_ok());
        }
        assert_eq!(
            instant(at("2027-03-28T02:30", "Europe/Berlin")),
            "be a time that exists: in Europe/Berlin the clocks go forward over 2027-03-28T02:30; \
             2027-03-28T03:30 exists"
        );
    }

    #[test]
    fn a_local_time_that_occurs_twice_needs_its_offset() {
        let local = "2026-10-25T02:30";
        let both = ["+02:00", "+01:00"].map(|offset| offset.parse().unwrap());
        let zone = || "Europe/Berlin".parse().unwrap();
        assert_eq!(
            at(local, "Europe/Berlin"),
            Err(ZoneError::Overlap { zone: zone(), local: local.parse().unwrap(), offsets: both })
        );
        assert_eq!(instant(with(local, "Europe/Berlin", "+02:00")), "2026-10-25T00:30:00Z");
        assert_eq!(instant(with(local, "Europe/Berlin", "+01:00")), "2026-10-25T01:30:00Z");
        assert_eq!(
            with(local, "Europe/Berlin", "+03:00"),
            Err(ZoneError::WrongOffset { offsets: both.to_vec() })
        );
        // Half an hour, and the hour after it occurs once.
        assert_eq!(
            instant(with("2027-04-04T01:30", "Australia/Lord_Howe", "+11:00")),
            "2027-04-03T14:30:00Z"
        );
        assert_eq!(
            instant(with("2027-04-04T01:30", "Australia/Lord_Howe", "+10:30")),
            "2027-04-03T15:00:00Z"
        );
        assert_eq!(instant(at("2027-04-04T02:00", "Australia/Lord_Howe")), "2027-04-03T15:30:00Z");
        assert_eq!(
            instant(at(local, "Europe/Berlin")),
            "be +02:00 or +01:00: 2026-10-25T02:30 occurs twice in Europe/Berlin, where the clocks go back"
        );
    }

    #[test]
    fn an_offset_that_is_given_is_right() {
        assert_eq!(instant(with("2026-12-07T09:00", "Europe/Berlin", "+01:00")), "2026-12-07T08:00:00Z");
        let winter = vec!["+01:00".parse().unwrap()];
        assert_eq!(
            with("2026-12-07T09:00", "Europe/Berlin", "+02:00"),
            Err(ZoneError::WrongOffset { offsets: winter })
        );
    }

    #[test]
    fn an_instant_is_shown_as_it_was_planned() {
        for (local, zone) in [
            ("2026-12-07T09:00:30", "Europe/Berlin"),
            ("2026-12-07T09:00", "Etc/GMT+12"),
            ("2026-12-07T09:00", "Pacific/Kiritimati"),
            ("2026-12-07T09:00", "Asia/Kathmandu"),
        ] {
            let planned = at(local, zone).unwrap();
            assert_eq!(local_at(planned.instant, &planned.zone), Some(planned.local));
        }
        assert_eq!(local_at(Timestamp::from_unix_micros(0), &"UTC".parse().unwrap()), None);
    }
}
