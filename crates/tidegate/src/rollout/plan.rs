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

#[derive(Debug, Clone, PartialEq)]
pub enum PlannedCall {
    Create(Box<proto::PlannedCreate>),
    Update(Box<proto::PlannedUpdate>),
    /// The wave, and the fields of the update mask.
    UpdateWave(u32, proto::WaveDraft, Vec<&'static str>),
    RemoveWave(u32),
    /// The wave's place, and the wave.
    AddWave(u32, proto::WaveDraft),
    SetLadder(Vec<proto::LadderRule>),
}

impl PlannedCall {
    /// The call as a step of a preview.
    pub fn previewed(&self) -> proto::PlannedStep {
        use proto::planned_step::Change;
        let change = match self.clone() {
            Self::Create(create) => Change::Create(*create),
            Self::Update(update) => Change::Update(*update),
            Self::UpdateWave(ordinal, wave, fields) => {
                let paths = fields.iter().map(ToString::to_string).collect();
                let update_mask = Some(proto::FieldMask { paths });
                Change::UpdateWave(proto::PlannedWaveUpdate { ordinal, wave: Some(wave), update_mask })
            }
            Self::RemoveWave(ordinal) => Change::RemoveWave(ordinal),
            Self::AddWave(_, wave) => Change::AddWave(wave),
            Self::SetLadder(rules) => Change::SetLadder(proto::PlannedLadder { rules }),
        };
        proto::PlannedStep { change: Some(change) }
    }
}

impl PlannedChange {
    /// As it is told before it is made.
    pub fn ahead(&self) -> String {
        match (self.before.is_empty() || self.after.is_empty(), self.field) {
            (true, "created" | "added" | "removed") => {
                let what = if self.before.is_empty() { &self.after } else { &self.before };
                format!("{}: would be {}: {what}", self.of, self.field)
            }
            _ => self.line(),
        }
    }

