//! How many guesses one counter allows. All endpoints, spellings and replicas share its count.
//!
//! A guess is charged before it is evaluated. Only a success of the same factor gives charges back.
//!
//! ```text
//!            charge: hour full, or a wait grows       hour, wait over
//!   open ────────────────────────────────► slowed ──────────────────► open
//!    ▲ │ charge: cap of failures in a row                               │
//!    │ └─────────────────────────────────► closed ◄─────────────────────┘  (only a re-bind leads out)
//!    └── success: zero
//! ```

use tidegate_core::{Budget, Span, Timestamp};

/// What a counter allows (SP 800-63B-4 §3.2.2).
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Guesses in a window of an hour, which begins with a charge. `i64::MAX`: no such limit.
    pub per_hour: i64,
    /// What the growing wait counts.
    pub waits_for: Waits,
    /// So many guesses need no wait. The next one waits `first`, and each further one twice as
    /// long, up to `longest`.
    pub free: i64,
    pub first: Span,
    pub longest: Span,
    /// Consecutive failures that close the factor until it is bound again.
    pub in_row: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waits {
    /// Failures of the day.
    InDay,
    /// Failures since the last success.
    InRow,
}

impl Limits {
    /// 10 an hour. From the 20th of a day on, a wait of 30 s that doubles up to an hour. Closed at
    /// 50 in a row.
    pub const SECOND_FACTOR: Self = Self {
        per_hour: 10,
        waits_for: Waits::InDay,
        free: 19,
        first: Span::seconds(30),
        longest: Span::hours(1),
        in_row: 50,
    };
    /// 4 without a wait, then a wait of 1 s that doubles up to 15 minutes. Closed at 100 in a row.
    pub const PASSWORD: Self = Self {
        per_hour: i64::MAX,
        waits_for: Waits::InRow,
        free: 4,
        first: Span::seconds(1),
        longest: Span::minutes(15),
        in_row: 100,
    };
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Charge {
    /// The guess may be evaluated once this budget is stored in place of the one given.
    Granted(Budget),
    /// The throttle grants no guess before this instant.
    Slowed(Timestamp),
    Closed,
}

const HOUR: Span = Span::hours(1);
const DAY: Span = Span::days(1);

pub fn charge(limits: &Limits, budget: Budget, now: Timestamp) -> Charge {
    let (hour_began, in_hour) = window(budget.hour_began, budget.in_hour, HOUR, now);
    let (day_began, in_day) = window(budget.day_began, budget.in_day, DAY, now);
    if budget.in_row >= limits.in_row {
        return Charge::Closed;
    }
    if in_hour >= limits.per_hour {
        return Charge::Slowed(hour_began.plus(HOUR));
    }
    let counted = match limits.waits_for {
        Waits::InDay => in_day,
        Waits::InRow => budget.in_row,
    };
    if counted >= limits.free {
        let until = budget.last_at.plus(limits.first.doubled(counted - limits.free, limits.longest));
        if now < until {
            return Charge::Slowed(until);
        }
    }
    Charge::Granted(Budget {
        revision: budget.revision + 1,
        hour_began,
        in_hour: in_hour + 1,
        day_began,
        in_day: in_day + 1,
        in_row: budget.in_row + 1,
        successes: budget.successes,
        last_at: now,
    })
}

/// A window's beginning and count. Both begin again when the window is over.
fn window(began: Timestamp, count: i64, length: Span, now: Timestamp) -> (Timestamp, i64) {
    if now.since(began) >= length { (now, 0) } else { (began, count) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_unix_micros(1_700_000_000_000_000);

    /// The budget after so many charges, each as early as it is allowed, and the instant of the
    /// last.
    fn spent(limits: &Limits, times: i64) -> (Budget, Timestamp) {
        let (mut budget, mut now) = (Budget::fresh(START), START);
        for _ in 0..times {
            loop {
                match charge(limits, budget, now) {
                    Charge::Granted(next) => break budget = next,
                    Charge::Slowed(until) => now = until,
                    Charge::Closed => panic!("closed"),
                }
            }
        }
        (budget, now)
    }

    #[test]
    fn the_eleventh_guess_of_an_hour_waits_for_the_hour_to_end() {
        let (budget, now) = spent(&Limits::SECOND_FACTOR, 10);
        assert_eq!(now, START);
        assert_eq!(charge(&Limits::SECOND_FACTOR, budget, now), Charge::Slowed(START.plus(HOUR)));
        let later = START.plus(HOUR);
        assert!(matches!(charge(&Limits::SECOND_FACTOR, budget, later), Charge::Granted(_)));
        let before = later.minus(Span::from_micros(1));
        assert!(matches!(charge(&Limits::SECOND_FACTOR, budget, before), Charge::Slowed(_)));
    }

    #[test]
    fn from_the_twentieth_failure_of_a_day_on_waits_double() {
        let (budget, now) = spent(&Limits::SECOND_FACTOR, 19);
        assert_eq!(charge(&Limits::SECOND_FACTOR, budget, now), Charge::Slowed(now.plus(Span::seconds(30))));
        let now = now.plus(Span::seconds(30));
        let Charge::Granted(budget) = charge(&Limits::SECOND_FACTOR, budget, now) else { panic!() };
        // The hour is full as well. When it ends, the wait is long over.
        assert!(matches!(charge(&Limits::SECOND_FACTOR, budget, now), Charge::Slowed(_)));
    }

    #[test]
    fn inv_10_the_fiftieth_failure_in_a_row_closes_for_good() {
        let (budget, now) = spent(&Limits::SECOND_FACTOR, 50);
        assert_eq!(charge(&Limits::SECOND_FACTOR, budget, now.plus(Span::days(4_000))), Charge::Closed);
    }

    #[test]
    fn the_fifth_password_waits_a_second_and_the_sixth_two() {
        let (budget, now) = spent(&Limits::PASSWORD, 4);
        assert_eq!(now, START);
        assert_eq!(charge(&Limits::PASSWORD, budget, now), Charge::Slowed(now.plus(Span::seconds(1))));
        let (budget, now) = spent(&Limits::PASSWORD, 5);
        assert_eq!(charge(&Limits::PASSWORD, budget, now), Charge::Slowed(now.plus(Span::seconds(2))));
        let (budget, now) = spent(&Limits::PASSWORD, 40);
        assert_eq!(charge(&Limits::PASSWORD, budget, now), Charge::Slowed(now.plus(Span::minutes(15))));
    }

    #[test]
    fn the_hundredth_password_in_a_row_is_the_last() {
        let (budget, now) = spent(&Limits::PASSWORD, 100);
        assert_eq!(charge(&Limits::PASSWORD, budget, now.plus(Span::days(1))), Charge::Closed);
    }

    #[test]
    fn inv_54_a_clock_that_goes_back_gives_nothing_back() {
        let (budget, _) = spent(&Limits::SECOND_FACTOR, 10);
        let earlier = Timestamp::from_unix_micros(0);
        assert!(matches!(charge(&Limits::SECOND_FACTOR, budget, earlier), Charge::Slowed(_)));
    }
}
