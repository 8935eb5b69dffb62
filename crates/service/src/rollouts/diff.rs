//! Compares two revisions of a rollout, field by field.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tidegate_core::{Permission, Refusal, Revision, Rollout, RolloutKey};
use tidegate_store::rollouts;

use super::api_json;
use crate::{Error, Fault, Query, QueryContext};

#[derive(Debug)]
pub struct DiffRevisions {
    pub rollout: RolloutKey,
    pub from: Revision,
    pub to: Revision,
}

/// A field that differs, as JSON before and after; `None` where the field is absent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    pub field: String,
    pub before: Option<String>,
    pub after: Option<String>,
}

impl Query for DiffRevisions {
    const NAME: &'static str = "diff_revisions";
    const PERMISSION: Permission = Permission::RolloutsRead;
    type Outcome = Vec<Difference>;

    async fn run(self, cx: &QueryContext) -> Result<Vec<Difference>, Error> {
        let mut view = cx.view();
        rollouts::find(&mut view, &self.rollout).await?.ok_or(Refusal::RolloutNotFound)?;
        let mut sides = Vec::new();
        for number in [self.from, self.to] {
            let found = rollouts::revision(&mut view, &self.rollout, number).await?;
            let rollout = found.ok_or(Refusal::RevisionNotFound)?.rollout;
            sides.push(api_fields(&rollout).map_err(Fault::from)?);
        }
        let (Some(after), Some(before)) = (sides.pop(), sides.pop()) else { return Ok(Vec::new()) };
        Ok(differences(&before, &after))
    }
}

/// Fields that differ between any two revisions, and are left out.
const ALWAYS: [&str; 2] = ["revision", "update_time"];

fn differences(before: &Fields, after: &Fields) -> Vec<Difference> {
    let names: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let names = names.into_iter().filter(|name| !ALWAYS.contains(&name.as_str()));
    let differ = names.filter(|name| before.get(*name) != after.get(*name));
    differ
        .map(|name| Difference {
            field: name.clone(),
            before: before.get(name).cloned(),
            after: after.get(name).cloned(),
        })
        .collect()
}

type Fields = BTreeMap<String, String>;

/// Where a field of the document has another name in the API; `None`: the API does not have it, or has it under another
/// field. Numbers of waves are left out.
const NAMES: [(&str, Option<&str>); 18] = [
    ("allow.given", None),
    ("archived_at", Some("archive_time")),
    ("created_at", Some("create_time")),
    ("deny.given", None),
    ("holdout", Some("holdout_ppm")),
    // Times in which it was paused or stopped follow from the revisions.
    ("holds", None),
    // It follows from the revisions.
    ("ladder_since", None),
    ("paused_at", Some("pause_time")),
    // What a roll back took is seen in the waves.
    ("roll_backs", None),
    ("stop.by.issuers", None),
    ("stop.by.name", Some("stop.holder")),
    ("stop.cleared_by.issuers", None),
    ("stop.cleared_by.name", Some("stop.clear_holder")),
    ("stop.since", Some("stop.stop_time")),
    ("updated_at", Some("update_time")),
    ("waves[].edge", Some("waves[].edge_ppm")),
    ("waves[].started_at", Some("waves[].start_time")),
    ("waves[].taken_back", Some("waves[].rolled_back_products")),
];

/// Persons are told by name.
const PERSONS: [&str; 2] = ["stop.by.person", "stop.cleared_by.person"];

/// Every value of the rollout by its path in the API. Waves are compared field by field under their ordinal; other lists,
/// and audiences, as a whole.
pub fn api_fields(rollout: &Rollout) -> Result<BTreeMap<String, String>, serde_json::Error> {
    let mut document = serde_json::to_value(rollout)?;
    for (named, list) in [("allow", &rollout.allow), ("deny", &rollout.deny)] {
        if let Some(accounts) = document.pointer_mut(&format!("/{named}/accounts")) {
            *accounts = list.account_names().collect();
        }
    }
    let mut fields = Fields::new();
    walk(&Path::default(), &document, rollout, &mut fields);
    Ok(fields)
}

/// A path in the document, without and with the number of the wave.
#[derive(Default)]
struct Path {
    plain: String,
    wave: Option<usize>,
}

impl Path {
    fn then(&self, name: &str) -> Self {
        let plain = if self.plain.is_empty() { name.to_owned() } else { format!("{}.{name}", self.plain) };
        Self { plain, wave: self.wave }
    }