    /// As it is told when it was made.
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
    let Some(rollout) = rollout else { return Ok(create(file)) };
    let mut steps: Vec<_> = update(file, rollout)?.into_iter().collect();
    let (mut added, mut updated) = (Vec::new(), Vec::new());
    for (ordinal, draft) in (1..).zip(&file.waves) {
        let Some(wave) = rollout.waves.iter().find(|wave| wave.ordinal == ordinal) else {
            let change = change(&wave_of(ordinal), "added", String::new(), described(draft));
            let changes = change.into_iter().collect();
            added.push(PlannedStep { call: PlannedCall::AddWave(ordinal, draft.clone()), changes });
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
        let turn = turn(wave, draft);
        updated.push((
            turn,
            PlannedStep { call: PlannedCall::UpdateWave(ordinal, draft.clone(), fields), changes },
        ));
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
    updated.sort_by_key(|(turn, _)| *turn);
    steps.extend(updated.into_iter().map(|(_, step)| step));
    steps.extend(added);
    steps.extend(set_ladder(file, &rollout.ladder));
    Ok(steps)
}

/// When a wave is updated among the others. The server keeps planned starts in the order of the waves after every call, so
/// those that go away go first, those that move later move from the last wave on, those that move earlier from the first one,
/// and new ones come last.
fn turn(wave: &proto::Wave, draft: &proto::WaveDraft) -> (u8, i64) {
    let at =
        |planned: Option<&proto::LocalTime>| planned.and_then(|planned| planned.time).map(|at| at.seconds);
    let ordinal = i64::from(wave.ordinal);
    match (at(wave.planned_start.as_ref()), at(draft.planned_start.as_ref())) {
        (Some(_), None) => (0, ordinal),
        (Some(before), Some(after)) if before < after => (1, -ordinal),
        (Some(_), Some(_)) | (None, None) => (2, ordinal),
        (None, Some(_)) => (3, ordinal),
    }
}

/// The steps that make a rollout that does not exist yet.
fn create(file: &PlannedRollout) -> Vec<PlannedStep> {
    let whole = |field, after| change("rollout", field, String::new(), after);
    let holdout = if file.holdout_ppm() > 0 { percent(file.holdout_ppm()) } else { String::new() };
    let unit = if file.unit == RolloutUnit::Customer { "customer" } else { "" };
    let method = file.method.as_ref().map(|_| described_method(file.method.as_ref())).unwrap_or_default();
    let rollout = [
        whole("created", plain(&file.title)),
        whole("unit", unit.to_owned()),
        whole("holdout", holdout),
        whole("allow", names(&file.allow)),
        whole("deny", names(&file.deny)),
        whole("method", method),
        whole("advance_window", window(file.advance_window.as_ref())),
    ];
    let added = |(ordinal, wave)| change(&wave_of(ordinal), "added", String::new(), described(wave));
    let waves = (1..).zip(&file.waves).map(added);
    let changes = rollout.into_iter().chain(waves).flatten().collect();
    let create = PlannedStep { call: PlannedCall::Create(Box::new(file.create())), changes };
    std::iter::once(create).chain(set_ladder(file, &[])).collect()
}

fn names(named: &proto::NamedAccounts) -> String {
    sorted(named.accounts.iter().chain(&named.customers))
}

fn set_ladder(file: &PlannedRollout, standing: &[proto::LadderRule]) -> Option<PlannedStep> {
    ladder_step(file.ladder.as_ref()?, standing)
}

/// The step that puts the rules of a file in the place of those that stand; `None` where they are the same.
pub fn ladder_step(rules: &[proto::LadderRule], standing: &[proto::LadderRule]) -> Option<PlannedStep> {
    let rules = begun(rules, standing);
    let changes = ladder_changes(&rules, standing);
    (!changes.is_empty()).then_some(PlannedStep { call: PlannedCall::SetLadder(rules), changes })
}

fn update(file: &PlannedRollout, rollout: &proto::Rollout) -> Result<Option<PlannedStep>> {
    if file.unit != rollout.unit() && rollout.unit() != RolloutUnit::Unspecified {
        bail!("the unit of `{}` never changes: a rollout of another unit needs another key", rollout.key);
    }
    let nobody = proto::NamedAccounts::default();
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
    let call = PlannedCall::Update(Box::new(file.update(&fields)));
    Ok((!changes.is_empty()).then_some(PlannedStep { call, changes }))
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
    if wave.soak.is_some() {
        text = format!("{text}, once the wave before was live for {}", planned::soak(wave.soak.as_ref()));
    }
    if !wave.gates.is_empty() {
        text = format!("{text}, with {}", planned::gates(&wave.gates));
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

    /// Each call keeps the order of the waves, in whatever direction their dates move.
    #[test]
    fn dates_move_in_an_order_that_the_server_takes() {
        let time = |day: i64| proto::LocalTime {
            local: format!("day {day}"),
            time: Some(proto::Timestamp { seconds: day * 86_400, nanos: 0 }),
            ..Default::default()
        };
        let order = |before: [Option<i64>; 3], after: [Option<i64>; 3]| {
            let mut turns: Vec<_> = (1..)
                .zip(before.into_iter().zip(after))
                .map(|(ordinal, (before, after))| {
                    let wave = proto::Wave { ordinal, planned_start: before.map(time), ..Default::default() };
                    let draft = proto::WaveDraft { planned_start: after.map(time), ..Default::default() };
                    (turn(&wave, &draft), ordinal)
                })
                .collect();
            turns.sort_unstable();
            turns.into_iter().map(|(_, ordinal)| ordinal).collect::<Vec<_>>()
        };
        let days = [Some(1), Some(3), Some(5)];
        assert_eq!(order(days, [Some(4), Some(6), Some(8)]), [3, 2, 1]);
        assert_eq!(order([Some(4), Some(6), Some(8)], days), [1, 2, 3]);
        assert_eq!(order(days, [Some(2), None, Some(4)]), [2, 1, 3]);
        assert_eq!(order([Some(4), None, Some(6)], [Some(1), Some(2), Some(7)]), [3, 1, 2]);
    }
}
