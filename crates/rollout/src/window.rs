//! When a rollout's window is open. The clocks of its zone decide, also on the days on which they change: an hour that they
//! skip does not exist, and an hour that occurs twice counts twice.

use tidegate_core::{AdvanceWindow, LocalDateTime, Span, Timestamp};

use crate::zones::{self, Zone};

/// How far ahead an opening is looked for. A window opens every week; the clocks may skip one opening.
const DAYS_AHEAD: i64 = 15;

/// Whether a wave may start by itself at that instant. A zone that the database lacks has no open window.
pub fn is_open(window: &AdvanceWindow, at: Timestamp) -> bool {
    Zone::of(&window.zone).and_then(|zone| zone.local_at(at)).is_some_and(|local| holds(window, local))
}

/// The first instant, from `from` on, at which it is open.
pub fn opens_at(window: &AdvanceWindow, from: Timestamp) -> Option<Timestamp> {
    let zone = Zone::of(&window.zone)?;
    let opens = |at: &Timestamp| *at >= from && zone.local_at(*at).is_some_and(|local| holds(window, local));
    if opens(&from) {
        return Some(from);
    }
    let today = zone.local_at(from)?;
    let midnight = LocalDateTime::of(today.date(), (0, 0, 0))?.as_if_utc();
    let minutes = Span::minutes(window.opens.minutes().into());
    // From the day before on, because an hour that occurs twice may belong to it.
    let days = (-1..=DAYS_AHEAD).map(|day| midnight.plus(Span::days(day)).plus(minutes));
    let openings = days.filter_map(zones::shown).flat_map(|local| zone.instants(local));
    openings.chain(zone.changes_between(from, from.plus(Span::days(DAYS_AHEAD)))).filter(opens).min()
}

fn holds(window: &AdvanceWindow, local: LocalDateTime) -> bool {
    let (hour, minute, _) = local.time_of_day();
    let minutes = u16::from(hour) * 60 + u16::from(minute);
    let within = window.opens.minutes() <= minutes && minutes < window.closes.minutes();
    within && window.days.contains(&local.weekday())
}

#[cfg(test)]
mod tests {
    use tidegate_core::Weekday;

    use super::*;

    fn window(days: &[Weekday], opens: &str, closes: &str, zone: &str) -> AdvanceWindow {
        AdvanceWindow {
            days: days.iter().copied().collect(),
            opens: opens.parse().unwrap(),
            closes: closes.parse().unwrap(),
            zone: zone.parse().unwrap(),
        }
    }

    fn at(text: &str) -> Timestamp {
        Timestamp::from_rfc3339(text).unwrap()
    }

    const WORKDAYS: &[Weekday] =
        &[Weekday::Monday, Weekday::Tuesday, Weekday::Wednesday, Weekday::Thursday, Weekday::Friday];

    #[test]
    fn nights_and_weekends_are_left_out() {
        let window = window(WORKDAYS, "09:00", "16:00", "Europe/Berlin");
        for (from, opens) in [
            ("2026-03-27T14:59:59Z", "2026-03-27T14:59:59Z"),
            // Friday afternoon: the clocks go forward on Sunday.
            ("2026-03-27T15:00:00Z", "2026-03-30T07:00:00Z"),
            ("2026-03-30T06:59:59Z", "2026-03-30T07:00:00Z"),
            // The clocks go back on Sunday.
            ("2026-10-23T14:00:00Z", "2026-10-26T08:00:00Z"),
            ("2026-12-07T08:00:00Z", "2026-12-07T08:00:00Z"),
        ] {
            assert_eq!(opens_at(&window, at(from)), Some(at(opens)), "{from}");
        }
    }

    #[test]
    fn an_opening_that_the_clocks_skip_or_repeat() {
        let sunday = |opens, closes| window(&[Weekday::Sunday], opens, closes, "Europe/Berlin");
        // 02:30 does not exist on 28 March 2027: the window is open as soon as the clocks have gone forward.
        let skipped = sunday("02:30", "04:00");
        assert_eq!(opens_at(&skipped, at("2027-03-28T00:00:00Z")), Some(at("2027-03-28T01:00:00Z")));
        // The whole window does not exist.
        let lost = sunday("02:00", "03:00");
        assert_eq!(opens_at(&lost, at("2027-03-28T00:00:00Z")), Some(at("2027-04-04T00:00:00Z")));
        // It occurs twice on 25 October 2026.
        let twice = sunday("02:00", "02:30");
        assert_eq!(opens_at(&twice, at("2026-10-25T00:29:00Z")), Some(at("2026-10-25T00:29:00Z")));
        assert_eq!(opens_at(&twice, at("2026-10-25T00:30:00Z")), Some(at("2026-10-25T01:00:00Z")));
    }

    /// Against a look at every minute.
    #[test]
    fn the_first_open_minute_is_found() {
        let changes = [
            ("Europe/Berlin", "2027-03-27T12:00:00Z"),
            ("Europe/Berlin", "2026-10-24T12:00:00Z"),
            ("Australia/Lord_Howe", "2026-10-03T00:00:00Z"),
            ("Australia/Lord_Howe", "2027-04-03T00:00:00Z"),
            ("Pacific/Apia", "2011-12-28T12:00:00Z"),
        ];
        let times = [
            ("00:00", "24:00"),
            ("01:45", "02:15"),
            ("02:00", "03:00"),
            ("02:30", "02:31"),
            ("09:00", "17:00"),
        ];
        let mut looked = 0;
        for (zone, from) in changes {
            for (opens, closes) in times {
                for day in [Weekday::Sunday, Weekday::Monday, Weekday::Saturday] {
                    let window = window(&[day], opens, closes, zone);
                    for start in (0..24).map(|hours| at(from).plus(Span::minutes(hours * 183))) {
                        let minutes = (0..14 * 1_440).map(|minute| start.plus(Span::minutes(minute)));
                        let Some(found) = opens_at(&window, start) else { panic!("{window:?}") };
                        assert!(is_open(&window, found), "{window:?} {start}");
                        let mut before = minutes.take_while(|minute| *minute < found).step_by(7);
                        assert_eq!(before.find(|minute| is_open(&window, *minute)), None);
                        looked += 1;
                    }
                }
            }
        }
        assert_eq!(looked, 5 * 5 * 3 * 24);
    }
}