    /// As the API names it.
    fn api(&self) -> Option<String> {
        if PERSONS.contains(&self.plain.as_str()) {
            return None;
        }
        let known = NAMES.iter().find(|(name, _)| *name == self.plain);
        let name = known.map_or(Some(self.plain.as_str()), |(_, name)| *name)?;
        Some(match self.wave {
            Some(place) => name.replacen("[]", &format!("[{}]", place + 1), 1),
            None => name.to_owned(),
        })
    }
}

fn walk(path: &Path, value: &Value, rollout: &Rollout, fields: &mut Fields) {
    match (value, path.plain.as_str()) {
        (Value::Null, _) => {}
        _ if path.api().is_none() => {}
        (_, "waves[].audience" | "waves[].planned_start" | "waves[].soak" | "waves[].gates") => {
            let wave = path.wave.and_then(|place| rollout.waves.get(place));
            let told = wave.and_then(|wave| match path.plain.as_str() {
                "waves[].audience" => wave.audience.as_ref().map(api_json::audience),
                "waves[].planned_start" => wave.planned_start.as_ref().map(api_json::local),
                "waves[].soak" => wave.soak.map(api_json::span),
                _ => Some(api_json::gates(&wave.gates)),
            });
            if let (Some(told), Some(name)) = (told, path.api()) {
                fields.insert(name, told.to_string());
            }
        }
        (_, "ladder") => {
            let rules = rollout.ladder.iter().zip(1..);
            let rules =
                rules.map(|(rule, place)| (format!("ladder[{place}]"), api_json::rule(rule).to_string()));
            fields.extend(rules);
        }
        (_, "method") => {
            fields.extend(
                rollout.method.iter().map(|aim| ("method".to_owned(), api_json::method(aim).to_string())),
            );
        }
        (window, "advance_window") => {
            fields.insert("advance_window".to_owned(), window.to_string());
        }
        (Value::Array(waves), "waves") => {
            for (place, wave) in waves.iter().enumerate() {
                walk(&Path { plain: "waves[]".to_owned(), wave: Some(place) }, wave, rollout, fields);
            }
        }
        (Value::Object(members), _) => {
            for (name, value) in members {
                walk(&path.then(name), value, rollout, fields);
            }
        }
        (value, _) => {
            if let Some(name) = path.api() {
                fields.insert(name, value.to_string());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rollout(edge: u32, waves: u32, stop: &Value) -> Rollout {
        let wave = |ordinal| {
            json!({
                "ordinal": ordinal, "title": "wave", "edge": edge, "products": [], "state": "draft", "started_at": null,
                "audience": {"all": [{"test": {"account_country": ["DE"]}}, {"not": {"test": "account_email_verified"}}]},
            })
        };
        let document = json!({
            "key": "two-step", "title": "Two-step", "products": ["kasa"], "salt": vec![0; 16], "revision": edge,
            "created_at": "2026-03-02T09:00:00Z", "updated_at": "2026-03-02T09:00:00Z",
            "waves": (1..=waves).map(wave).collect::<Vec<_>>(), "stop": stop,
            "allow": {
                "accounts": ["acct_01h455vb4pex5vsknk084sn02q"], "customers": [],
                "given": {"acct_01h455vb4pex5vsknk084sn02q": "u-7"},
            },
        });
        serde_json::from_value(document).unwrap()
    }

    #[test]
    fn a_difference_is_reported_with_its_path_in_the_api() {
        let before = api_fields(&rollout(1, 1, &Value::Null)).unwrap();
        let stop = json!({"since": "2026-03-02T09:00:00Z", "by": "Ann", "reason": null});
        let after = api_fields(&rollout(2, 2, &stop)).unwrap();
        let told: Vec<_> = differences(&before, &after)
            .into_iter()
            .map(|one| (one.field, one.before.unwrap_or_default(), one.after.unwrap_or_default()))
            .collect();
        let line = |field: &str, before: &str, after: &str| (field.into(), before.into(), after.into());
        let audience = r#"{"all":{"audiences":[{"test":{"any_of":["DE"],"attribute":"account.country"}},{"not":{"test":{"attribute":"account.email_verified"}}}]}}"#;
        assert_eq!(
            told,
            [
                line("stop.holder", "", "\"Ann\""),
                line("stop.stop_time", "", "\"2026-03-02T09:00:00Z\""),
                line("waves[1].edge_ppm", "1", "2"),
                line("waves[2].audience", "", audience),
                line("waves[2].edge_ppm", "", "2"),
                line("waves[2].ordinal", "", "2"),
                line("waves[2].products", "", "[]"),
                line("waves[2].state", "", "\"draft\""),
                line("waves[2].title", "", "\"wave\""),
            ]
        );
        assert_eq!(after["allow.accounts"], r#"["u-7"]"#);
    }
}
