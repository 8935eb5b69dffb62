//! Instants, local times and spans as files say them.

use tidegate_core::{LocalDateTime, PlannedTime, Timestamp, UtcOffset};
use tidegate_proto as proto;
use tidegate_service::zones::{ZoneError, resolve};

use super::{
    audience::timestamp,
    node::{FileNode, FileRead},
    zone::zone,
};

/// An instant, and the local time by which it was planned.
#[derive(Debug, Clone, PartialEq)]
pub struct FileTime {
    pub at: Timestamp,
    pub local: Option<proto::LocalTime>,
}

const FORMS: &str = "must be a local time and its zone (2027-01-22T00:00 Europe/Berlin) or an instant \
                     (2027-01-22T00:00:00Z)";

/// `2027-01-22T00:00 Europe/Berlin`, with `+01:00` after it where clocks show it twice, or RFC 3339.
pub fn parse_time(node: FileNode<'_>) -> FileRead<FileTime> {
    let text = node.text()?;
    if let Some(planned) = parse_local(node, &text) {
        let planned = planned?;
        return Ok(FileTime { at: planned.instant, local: Some(local_time(planned)) });
    }
    let at = Timestamp::from_rfc3339(text.trim())
        .ok_or_else(|| node.wrong(no_such_day(&text).unwrap_or_else(|| FORMS.to_owned())))?;
    Ok(FileTime { at, local: None })
}

/// A local time, its zone, and an offset after either of them. `None`: it is something else.
pub fn parse_local(node: FileNode<'_>, text: &str) -> Option<FileRead<PlannedTime>> {
    let words: Vec<_> = text.split_whitespace().collect();
    let (time, name, after) = match words.as_slice() {
        [time, zone] => (*time, *zone, None),
        [time, zone, offset] => (*time, *zone, Some(*offset)),
        _ => return None,
    };
    let (time, within) = split_offset(time);
    let Ok(local) = time.parse::<LocalDateTime>() else {
        return no_such_day(time).map(|what| Err(node.wrong(what)));
    };
    Some(planned(node, (local, name, within.or(after))))
}

fn planned(
    node: FileNode<'_>,
    (local, name, offset): (LocalDateTime, &str, Option<&str>),
) -> FileRead<PlannedTime> {
    let zone = zone(node, name);
    let offset = offset.map(|offset| {
        offset.parse::<UtcOffset>().map_err(|error| node.wrong(format!("`{offset}` must {error}")))
    });
    let (zone, offset) = (zone?, offset.transpose()?);
    resolve(local, &zone, offset).map_err(|error| match error {
        ZoneError::Overlap { zone, local, offsets: [first, second] } => node.wrong(format!(
            "must say which of the two is meant, because in {zone} the clocks go back and show {local} twice: \
             `{local} {zone} {first}` or `{local} {zone} {second}`"
        )),
        error => node.wrong(format!("must {error}")),
    })
}

pub fn local_time(planned: PlannedTime) -> proto::LocalTime {
    proto::LocalTime {
        local: planned.local.to_string(),
        offset: planned.offset().to_string(),
        time: Some(timestamp(planned.instant)),
        zone: planned.zone.into(),
    }
}

/// That a date has the form of one, and is in no calendar.
pub fn no_such_day(text: &str) -> Option<String> {
    let date = text.trim().get(..10)?;
    let is_date = date
        .bytes()
        .zip(*b"0000-00-00")
        .all(|(given, form)| if form == b'0' { given.is_ascii_digit() } else { given == form });
    let number = |from: usize, to: usize| date.get(from..to)?.parse::<u8>().ok();
    let year = date.get(..4)?.parse().ok()?;
    let exists = LocalDateTime::of((year, number(5, 7)?, number(8, 10)?), (0, 0, 0)).is_some();
    // Other years are refused for another reason.
    let within = (2_000..=2_200).contains(&year);
    (is_date && within && !exists).then(|| format!("there is no day {date}"))
}

/// The local time, and what follows its 16 or 19 characters.
fn split_offset(time: &str) -> (&str, Option<&str>) {
    let begins = time.char_indices().skip(11).find(|(_, c)| matches!(c, '+' | '-' | 'Z'));
    match begins.and_then(|(at, _)| time.split_at_checked(at)) {
        Some((local, offset)) => (local, Some(offset)),
        None => (time, None),
    }
}

/// `7 days`, `7d`, `36 hours`, `36h`, `90 minutes` or `90m`.
pub fn parse_span(node: FileNode<'_>) -> FileRead<proto::Duration> {
    let text = node.text()?;
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(end).unwrap_or((text, ""));
    let seconds = match unit.trim() {
        "d" | "day" | "days" => Some(86_400),
        "h" | "hour" | "hours" => Some(3_600),
        "m" | "minute" | "minutes" => Some(60),
        "second" | "seconds" => Some(1),
        _ => None,
    };
    let seconds = number.parse::<u32>().ok().zip(seconds).map(|(number, unit)| i64::from(number) * unit);
    let seconds = seconds.ok_or_else(|| node.wrong("must be a time with its unit: `7 days`, `24 hours`"))?;
    Ok(proto::Duration { seconds, nanos: 0 })
}
