//! What has to be done so that a rollout is as its file says.

use anyhow::{Result, bail};
use serde::Serialize;
use tidegate_proto::{self as proto, RolloutUnit, WaveState};

use super::{
    file::{PlannedRollout, described_method, edge_ppm, percent},
    plan_ladder::{begun, ladder_changes, ordered},
    planned::{self, window},
    show,
};
use crate::output::plain;

/// One field that differs.
#[derive(Debug, Serialize, PartialEq)]
pub struct PlannedChange {
    /// `rollout`, `wave 2` or `ladder rule 1`.
    pub of: String,
    pub field: &'static str,
    pub before: String,
    pub after: String,
}

/// One call of the server, and what it changes.
#[derive(Debug, PartialEq)]
pub struct PlannedStep {
    pub call: PlannedCall,
    pub changes: Vec<PlannedChange>,
}

#[derive(Debug, PartialEq)]
pub enum PlannedCall {
    Create,
    /// The fields of the update mask.
    Update(Vec<&'static str>),
    /// The wave, and the fields of the update mask.
    UpdateWave(u32, proto::WaveDraft, Vec<&'static str>),
    RemoveWave(u32),
    AddWave(proto::WaveDraft),
    SetLadder(Vec<proto::LadderRule>),
}

impl PlannedChange {
    pub fn line(&self) -> String {
        let Self { of, field, before, after } = self;
        match (before.is_empty(), after.is_empty()) {
            (true, _) => format!("{of}: {field}: {after}"),
            (_, true) => format!("{of}: {field} no longer: {before}"),
            _ => format!("{of}: {field}: {before} -> {after}"),
        }
    }
}

/// The steps in the order in which they are made; none where nothing differs. Waves are compared by their place. Fails where
/// the file says something else of what cannot change any more.
pub fn plan(file: &PlannedRollout, rollout: Option<&proto::Rollout>) -> Result<Vec<PlannedStep>> {
    let Some(rollout) = rollout else {
        let change = |(of, field, after): (String, _, String)| PlannedChange {
            of,
            field,
            before: String::new(),
            after,
        };
        let whole = ("rollout".to_owned(), "created", plain(&file.title));
        let waves =
            (1..).zip(&file.waves).map(|(ordinal, wave)| (wave_of(ordinal), "added", described(wave)));
        let changes = std::iter::once(whole).chain(waves).map(change).collect();
        let create = PlannedStep { call: PlannedCall::Create, changes };
        return Ok(std::iter::once(create).chain(set_ladder(file, &[])).collect());
    };
    let mut steps: Vec<_> = update(file, rollout)?.into_iter().collect();
    let mut added = Vec::new();
    for (ordinal, draft) in (1..).zip(&file.waves) {
        let Some(wave) = rollout.waves.iter().find(|wave| wave.ordinal == ordinal) else {
            let change = change(&wave_of(ordinal), "added", String::new(), described(draft));
            let changes = change.into_iter().collect();
            added.push(PlannedStep { call: PlannedCall::AddWave(draft.clone()), changes });
            continue;
        };
        let changes = wave_changes(draft, wave);
        if changes.is_empty() {
            continue;
        }
        if show::is_started(wave) {
            let field = changes.first().map(PlannedChange::line).unwrap_or_default();
            bail!(
                "{} of `{}` has started and is not touched, and the file says something else ({field}): put it back in the \
                 file, and add a wave after it",
                show::wave_name(wave),
                rollout.key
            );
        }
        let fields = changes.iter().map(|change| change.field).collect();
        steps.push(PlannedStep { call: PlannedCall::UpdateWave(ordinal, draft.clone(), fields), changes });
    }
    // From the last one on, so that no place moves.
    for wave in rollout.waves.iter().skip(file.waves.len()).rev() {
        if show::is_started(wave) {
            let (name, key) = (show::wave_name(wave), &rollout.key);
            bail!(
                "{name} of `{key}` has started and is not touched, and the file has no such wave: put it back"
            );
        }
        let change = change(&wave_of(wave.ordinal), "removed", String::new(), plain(&wave.title));
        let changes = change.into_iter().collect();
        steps.push(PlannedStep { call: PlannedCall::RemoveWave(wave.ordinal), changes });
    }
    steps.extend(added);
    steps.extend(set_ladder(file, &rollout.ladder));
    Ok(steps)
}

fn set_ladder(file: &PlannedRollout, standing: &[proto::LadderRule]) -> Option<PlannedStep> {
    let rules = begun(file.ladder.as_ref()?, standing);
    let changes = ladder_changes(&rules, standing);
    (!changes.is_empty()).then_some(PlannedStep { call: PlannedCall::SetLadder(rules), changes })
}

fn update(file: &PlannedRollout, rollout: &proto::Rollout) -> Result<Option<PlannedStep>> {
    if file.unit != rollout.unit() && rollout.unit() != RolloutUnit::Unspecified {
        bail!("the unit of `{}` never changes: a rollout of another unit needs another key", rollout.key);
    }
    let nobody = proto::NamedAccounts::default();
    let names = |named: &proto::NamedAccounts| sorted(named.accounts.iter().chain(&named.customers));
    let (allow, deny) = (rollout.allow.as_ref().unwrap_or(&nobody), rollout.deny.as_ref().unwrap_or(&nobody));
    let of = "rollout";
    let changes: Vec<_> = [
        change(of, "title", plain(&rollout.title), plain(&file.title)),
        change(of, "products", sorted(&rollout.products), sorted(&file.products)),
        change(of, "holdout", percent(rollout.holdout_ppm), percent(file.holdout_ppm())),
        change(of, "allow", names(allow), names(&file.allow)),
        change(of, "deny", names(deny), names(&file.deny)),
        change(
            of,
            "method",
            described_method(rollout.method.as_ref()),
            described_method(file.method.as_ref()),
        ),
        change(
            of,
            "advance_window",
            window(rollout.advance_window.as_ref()),
            window(file.advance_window.as_ref()),
        ),
    ]
    .into_iter()
    .flatten()
    .collect();
    let was_started =
        rollout.waves.iter().any(|wave| !matches!(wave.state(), WaveState::Draft | WaveState::Scheduled));
    let fixed = changes.iter().find(|change| ["products", "holdout"].contains(&change.field));
    if let Some(fixed) = fixed.filter(|_| was_started) {
        bail!(
            "the {} of `{}` cannot change any more, because a wave was started ({}); products can be added by a wave that \
             names them",
            fixed.field,
            rollout.key,
            fixed.line()
        );
    }
    let fields: Vec<_> = changes.iter().map(|change| change.field).collect();
    Ok((!changes.is_empty()).then_some(PlannedStep { call: PlannedCall::Update(fields), changes }))
}

fn wave_changes(draft: &proto::WaveDraft, wave: &proto::Wave) -> Vec<PlannedChange> {
    let of = wave_of(wave.ordinal);
    let of = of.as_str();
    let (before, after) = (wave.audience.as_ref(), draft.audience.as_ref());
    // Two audiences can read alike, so not their sentences are compared.
    let audience = (before.map(ordered) != after.map(ordered)).then(|| PlannedChange {
        of: of.to_owned(),
        field: "audience",
        before: show::audience(before),
        after: show::audience(after),
    });
    let planned = (draft.planned_start.as_ref(), wave.planned_start.as_ref());
    let planned_start = (!planned::same_start(planned.0, planned.1)).then(|| PlannedChange {
        of: of.to_owned(),
        field: "planned_start",
        before: planned::start(planned.1),
        after: planned::start(planned.0),
    });
    let fields = [
        change(of, "title", plain(&wave.title), plain(&draft.title)),
        change(of, "edge", percent(wave.edge_ppm), percent(edge_ppm(draft))),
        change(of, "products", sorted(&wave.products), sorted(&draft.products)),
        audience,
        planned_start,
        change(of, "soak", planned::soak(wave.soak.as_ref()), planned::soak(draft.soak.as_ref())),
        change(of, "gates", planned::gates(&wave.gates), planned::gates(&draft.gates)),
    ];
    fields.into_iter().flatten().collect()
}

/// `None` where both are the same.
fn change(of: &str, field: &'static str, before: String, after: String) -> Option<PlannedChange> {
    (before != after).then(|| PlannedChange { of: of.to_owned(), field, before, after })
}

fn wave_of(ordinal: u32) -> String {
    format!("wave {ordinal}")
}

fn described(wave: &proto::WaveDraft) -> String {
    let audience = show::audience(wave.audience.as_ref());
    let mut text = format!("'{}', {} of {audience}", plain(&wave.title), percent(edge_ppm(wave)));
    if wave.planned_start.is_some() {
        text = format!("{text}, starts {}", planned::start(wave.planned_start.as_ref()));
    }
    text
}

fn sorted<'s>(names: impl IntoIterator<Item = &'s String>) -> String {
    let mut names: Vec<_> = names.into_iter().map(|name| plain(name)).collect();
    names.sort();
    names.dedup();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use proto::audience::Kind;

    use super::*;

    fn of_labels(values: &[&str]) -> proto::Audience {
        let any_of = values.iter().map(ToString::to_string).collect();
        let test = proto::AttributeTest {
            attribute: "account.label".into(),
            label: "plan".into(),
            any_of,
            ..Default::default()
        };
        proto::Audience { kind: Some(Kind::Test(test)) }
    }

    #[test]
    fn audiences_that_only_read_alike_differ() {
        let wave =
            proto::Wave { ordinal: 1, audience: Some(of_labels(&["a, b", "c"])), ..Default::default() };
        let changes = |values: &[&str]| {
            let draft = proto::WaveDraft { audience: Some(of_labels(values)), ..Default::default() };
            wave_changes(&draft, &wave)
        };
        assert_eq!(changes(&["c", "a, b"]), []);
        let [change] = changes(&["a", "b, c"]).try_into().unwrap();
        assert_eq!((change.field, &change.before), ("audience", &change.after));
    }
}
