//! Changes that are previewed, as they come over the wire.

use tidegate_core::{Ordinal, ProductKey};
use tidegate_proto::{self as proto, planned_step, preview_rollout_request::Change};
use tidegate_service::rollouts::{
    Edit, Edits, LaterInstants, MAX_INSTANTS, MAX_SAMPLE, PlannedChange, PlannedVerb, PreviewRequest,
    PreviewRollout, RolloutChange,
};

use super::{
    ladder, parse,
    share::{self, Share},
};
use crate::form::Form;

/// More than an edit of every wave.
const MAX_STEPS: usize = 200;

pub(super) fn preview(message: proto::PreviewRolloutRequest, form: &mut Form) -> Option<PreviewRollout> {
    let rollout = form.text("rollout", &message.rollout);
    let etag = form.optional("etag", &message.etag);
    let back = parse::products_in("roll_back_products", &message.roll_back_products, form);
    if !message.roll_back_products.is_empty() && !matches!(message.change, Some(Change::RollBackToWave(_))) {
        form.note::<()>("roll_back_products", "must be given with roll_back_to_wave only");
    }
    let verb = verb(message.change, back, form);
    let product = form.optional("product", &message.product);
    let sample = usize::try_from(message.sample_size).ok().filter(|size| *size <= MAX_SAMPLE);
    if sample.is_none() {
        form.note::<()>("sample_size", format!("must be 0 to {MAX_SAMPLE}"));
    }
    let later = later(message.at_times, message.all_dates, form);
    Some(PreviewRollout::Begin(Box::new(PreviewRequest {
        rollout: rollout?,
        etag: etag?,
        change: PlannedChange { verb: verb?, then_start: message.then_start },
        product: product?,
        sample: sample?,
        later: later?,
    })))
}

fn later(times: Vec<proto::Timestamp>, all_dates: bool, form: &mut Form) -> Option<LaterInstants> {
    if times.len() > MAX_INSTANTS {
        return form.note("at_times", format!("must be at most {MAX_INSTANTS}"));
    }
    if all_dates && !times.is_empty() {
        return form.note("all_dates", "must not be given with at_times");
    }
    if all_dates {
        return Some(LaterInstants::Dates);
    }
    let mut read = Vec::new();
    for (place, time) in times.into_iter().enumerate() {
        read.push(form.time(&format!("at_times[{place}]"), Some(time)));
    }
    let read: Option<Option<Vec<_>>> = read.into_iter().collect();
    Some(LaterInstants::At(read??))
}

fn verb(change: Option<Change>, back: Option<Vec<ProductKey>>, form: &mut Form) -> Option<PlannedVerb> {
    let mut sure =
        |field, on, verb| if on { Some(verb) } else { form.note(field, "must be true, or not be given") };
    let edit = |edit| PlannedVerb::Edits(Edits::One(Box::new(edit)));
    match change {
        Some(Change::Start(on)) => sure("start", on, PlannedVerb::Start),
        Some(Change::Advance(on)) => sure("advance", on, PlannedVerb::Advance),
        Some(Change::Stop(on)) => sure("stop", on, PlannedVerb::Stop),
        Some(Change::RollBackToWave(to)) => Some(PlannedVerb::RollBack { to: Ordinal(to), products: back? }),
        Some(Change::Update(wire)) => Some(edit(update(wire, form))),
        Some(Change::UpdateWave(wire)) => update_wave(wire, form).map(edit),
        Some(Change::AddWave(wire)) => add_wave(wire, form).map(edit),
        Some(Change::SetLadder(wire)) => set_ladder(wire, form).map(edit),
        Some(Change::RevertToRevision(to)) => {
            parse::revision("revert_to_revision", to, form).map(|to| PlannedVerb::Revert { to })
        }
        Some(Change::Steps(steps)) => form.within("steps", |form| self::steps(steps, form)),
        None => form.note("change", "must be given, exactly one"),
    }
}

fn steps(wire: proto::PlannedSteps, form: &mut Form) -> Option<PlannedVerb> {
    if wire.steps.is_empty() || wire.steps.len() > MAX_STEPS {
        return form.note("steps", format!("must be 1 to {MAX_STEPS}"));
    }
    let mut edits = Vec::new();
    for (place, step) in wire.steps.into_iter().enumerate() {
        edits.push(form.within_item("steps", place, |form| self::step(step, form)));
    }
    let edits: Option<Vec<_>> = edits.into_iter().collect();
    edits.map(|edits| PlannedVerb::Edits(Edits::Steps(edits)))
}

fn step(wire: proto::PlannedStep, form: &mut Form) -> Option<Edit> {
    use planned_step::Change;
    match wire.change {
        Some(Change::Update(wire)) => Some(update(wire, form)),
        Some(Change::UpdateWave(wire)) => update_wave(wire, form),
        Some(Change::AddWave(wire)) => add_wave(wire, form),
        Some(Change::RemoveWave(ordinal)) => {
            if ordinal == 0 {
                return form.note("remove_wave", "must be a wave's place, from 1");
            }
            Some(Edit::RemoveWave(Ordinal(ordinal)))
        }
        Some(Change::SetLadder(wire)) => set_ladder(wire, form),
        None => form.note("change", "must be given, exactly one"),
    }
}

fn update(wire: proto::PlannedUpdate, form: &mut Form) -> Edit {
    let change = form.within("update", |form| {
        let mut change = RolloutChange::default();
        for path in form.mask(wire.update_mask) {
            match path.as_str() {
                "products" => change.products = parse::some_products(&wire.products, form),
                "holdout" | "holdout_ppm" | "holdout_percent" => {
                    let holdout = wire.holdout.clone().map(Share::from);
                    change.holdout = share::holdout(holdout, wire.allow_tiny, form);
                }
                "allow" => change.allow = parse::named("allow", wire.allow.clone(), form),
                "deny" => change.deny = parse::named("deny", wire.deny.clone(), form),
                unknown => form.unknown_path(unknown),
            }
        }
        Some(change)
    });
    Edit::Update(change.unwrap_or_default())
}

fn update_wave(wire: proto::PlannedWaveUpdate, form: &mut Form) -> Option<Edit> {
    form.within("update_wave", |form| {
        let ordinal = parse::ordinal(wire.ordinal, form);
        let mask = parse::wave_mask(wire.update_mask, form);
        let wave =
            form.within("wave", |form| Some(parse::wave_change(wire.wave.unwrap_or_default(), &mask, form)));
        Some(Edit::UpdateWave { ordinal: ordinal?, wave: wave? })
    })
}

fn add_wave(wire: proto::WaveDraft, form: &mut Form) -> Option<Edit> {
    form.within("add_wave", |form| parse::draft(wire, form)).map(Edit::AddWave)
}

fn set_ladder(wire: proto::PlannedLadder, form: &mut Form) -> Option<Edit> {
    form.within("set_ladder", |form| ladder::read(wire.rules, form)).map(Edit::SetLadder)
}
