//! Instants as a person types them on the command line.

use tidegate_core::{LocalDateTime, Timestamp, UtcOffset, ZoneName};
use tidegate_service::zones::resolve;

const FORMS: &str = "must be an instant (2027-01-22T00:00:00Z), or a local time or a date with its zone \
                     (`2027-01-22T09:00 Europe/Berlin`, `2027-01-22 Europe/Berlin`)";

/// RFC 3339, or a local time and its zone, and an offset where the clocks show it twice. A date alone is the beginning of that
/// day.
pub fn instant(text: &str) -> Result<Timestamp, String> {
    let words: Vec<_> = text.split_whitespace().collect();
    let (time, zone, offset) = match words.as_slice() {
        [one] => return Timestamp::from_rfc3339(one).ok_or_else(|| FORMS.to_owned()),
        [time, zone] => (*time, *zone, None),
        [date, time, zone] if is_time_of_day(time) => {
            return local(&format!("{date}T{time}"), zone, None);
        }
        [time, zone, offset] => (*time, *zone, Some(*offset)),
        _ => return Err(FORMS.to_owned()),
    };
    if time.len() == "2027-01-22".len() {
        return local(&format!("{time}T00:00"), zone, offset);
    }
    local(time, zone, offset)
}

/// `09:00`, so that what is printed with a blank between date and time is read again.
fn is_time_of_day(word: &str) -> bool {
    word.len() >= 5 && word.bytes().all(|byte| byte.is_ascii_digit() || byte == b':')
}

fn local(time: &str, zone: &str, offset: Option<&str>) -> Result<Timestamp, String> {
    let time: LocalDateTime = time.parse().map_err(|_| FORMS.to_owned())?;
    let zone: ZoneName = zone.parse().map_err(|error| format!("must {error}"))?;
    let offset = offset.map(str::parse::<UtcOffset>).transpose().map_err(|error| format!("must {error}"))?;
    Ok(resolve(time, &zone, offset).map_err(|error| format!("must {error}"))?.instant)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_and_local_times_are_read() {
        for (text, at) in [
            ("2027-01-22T00:00:00Z", "2027-01-22T00:00:00Z"),
            ("2027-01-22T00:00 Europe/Berlin", "2027-01-21T23:00:00Z"),
            ("2027-01-22 00:00 Europe/Berlin", "2027-01-21T23:00:00Z"),
            ("2027-07-22 Europe/Berlin", "2027-07-21T22:00:00Z"),
            ("2027-10-31T02:30 Europe/Berlin +01:00", "2027-10-31T01:30:00Z"),
        ] {
            assert_eq!(instant(text).map(|at| at.to_string()), Ok(at.to_owned()), "{text}");
        }
        for (text, says) in [
            ("2027-01-22", "with its zone"),
            ("tomorrow", "with its zone"),
            ("2027-01-22 Europe/Berlim", "IANA"),
            ("2027-10-31T02:30 Europe/Berlin", "occurs twice"),
            ("2027-03-28T02:30 Europe/Berlin", "the clocks go forward"),
        ] {
            assert!(instant(text).unwrap_err().contains(says), "{text}: {:?}", instant(text));
        }
    }
}
