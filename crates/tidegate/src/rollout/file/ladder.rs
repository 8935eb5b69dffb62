//! The ladder of a rollout, as a file says it.

use tidegate_proto::{self as proto, Requirement, Rung};

use super::{
    audience::{parse_audience, timestamp},
    node::{FileNode, FileRead, unknown},
    time::{parse_span, parse_time},
};

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

pub fn parse_ladder(node: FileNode<'_>) -> FileRead<Vec<proto::LadderRule>> {
    node.each(rule)
}

fn rule(node: FileNode<'_>) -> FileRead<proto::LadderRule> {
    let fields = node.fields(RULE_KEYS)?;
    let title = fields.need("title", |node| node.text());
    let audience = fields.read("audience", parse_audience);
    let products = fields.read("products", |node| node.texts());
    let within_waves = fields.read("within_waves", yes);
    let phases = fields.need("phases", |node| node.each(phase));
    let demands = fields.read("demands", |node| one_of(node, &DEMANDS));
    let grace = fields.read("grace", grace);
    let postponement = fields.read("postponement", parse_span);
    let reminder_days = fields.read("reminder_days", |node| node.each(number));
    Ok(proto::LadderRule {
        title: title?,
        audience: audience?,
        products: products?.unwrap_or_default(),
        within_waves: within_waves?.unwrap_or(false),
        phases: phases?,
        demands: demands?.unwrap_or(Requirement::SecondStep).into(),
        grace: grace?,
        postponement: postponement?,
        reminder_days: reminder_days?.unwrap_or_default(),
    })
}

fn phase(node: FileNode<'_>) -> FileRead<proto::LadderPhase> {
    let fields = node.fields(&["from", "rung"])?;
    let from = fields.need("from", |node| {
        let begins_now = node.text()? == "now";
        if begins_now { Ok(None) } else { parse_time(node).map(Some) }
    });
    let rung = fields.need("rung", |node| one_of(node, &RUNGS));
    let (from, rung) = (from?, rung?.into());
    let from_time = from.as_ref().map(|time| timestamp(time.at));
    Ok(proto::LadderPhase { from_time, local: from.and_then(|time| time.local), rung })
}

/// A mapping without keys is no grace at all; a rule without `grace` has 30 days.
fn grace(node: FileNode<'_>) -> FileRead<proto::Grace> {
    let fields = node.fields(GRACE_KEYS)?;
    let (days, cap) = (fields.read("days", number), fields.read("cap", parse_time));
    let (skips, spacing) = (fields.read("skips", number), fields.read("skip_spacing", parse_span));
    Ok(proto::Grace {
        days: days?.unwrap_or_default(),
        cap_time: cap?.map(|time| timestamp(time.at)),
        skips: skips?.unwrap_or_default(),
        skip_spacing: spacing?,
    })
}

pub fn number(node: FileNode<'_>) -> FileRead<u32> {
    node.text()?.parse().map_err(|_| node.wrong("must be a whole number"))
}

fn yes(node: FileNode<'_>) -> FileRead<bool> {
    node.text()?.parse().map_err(|_| node.wrong("must be `true` or `false`"))
}

pub fn one_of<T: Copy>(node: FileNode<'_>, words: &[(&'static str, T)]) -> FileRead<T> {
    let text = node.text()?;
    let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
    let known: Vec<_> = words.iter().map(|(word, _)| *word).collect();
    found.ok_or_else(|| node.wrong(unknown("`", &text, &known)))
}
