//! Compares two revisions of a rollout, field by field.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tidegate_core::{Permission, Refusal, Revision, RolloutKey};
use tidegate_store::rollouts;

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
            sides.push(fields(&serde_json::to_value(&rollout).map_err(Fault::from)?));
        }
        let (Some(after), Some(before)) = (sides.pop(), sides.pop()) else { return Ok(Vec::new()) };
        Ok(differences(&before, &after))
    }
}

/// Fields that differ between any two revisions, and are left out.
const ALWAYS: [&str; 2] = ["revision", "updated_at"];

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

/// Every value by its path. Waves are compared field by field under their ordinal; other lists, and audiences, as a
/// whole.
fn fields(value: &Value) -> Fields {
    let mut fields = Fields::new();
    walk("", value, &mut fields);
    fields
}

fn walk(path: &str, value: &Value, fields: &mut Fields) {
    match value {
        Value::Object(members) if !path.ends_with(".audience") => {
            for (name, value) in members {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                walk(&path, value, fields);
            }
        }
        Value::Array(waves) if path == "waves" => {
            for (wave, number) in waves.iter().zip(1..) {
                walk(&format!("{path}[{number}]"), wave, fields);
            }
        }
        Value::Null => {}
        value => {
            fields.insert(path.to_owned(), value.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_difference_is_reported_with_its_path() {
        let wave = |edge: u32| json!({"ordinal": 1, "edge": edge, "audience": null});
        let before = fields(&json!({"title": "a", "waves": [wave(1)], "revision": 1}));
        let after =
            fields(&json!({"title": "a", "waves": [wave(2), wave(3)], "revision": 2, "stop": {"by": "Ann"}}));
        let told: Vec<_> = differences(&before, &after)
            .into_iter()
            .map(|one| (one.field, one.before.unwrap_or_default(), one.after.unwrap_or_default()))
            .collect();
        let line = |field: &str, before: &str, after: &str| (field.into(), before.into(), after.into());
        assert_eq!(
            told,
            [
                line("stop.by", "", "\"Ann\""),
                line("waves[1].edge", "1", "2"),
                line("waves[2].edge", "", "3"),
                line("waves[2].ordinal", "", "1"),
            ]
        );
    }
}
