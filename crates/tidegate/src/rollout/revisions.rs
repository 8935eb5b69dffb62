//! What differs between two revisions of a rollout, in the words of `diff -f`.

use std::collections::BTreeMap;

use tidegate_client::{Client, Refused};
use tidegate_proto as proto;

use super::{
    ask,
    file::{described_method, percent},
    plan::PlannedChange,
    plan_ladder::ladder_changes,
    planned, show,
};
use crate::output::plain;

/// How many revisions are read at once.
const PAGE: i32 = 200;

/// What `revert` restores; of waves that have started nothing, and of the others these fields.
const RESTORED: [&str; 10] = [
    "title",
    "products",
    "holdout_ppm",
    "allow.accounts",
    "allow.customers",
    "deny.accounts",
    "deny.customers",
    "advance_window",
    "allow",
    "deny",
];
const RESTORED_OF_WAVES: [&str; 8] =
    ["title", "edge_ppm", "products", "audience", "planned_start", "soak", "gates", "ordinal"];

/// Two revisions, and the fields in which they differ.
pub struct Compared {
    before: proto::Rollout,
    after: proto::Rollout,
    differences: Vec<proto::RevisionDifference>,
}

impl Compared {
    pub const fn new(
        before: proto::Rollout,
        after: proto::Rollout,
        differences: Vec<proto::RevisionDifference>,
    ) -> Self {
        Self { before, after, differences }
    }

    /// Reads both revisions, because the differences of a ladder are said in JSON, and people read sentences.
    pub async fn read(
        client: &Client,
        key: &str,
        differences: Vec<proto::RevisionDifference>,
        (from, to): (i64, i64),
    ) -> Result<Self, Refused> {
        let mut found = BTreeMap::new();
        let mut page_token = String::new();
        loop {
            let request =
                proto::ListRevisionsRequest { rollout: key.to_owned(), page_size: PAGE, page_token };
            let answer = ask!(client, rollouts.list_revisions, request)?;
            let revisions = answer.revisions.into_iter().filter_map(|revision| revision.rollout);
            found.extend(
                revisions
                    .map(|rollout| (rollout.revision, rollout))
                    .filter(|(number, _)| [from, to].contains(number)),
            );
            page_token = answer.next_page_token;
            if page_token.is_empty() || (found.contains_key(&from) && found.contains_key(&to)) {
                break;
            }
        }
        let of = |number| found.get(number).cloned().unwrap_or_default();
        Ok(Self::new(of(&from), of(&to), differences))
    }

    /// Every difference, one a line.
    pub fn lines(&self) -> Vec<String> {
        self.told(|_| true, true)
    }

    /// Those that `revert` carries out.
    pub fn restored_lines(&self) -> Vec<String> {
        let started = self.before.waves.iter().filter(|wave| show::is_started(wave)).count();
        let is_restored = |field: &str| match wave_field(field) {
            Some((ordinal, field)) => ordinal as usize > started && RESTORED_OF_WAVES.contains(&field),
            None => RESTORED.contains(&field),
        };
        self.told(is_restored, false)
    }

    fn told(&self, is_meant: impl Fn(&str) -> bool, with_ladder: bool) -> Vec<String> {
        let is_of_ladder = |field: &str| field.starts_with("ladder[");
        let mut lines: Vec<_> = self
            .differences
            .iter()
            .filter(|difference| !is_of_ladder(&difference.field) && is_meant(&difference.field))
            // The number of a wave that is only in one of the two is said by its other fields.
            .filter(|difference| wave_field(&difference.field).is_none_or(|(_, field)| field != "ordinal"))
            .map(|difference| self.line(difference))
            .collect();
        if with_ladder {
            lines.extend(by_rule(ladder_changes(&self.after.ladder, &self.before.ladder)));
        }
        lines
    }

    fn line(&self, difference: &proto::RevisionDifference) -> String {
        let (of, field) = match wave_field(&difference.field) {
            Some((ordinal, field)) => (format!("wave {ordinal}: "), field),
            None => (String::new(), difference.field.as_str()),
        };
        let ordinal = wave_field(&difference.field).map(|(ordinal, _)| ordinal);
        let value = |rollout: &proto::Rollout, json: &str| {
            if json.is_empty() { "nothing".to_owned() } else { value(rollout, ordinal, field, json) }
        };
        let (before, after) =
            (value(&self.before, &difference.before), value(&self.after, &difference.after));
        format!("{of}{}: {before} -> {after}", plain(name(field)))
    }
}

/// `wave 2` and `title` of `waves[2].title`.
fn wave_field(field: &str) -> Option<(u32, &str)> {
    let (ordinal, field) = field.strip_prefix("waves[")?.split_once("].")?;
    Some((ordinal.parse().ok()?, field))
}

/// As a file of a rollout names it.
fn name(field: &str) -> &str {
    match field {
        "edge_ppm" => "edge",
        "holdout_ppm" => "holdout",
        other => other,
    }
}

/// What the field is worth in that revision. The server says it in JSON, which people read where it is a word or a number.
fn value(rollout: &proto::Rollout, ordinal: Option<u32>, field: &str, json: &str) -> String {
    let wave = ordinal.and_then(|ordinal| rollout.waves.iter().find(|wave| wave.ordinal == ordinal));
    let told = match (field, wave) {
        ("edge_ppm", Some(wave)) => percent(wave.edge_ppm),
        ("audience", Some(wave)) => show::audience(wave.audience.as_ref()),
        ("planned_start", Some(wave)) => wave.planned_start.as_ref().map(planned::short).unwrap_or_default(),
        ("soak", Some(wave)) => planned::soak(wave.soak.as_ref()),
        ("gates", Some(wave)) => planned::gates(&wave.gates),
        ("holdout_ppm", None) => percent(rollout.holdout_ppm),
        ("method", None) => described_method(rollout.method.as_ref()),
        ("advance_window", None) => planned::window(rollout.advance_window.as_ref()),
        _ => String::new(),
    };
    if !told.is_empty() {
        return told;
    }
    match serde_json::from_str(json) {
        Ok(serde_json::Value::String(text)) if ordinal.is_some() => plain(&text.replace('_', " ")),
        Ok(serde_json::Value::Array(items)) if items.is_empty() => "nothing".to_owned(),
        _ => plain(json),
    }
}

/// One line a rule.
fn by_rule(changes: Vec<PlannedChange>) -> Vec<String> {
    let mut rules: Vec<(String, String)> = Vec::new();
    for change in changes {
        let line = change.line();
        match rules.last_mut().filter(|(of, _)| *of == change.of) {
            Some((of, told)) => {
                *told = format!("{told}; {}", line.strip_prefix(&format!("{of}: ")).unwrap_or(&line));
            }
            None => rules.push((change.of, line)),
        }
    }
    rules.into_iter().map(|(_, told)| told).collect()
}
