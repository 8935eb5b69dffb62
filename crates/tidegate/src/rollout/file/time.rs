//! Instants, local times and spans as files say them.

use anyhow::Result;
use tidegate_core::{LocalDateTime, Timestamp, UtcOffset, ZoneName};
use tidegate_proto as proto;
use tidegate_service::zones::resolve;

use super::{audience::timestamp, node::FileNode};

/// An instant, and the local time by which it was planned.
#[derive(Debug, Clone, PartialEq)]
pub struct FileTime {
    pub at: Timestamp,
    pub local: Option<proto::LocalTime>,
}

const FORMS: &str = "must be a local time and its zone (2027-01-22T00:00 Europe/Berlin) or an instant \
                     (2027-01-22T00:00:00Z)";

/// `2027-01-22T00:00 Europe/Berlin`, with `+01:00` after the time where clocks show it twice, or RFC 3339.
pub fn parse_time(node: FileNode<'_>) -> Result<FileTime> {
    let text = node.text()?;
    let Some((time, zone)) = text.trim().split_once(' ') else {
        let at = Timestamp::from_rfc3339(&text).ok_or_else(|| node.wrong(FORMS))?;
        return Ok(FileTime { at, local: None });
    };
    let (local, offset) = split_offset(time);
    let local = local.parse::<LocalDateTime>().map_err(|error| node.wrong(format!("must {error}")))?;
    let zone = zone.trim().parse::<ZoneName>().map_err(|error| node.wrong(format!("must {error}")))?;
    let offset = offset.map(str::parse::<UtcOffset>).transpose();
    let offset = offset.map_err(|error| node.wrong(format!("must {error}")))?;
    let planned = resolve(local, &zone, offset).map_err(|error| node.wrong(format!("must {error}")))?;
    Ok(FileTime {
        at: planned.instant,
        local: Some(proto::LocalTime {
            local: planned.local.to_string(),
            offset: planned.offset().to_string(),
            time: Some(timestamp(planned.instant)),
            zone: planned.zone.into(),
        }),
    })
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
pub fn parse_span(node: FileNode<'_>) -> Result<proto::Duration> {
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
