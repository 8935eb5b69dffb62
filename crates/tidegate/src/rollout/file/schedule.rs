//! What is planned for waves, as people write it: `2026-12-07T09:00 Europe/Berlin`, `2 days`, `at least 100 shown`.

use tidegate_core::Word as _;
use tidegate_proto::{self as proto, GateMeasure, Weekday, gate::Condition};

use super::{
    node::{FileNode, FileRead, unknown},
    share::parse_share,
    time::{local_time, parse_local},
    zone::zone,
};

const UNITS: &[(&str, i64)] = &[("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1)];

/// A local time, its zone and, where the local time occurs twice, its offset.
pub fn planned_start(node: FileNode<'_>) -> FileRead<proto::LocalTime> {
    let text = node.text()?;
    let must = "`planned_start` must be a local time and its zone: `2026-12-07T09:00 Europe/Berlin`, and an offset where \
                the local time occurs twice: `2026-10-25T02:30 Europe/Berlin +02:00`";
    match parse_local(node, &text) {
        Some(time) => Ok(local_time(time?)),
        None => Err(node.wrong(must)),
    }
}

pub fn soak(node: FileNode<'_>) -> FileRead<proto::Duration> {
    let text = node.text()?;
    let seconds = || {
        let (number, unit) = text.trim().split_once(' ')?;
        let number: i64 = Some(number).filter(|n| n.bytes().all(|b| b.is_ascii_digit()))?.parse().ok()?;
        let unit = unit.trim();
        let (_, seconds) = UNITS.iter().find(|(name, _)| unit.strip_suffix('s').unwrap_or(unit) == *name)?;
        number.checked_mul(*seconds)
    };
    let seconds =
        seconds().ok_or_else(|| node.wrong("`soak` must be `2 days`, `36 hours` or `90 minutes`"))?;
    Ok(proto::Duration { seconds, nanos: 0 })
}

pub fn gates(node: FileNode<'_>) -> FileRead<Vec<proto::Gate>> {
    node.each(gate)
}

fn gate(node: FileNode<'_>) -> FileRead<proto::Gate> {
    let text = node.text()?;
    let condition = read_gate(&text);
    let must = "a gate must be `at least 100 shown`, `at least 60 % of shown active` or `at most 5 % of challenged failed`; \
                measures are shown, started, active, challenged, passed, failed and recovered";
    Ok(proto::Gate { condition: Some(condition.ok_or_else(|| node.wrong(must))?) })
}

fn read_gate(text: &str) -> Option<Condition> {
    let (at_least, bound) = match text.trim().strip_prefix("at least ") {
        Some(bound) => (true, bound),
        None => (false, text.trim().strip_prefix("at most ")?),
    };
    let Some((share, measures)) = bound.split_once(" of ") else {
        let (count, counted) = bound.trim().split_once(' ')?;
        let (count, measure) = (count.parse().ok()?, measure(counted)?.into());
        return at_least.then_some(Condition::AtLeast(proto::CountGate { measure, count }));
    };
    let (of, counted) = measures.trim().split_once(' ')?;
    let (share_ppm, of, measure) = (parse_share(share)?, measure(of)?.into(), measure(counted)?.into());
    let gate = proto::ShareGate { measure, of, share_ppm };
    Some(if at_least { Condition::ShareAtLeast(gate) } else { Condition::ShareAtMost(gate) })
}

fn measure(word: &str) -> Option<GateMeasure> {
    GateMeasure::from_str_name(&format!("GATE_MEASURE_{}", word.trim().to_uppercase()))
        .filter(|measure| *measure != GateMeasure::Unspecified)
}

pub fn window(node: FileNode<'_>) -> FileRead<proto::AdvanceWindow> {
    let fields = node.fields(&["days", "opens", "closes", "zone"])?;
    let days = fields.need("days", |node| node.each(weekday));
    let (opens, closes) =
        (fields.need("opens", |node| node.text()), fields.need("closes", |node| node.text()));
    let zone = fields.need("zone", |node| zone(node, &node.text()?));
    Ok(proto::AdvanceWindow { days: days?, opens: opens?, closes: closes?, zone: zone?.into() })
}

fn weekday(node: FileNode<'_>) -> FileRead<i32> {
    let text = node.text()?;
    let known: Vec<_> = tidegate_core::Weekday::ALL.iter().map(|day| day.as_str()).collect();
    let day = Some(&text).filter(|text| known.contains(&text.as_str()));
    let day = day.and_then(|day| Weekday::from_str_name(&format!("WEEKDAY_{}", day.to_uppercase())));
    Ok(day.ok_or_else(|| node.wrong(unknown("`", &text, &known)))?.into())
}
