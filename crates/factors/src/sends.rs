//! How many messages go to one destination for one purpose (INV-14).
//!
//! The purposes have budgets of their own: what strangers can ask for takes nothing from the codes that follow a right
//! first factor, nor from the notices (INV-13).

use tidegate_core::{Span, Timestamp};

/// So many in every window so long.
pub type Windows = &'static [(usize, Span)];

/// The budget of what is mailed, and of the codes of devices.
pub const WINDOWS: Windows = &[(1, Span::seconds(60)), (3, Span::minutes(15)), (10, Span::hours(24))];

/// Longer than every window. A destination whose newest send is older is as one to which nothing was sent.
pub const FORGOTTEN_AFTER: Span = Span::days(2);

/// How many sends are remembered: as many as the longest window takes.
const REMEMBERED: usize = 10;

/// When one more may be sent, at `now` or later. `sent` holds the sends so far in any order; those that wait for their
/// time lie in the future.
pub fn next(windows: Windows, sent: &[Timestamp], now: Timestamp) -> Timestamp {
    let mut sent = sent.to_vec();
    sent.sort_unstable();
    let free = |(most, window): &(usize, Span)| {
        let earliest = sent.len().checked_sub(*most).and_then(|place| sent.get(place));
        earliest.map_or(now, |earliest| earliest.plus(*window))
    };
    windows.iter().map(free).max().unwrap_or(now).max(now)
}

/// The sends to remember, with one more.
pub fn with(mut sent: Vec<Timestamp>, at: Timestamp) -> Vec<Timestamp> {
    sent.push(at);
    sent.sort_unstable();
    let forgotten = sent.len().saturating_sub(REMEMBERED);
    sent.split_off(forgotten)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_micros(1_700_000_000_000_000);

    #[test]
    fn inv_14_one_a_minute_three_a_quarter_of_an_hour_ten_a_day() {
        let (mut sent, mut at, mut waits) = (Vec::new(), NOW, Vec::new());
        for _ in 0..12 {
            let next = next(WINDOWS, &sent, at);
            waits.push(next.since(at).micros() / 1_000_000);
            at = next;
            sent = with(sent, at);
        }
        // The eleventh waits until the first is a day old.
        let day = 24 * 3_600 - (3 * 900);
        assert_eq!(waits, [0, 60, 60, 780, 60, 60, 780, 60, 60, 780, day, 60]);
        let last = sent.last().copied().unwrap();
        let early = last.plus(Span::from_micros(59_999_999));
        assert_eq!(next(WINDOWS, &[last], early), last.plus(Span::seconds(60)));
        assert_eq!(next(WINDOWS, &[last], last.plus(Span::seconds(60))), last.plus(Span::seconds(60)));
    }

    proptest! {
        #[test]
        fn inv_14_no_window_takes_more_than_its_cap(gaps in prop::collection::vec(0_i64..7_200, 1..60)) {
            let (mut kept, mut all, mut now) = (Vec::new(), Vec::new(), NOW);
            for gap in gaps {
                now = now.plus(Span::seconds(gap));
                if next(WINDOWS, &kept, now) == now {
                    kept = with(kept, now);
                    all.push(now);
                }
            }
            for (most, window) in WINDOWS {
                for (place, first) in all.iter().enumerate() {
                    let within = all[place..].iter().filter(|at| at.since(*first) < *window).count();
                    prop_assert!(within <= *most, "{within} in {window:?}");
                }
            }
        }
    }
}
