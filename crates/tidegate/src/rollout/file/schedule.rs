//! What is planned for waves, as people write it: `2026-12-07T09:00 Europe/Berlin`, `2 days`, `at least 100 shown`.

use anyhow::Result;
use tidegate_core::{LocalDateTime, Word as _};
use tidegate_proto::{self as proto, GateMeasure, Weekday, gate::Condition};

use super::{
    node::{FileFields, FileNode, unknown},
    share::parse_share,
};

const UNITS: &[(&str, i64)] = &[("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1)];

/// A local time, its zone and, where the local time occurs twice, its offset.
pub fn planned_start(node: FileNode<'_>) -> Result<proto::LocalTime> {
    let text = node.text()?;
    let words: Vec<_> = text.split_whitespace().collect();
    let (local, zone, offset) = match words.as_slice() {
        [local, zone] => (*local, *zone, ""),
        [local, zone, offset] => (*local, *zone, *offset),
        _ => ("", "", ""),
    };
    let must = "`planned_start` must be a local time and its zone: `2026-12-07T09:00 Europe/Berlin`, and an offset where \
                the local time occurs twice: `2026-10-25T02:30 Europe/Berlin +02:00`";
    let local: LocalDateTime = local.parse().map_err(|_| node.wrong(must))?;
    let (local, zone, offset) = (local.to_string(), zone.to_owned(), offset.to_owned());
    Ok(proto::LocalTime { local, zone, offset, time: None })
}

pub fn soak(node: FileNode<'_>) -> Result<proto::Duration> {
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

pub fn gates(node: FileNode<'_>) -> Result<Vec<proto::Gate>> {
    node.list()?.into_iter().map(gate).collect()
}

fn gate(node: FileNode<'_>) -> Result<proto::Gate> {
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

pub fn window(node: FileNode<'_>) -> Result<proto::AdvanceWindow> {
    let fields: FileFields<'_> = node.fields(&["days", "opens", "closes", "zone"])?;
    let days = fields.required("days")?.list()?;
    let text = |key| fields.required(key)?.text();
    Ok(proto::AdvanceWindow {
        days: days.into_iter().map(weekday).collect::<Result<_>>()?,
        opens: text("opens")?,
        closes: text("closes")?,
        zone: text("zone")?,
    })
}

fn weekday(node: FileNode<'_>) -> Result<i32> {
    let text = node.text()?;
    let known: Vec<_> = tidegate_core::Weekday::ALL.iter().map(|day| day.as_str()).collect();
    let day = Some(&text).filter(|text| known.contains(&text.as_str()));
    let day = day.and_then(|day| Weekday::from_str_name(&format!("WEEKDAY_{}", day.to_uppercase())));
    Ok(day.ok_or_else(|| node.wrong(unknown("`", &text, &known)))?.into())
}
