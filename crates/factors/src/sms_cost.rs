//! What text messages may cost, against pumping: strangers who have codes sent to expensive numbers and share in what that
//! costs. Each country has a cap for each hour. Half of it is recorded, so that operators see a rise early; all of it blocks.

use std::collections::BTreeMap;

use tidegate_core::{Country, Span, Timestamp};

/// The countries that are sent to, and what their messages cost, in millionths of the operator's currency.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SmsCosts {
    pub countries: BTreeMap<Country, SmsCost>,
    pub on_cap: OnCap,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SmsCost {
    /// Of one message.
    pub price: i64,
    /// Of all messages of an hour.
    pub hourly: i64,
}

/// What happens when the cap of an hour is reached.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnCap {
    /// It is recorded, and messages are sent.
    Record,
    /// It is recorded, and nothing is sent until the hour is over.
    #[default]
    Block,
}

/// The hour that an instant belongs to: its first instant.
pub const fn hour(now: Timestamp) -> Timestamp {
    let micros = now.unix_micros();
    Timestamp::from_unix_micros(micros - micros.rem_euclid(HOUR.micros()))
}

/// The end of the instant's hour.
pub const fn next_hour(now: Timestamp) -> Timestamp {
    hour(now).plus(HOUR)
}

const HOUR: Span = Span::hours(1);

impl SmsCost {
    /// The most that may be spent before a message is sent. `None`: there is no bound.
    pub const fn limit(&self, on_cap: OnCap) -> Option<i64> {
        match on_cap {
            OnCap::Record => None,
            OnCap::Block => Some(self.hourly - self.price),
        }
    }

    /// The share of the cap, in per cent, that this message is the first to reach.
    pub fn reached(&self, spent: i64) -> Option<i64> {
        let before = spent - self.price;
        let first = |percent: &i64| {
            let at = self.hourly.saturating_mul(*percent) / 100;
            before < at && at <= spent
        };
        [100, 50].into_iter().find(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_half_and_the_whole_cap_are_recorded_once() {
        let cost = SmsCost { price: 3, hourly: 10 };
        let reached = (1..=5).map(|sent| cost.reached(sent * 3)).collect::<Vec<_>>();
        assert_eq!(reached, [None, Some(50), None, Some(100), None]);
        let dear = SmsCost { price: 10, hourly: 10 };
        assert_eq!(dear.reached(10), Some(100), "both at once: the whole");
    }

    #[test]
    fn a_message_that_would_exceed_the_cap_is_not_sent() {
        let cost = SmsCost { price: 3, hourly: 10 };
        assert_eq!((cost.limit(OnCap::Block), cost.limit(OnCap::Record)), (Some(7), None));
    }

    #[test]
    fn an_hour_begins_at_its_first_instant() {
        let now = Timestamp::from_unix_micros(1_700_000_000_000_000);
        assert_eq!(hour(now).to_string(), "2023-11-14T22:00:00Z");
        assert_eq!(next_hour(now).since(hour(now)), Span::hours(1));
        assert_eq!(hour(hour(now)), hour(now));
        assert_eq!(hour(Timestamp::from_unix_micros(-1)).unix_micros(), -HOUR.micros());
    }
}
