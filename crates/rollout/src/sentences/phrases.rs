//! Parts of sentences: numbers, instants, lists, the account's position.

use std::fmt::Display;

use tidegate_core::{Bucket, Grouped, Rollout, Standing, Stop, Timestamp, Unit};

/// How many values of a list are named; the others are counted.
const MAX_VALUES: usize = 5;

/// Text that people chose freely: titles, label texts, keys of customers.
pub fn quoted(text: impl Display) -> String {
    format!("'{text}'")
}

pub fn number(number: u32) -> Grouped {
    Grouped(number.into())
}

/// To the second: `2021-12-06 00:00 UTC`, `2021-12-06 00:00:07 UTC`.
pub fn instant(at: Timestamp) -> String {
    exact_instant(Timestamp::from_unix_micros(at.unix_seconds().saturating_mul(1_000_000)))
}

/// To the microsecond, for instants that are compared.
pub fn exact_instant(at: Timestamp) -> String {
    let text = at.to_string();
    // Outside the years of RFC 3339, the text is a number of microseconds.
    let Some((date, time)) = text.strip_suffix('Z').and_then(|text| text.split_once('T')) else {
        return text;
    };
    let minutes = time.strip_suffix(":00").filter(|minutes| minutes.len() == "00:00".len());
    format!("{date} {} UTC", minutes.unwrap_or(time))
}

/// `a`, `a or b`, `a, b or c`.
pub fn any_of(values: impl ExactSizeIterator<Item = String>) -> String {
    join(values, "or")
}

/// `a`, `a and b`, `a, b and c`.
pub fn all_of(values: impl ExactSizeIterator<Item = String>) -> String {
    join(values, "and")
}

fn join(values: impl ExactSizeIterator<Item = String>, word: &str) -> String {
    let count = values.len();
    let mut named: Vec<String> = values.take(MAX_VALUES).collect();
    let last = match count - named.len() {
        0 => named.pop().unwrap_or_default(),
        others => format!("{} more", number(u32::try_from(others).unwrap_or(u32::MAX))),
    };
    if named.is_empty() { last } else { format!("{} {word} {last}", named.join(", ")) }
}

/// A count and its noun: `1 wave`, `3 waves`.
pub fn count(number: usize, noun: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{} {noun}{ending}", Grouped(u64::try_from(number).unwrap_or(u64::MAX)))
}

/// When the rollout was stopped, by whom and why.
pub fn stopped(stop: &Stop) -> String {
    let reason = stop.reason.as_ref().map(|reason| format!(" ({})", quoted(reason)));
    format!("was stopped on {} by {}{}", instant(stop.since), stop.by.name, reason.unwrap_or_default())
}

/// Whose position it is, and where it is. A verb has to follow.
pub fn position(rollout: &Rollout, standing: &Standing, bucket: Bucket) -> String {
    let place = format!("position {bucket} of {}", number(Bucket::COUNT));
    match (rollout.unit, &standing.customer) {
        (Unit::Account, _) => format!("its {place}"),
        (Unit::Customer, Some(customer)) => {
            format!("the account moves with its customer {}, whose {place}", quoted(&customer.key))
        }
        (Unit::Customer, None) => format!("the account has no customer and moves by itself: its {place}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_reads_as_short_as_it_is_exact() {
        let cases = [
            ("2021-12-06T00:00:00Z", "2021-12-06 00:00 UTC", "2021-12-06 00:00 UTC"),
            ("2021-12-06T10:05:00Z", "2021-12-06 10:05 UTC", "2021-12-06 10:05 UTC"),
            ("2021-12-06T10:05:07Z", "2021-12-06 10:05:07 UTC", "2021-12-06 10:05:07 UTC"),
            ("2021-12-06T10:05:00.25Z", "2021-12-06 10:05 UTC", "2021-12-06 10:05:00.25 UTC"),
        ];
        for (at, seconds, exact) in cases {
            let at = Timestamp::from_rfc3339(at).unwrap();
            assert_eq!((instant(at).as_str(), exact_instant(at).as_str()), (seconds, exact));
        }
        assert_eq!(exact_instant(Timestamp::from_unix_micros(i64::MAX)), "9223372036854775807 µs");
    }

    #[test]
    fn a_list_names_five_values_and_counts_the_others() {
        let named = |count: usize| {
            any_of((1..=count).map(|number| number.to_string()).collect::<Vec<_>>().into_iter())
        };
        let texts =
            ["", "1", "1 or 2", "1, 2 or 3", "1, 2, 3 or 4", "1, 2, 3, 4 or 5", "1, 2, 3, 4, 5 or 1 more"];
        for (count, text) in texts.iter().enumerate() {
            assert_eq!(named(count), *text);
        }
        assert_eq!(named(1_005), "1, 2, 3, 4, 5 or 1 000 more");
        assert_eq!(all_of(["a", "b"].map(str::to_owned).into_iter()), "a and b");
    }

    #[test]
    fn one_thing_has_no_plural() {
        assert_eq!([0, 1, 2].map(|number| count(number, "wave")), ["0 waves", "1 wave", "2 waves"]);
    }
}
