//! The ladder of a rollout, as a file says it.

use std::path::Path;

use anyhow::Result;
use tidegate_proto::{self as proto, Requirement, Rung};

use super::{
    ROLLOUT_KEYS,
    audience::{parse_audience, timestamp},
    node::{FileNode, YamlSource, unknown},
    read_text,
    time::{parse_span, parse_time},
};
use crate::failure::Usage;

const RULE_KEYS: &[&str] = &[
    "title",
    "audience",
    "products",
    "within_waves",
    "phases",
    "demands",
    "grace",
    "postponement",
    "reminder_days",
];
const GRACE_KEYS: &[&str] = &["days", "cap", "skips", "skip_spacing"];
const RUNGS: [(&str, Rung); 4] = [
    ("optional", Rung::Optional),
    ("nudge", Rung::Nudge),
    ("required", Rung::Required),
    ("locked", Rung::Locked),
];
const DEMANDS: [(&str, Requirement); 3] = [
    ("second_step", Requirement::SecondStep),
    ("aal2", Requirement::Aal2),
    ("aal2-phr", Requirement::Aal2Phr),
];

/// Reads a file for the rollout of that key: the file of a rollout with its ladder, or `ladder:` alone.
pub fn read_ladder(path: &Path, key: &str) -> Result<Vec<proto::LadderRule>> {
    let text = read_text(path)?;
    let source = YamlSource { path, text: &text };
    let documents = source.documents()?;
    let fields = source.root(&documents)?.fields(&ROLLOUT_KEYS)?;
    if let Some(node) = fields.get("key")
        && node.text()? != key
    {
        let named = node.text()?;
        return Err(Usage::new(format!("{} is of `{named}`, and not of `{key}`", path.display())).into());
    }
    parse_ladder(fields.required("ladder")?)
}

pub fn parse_ladder(node: FileNode<'_>) -> Result<Vec<proto::LadderRule>> {
    node.list()?.into_iter().map(rule).collect()
}

fn rule(node: FileNode<'_>) -> Result<proto::LadderRule> {
    let fields = node.fields(RULE_KEYS)?;
    let numbers = |node: FileNode<'_>| node.list()?.into_iter().map(number).collect::<Result<Vec<_>>>();
    let demands = fields.get("demands").map(|node| one_of(node, &DEMANDS)).transpose()?;
    Ok(proto::LadderRule {
        title: fields.required("title")?.text()?,
        audience: fields.get("audience").map(parse_audience).transpose()?,
        products: fields.get("products").map(|node| node.texts()).transpose()?.unwrap_or_default(),
        within_waves: fields.get("within_waves").map(yes).transpose()?.unwrap_or(false),
        phases: fields.required("phases")?.list()?.into_iter().map(phase).collect::<Result<_>>()?,
        demands: demands.unwrap_or(Requirement::SecondStep).into(),
        grace: fields.get("grace").map(grace).transpose()?,
        postponement: fields.get("postponement").map(parse_span).transpose()?,
        reminder_days: fields.get("reminder_days").map(numbers).transpose()?.unwrap_or_default(),
    })
}

fn phase(node: FileNode<'_>) -> Result<proto::LadderPhase> {
    let fields = node.fields(&["from", "rung"])?;
    let from = fields.required("from")?;
    let rung = one_of(fields.required("rung")?, &RUNGS)?.into();
    if from.text()? == "now" {
        return Ok(proto::LadderPhase { rung, ..Default::default() });
    }
    let time = parse_time(from)?;
    Ok(proto::LadderPhase { from_time: Some(timestamp(time.at)), local: time.local, rung })
}

/// A mapping without keys is no grace at all; a rule without `grace` has 30 days.
fn grace(node: FileNode<'_>) -> Result<proto::Grace> {
    let fields = node.fields(GRACE_KEYS)?;
    let count = |key| fields.get(key).map(number).transpose().map(Option::unwrap_or_default);
    Ok(proto::Grace {
        days: count("days")?,
        cap_time: fields.get("cap").map(parse_time).transpose()?.map(|time| timestamp(time.at)),
        skips: count("skips")?,
        skip_spacing: fields.get("skip_spacing").map(parse_span).transpose()?,
    })
}

pub fn number(node: FileNode<'_>) -> Result<u32> {
    node.text()?.parse().map_err(|_| node.wrong("must be a whole number"))
}

fn yes(node: FileNode<'_>) -> Result<bool> {
    node.text()?.parse().map_err(|_| node.wrong("must be `true` or `false`"))
}

pub fn one_of<T: Copy>(node: FileNode<'_>, words: &[(&'static str, T)]) -> Result<T> {
    let text = node.text()?;
    let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
    let known: Vec<_> = words.iter().map(|(word, _)| *word).collect();
    found.ok_or_else(|| node.wrong(unknown("`", &text, &known)))
}
