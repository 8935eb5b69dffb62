//! Changes that are previewed, as they come over the wire.

use tidegate_core::{Ordinal, ProductKey};
use tidegate_proto::{self as proto, planned_step, preview_rollout_request::Change};
use tidegate_service::rollouts::{
    CreateRollout, Edit, Edits, LaterInstants, MAX_INSTANTS, MAX_SAMPLE, PlannedChange, PlannedVerb,
    PreviewExtent, PreviewRequest, PreviewRollout, RolloutChange,
};

use super::{ladder, parse};
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
    if let Some(PlannedVerb::Create(create, _)) = &verb {
        if create.key.as_str() != message.rollout {
            form.note::<()>("steps.steps[0].create.key", "must be the rollout of the request");
        }
        if !message.etag.is_empty() {
            form.note::<()>("etag", "must not be given where the first step creates the rollout");
        }
    }
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
        extent: if message.check_only { PreviewExtent::Checked } else { PreviewExtent::Counted },
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
    let (mut created, mut edits) = (None, Vec::new());
    for (place, step) in wire.steps.into_iter().enumerate() {
        form.within_item("steps", place, |form| match step.change {
            Some(planned_step::Change::Create(wire)) if place == 0 => {
                created = Some(form.within("create", |form| create(wire, form)));
                Some(())
            }
            change => {
                edits.push(self::step(change, form));
                Some(())
            }
        });
    }
    let edits: Option<Vec<_>> = edits.into_iter().collect();
    Some(match created {
        Some(create) => PlannedVerb::Create(Box::new(create?), edits?),
        None => PlannedVerb::Edits(Edits::Steps(edits?)),
    })
}

fn step(change: Option<planned_step::Change>, form: &mut Form) -> Option<Edit> {
    use planned_step::Change;
    match change {
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
        Some(Change::Create(_)) => form.note("create", "must be the first step"),
        None => form.note("change", "must be given, exactly one"),
    }
}

/// Read as the request of its call, so that both take the same fields.
fn create(wire: proto::PlannedCreate, form: &mut Form) -> Option<CreateRollout> {
    use proto::{create_rollout_request::Holdout, planned_create};
    let request = proto::CreateRolloutRequest {
        key: wire.key,
        title: wire.title,
        products: wire.products,
        waves: wire.waves,
        request_id: String::new(),
        reason: String::new(),
        unit: wire.unit,
        holdout: wire.holdout.map(|holdout| match holdout {
            planned_create::Holdout::HoldoutPpm(ppm) => Holdout::HoldoutPpm(ppm),
            planned_create::Holdout::HoldoutPercent(percent) => Holdout::HoldoutPercent(percent),
        }),
        allow: wire.allow,
        deny: wire.deny,
        method: wire.method,
        advance_window: wire.advance_window,
        allow_tiny: wire.allow_tiny,
    };
    parse::create(request, form)
}

/// Read as the request of its call, so that both take the same fields.
fn update(wire: proto::PlannedUpdate, form: &mut Form) -> Edit {
    use proto::{planned_update, update_rollout_request::Holdout};
    let request = proto::UpdateRolloutRequest {
        rollout: String::new(),
        etag: String::new(),
        title: wire.title,
        products: wire.products,
        holdout: wire.holdout.map(|holdout| match holdout {
            planned_update::Holdout::HoldoutPpm(ppm) => Holdout::HoldoutPpm(ppm),
            planned_update::Holdout::HoldoutPercent(percent) => Holdout::HoldoutPercent(percent),
        }),
        allow: wire.allow,
        deny: wire.deny,
        method: wire.method,
        update_mask: wire.update_mask,
        request_id: String::new(),
        reason: String::new(),
        advance_window: wire.advance_window,
        allow_tiny: wire.allow_tiny,
    };
    let change: Option<RolloutChange> =
        form.within("update", |form| Some(parse::rollout_change(request, form)));
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
