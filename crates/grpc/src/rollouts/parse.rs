use tidegate_core::{Edge, Ordinal, ProductKey, Revision, Unit};
use tidegate_proto::{self as proto, preview_rollout_request::Change};
use tidegate_service::rollouts::{
    AddWave, AdvanceRollout, ArchiveRollout, Archived, ClearStop, CreateRollout, DiffRevisions, GetRollout,
    GetStats, ListReached, ListRevisions, ListRollouts, MAX_SAMPLE, MAX_WAVES, NamedDraft, PauseRollout,
    PlannedChange, PlannedVerb, PreviewRequest, PreviewRollout, Reached, RemoveWave, ResumeRollout,
    RevertRollout, RollBackRollout, RolloutChange, StartRollout, StopRollout, Target, UnarchiveRollout,
    UpdateRollout, UpdateWave, WaveChange, WaveDraft,
};

use super::{
    audience,
    share::{self, Share},
};
use crate::form::Form;

const MAX_PRODUCTS: usize = 100;
const MAX_NAMED: usize = 1_000;

pub(super) fn create(message: proto::CreateRolloutRequest, form: &mut Form) -> Option<CreateRollout> {
    let key = form.text("key", &message.key);
    let title = form.text("title", &message.title);
    let products = some_products(&message.products, form);
    let unit = match message.unit {
        0 => Some(Unit::Account),
        number => form.word("unit", number, unit),
    };
    let holdout = match message.holdout {
        None => Some(Edge::default()),
        holdout => share::holdout(holdout.map(Share::from), message.allow_tiny, form),
    };
    let allow = named("allow", message.allow, form);
    let deny = named("deny", message.deny, form);
    if message.waves.len() > MAX_WAVES {
        form.note::<()>("waves", format!("must be at most {MAX_WAVES}"));
    }
    let mut waves = Vec::new();
    for (place, wave) in message.waves.into_iter().enumerate().take(MAX_WAVES) {
        waves.push(form.within_item("waves", place, |form| draft(wave, form)));
    }
    let waves: Option<Vec<_>> = waves.into_iter().collect();
    let reason = form.optional("reason", &message.reason);
    Some(CreateRollout {
        key: key?,
        title: title?,
        products: products?,
        unit: unit?,
        holdout: holdout?,
        allow: allow?,
        deny: deny?,
        waves: waves?,
        reason: reason?,
    })
}

pub(super) fn get(message: proto::GetRolloutRequest, form: &mut Form) -> Option<GetRollout> {
    Some(GetRollout { rollout: form.text("rollout", &message.rollout)? })
}

pub(super) fn list(message: proto::ListRolloutsRequest, form: &mut Form) -> Option<ListRollouts> {
    let archived = if message.include_archived { Archived::Listed } else { Archived::LeftOut };
    Some(ListRollouts { page: form.page(message.page_size, &message.page_token)?, archived })
}

pub(super) fn add_wave(message: proto::AddWaveRequest, form: &mut Form) -> Option<AddWave> {
    let target = target(&message.rollout, &message.etag, &message.reason, form);
    let wave = form.within("wave", |form| draft(message.wave.unwrap_or_default(), form));
    Some(AddWave { target: target?, wave: wave? })
}

pub(super) fn update_wave(message: proto::UpdateWaveRequest, form: &mut Form) -> Option<UpdateWave> {
    let target = target(&message.rollout, &message.etag, &message.reason, form);
    let ordinal = ordinal(message.ordinal, form);
    let mask = wave_mask(message.update_mask, form);
    let wave = form.within("wave", |form| Some(wave_change(message.wave.unwrap_or_default(), &mask, form)));
    Some(UpdateWave { target: target?, ordinal: ordinal?, wave: wave? })
}

pub(super) fn remove_wave(message: proto::RemoveWaveRequest, form: &mut Form) -> Option<RemoveWave> {
    let target = target(&message.rollout, &message.etag, &message.reason, form);
    let ordinal = ordinal(message.ordinal, form);
    Some(RemoveWave { target: target?, ordinal: ordinal? })
}

pub(super) fn update(message: proto::UpdateRolloutRequest, form: &mut Form) -> Option<UpdateRollout> {
    let target = target(&message.rollout, &message.etag, &message.reason, form);
    let mut change = RolloutChange::default();
    for path in form.mask(message.update_mask) {
        match path.as_str() {
            "title" => change.title = form.text("title", &message.title),
            "products" => change.products = some_products(&message.products, form),
            "holdout" | "holdout_ppm" | "holdout_percent" => {
                let holdout = message.holdout.clone().map(Share::from);
                change.holdout = share::holdout(holdout, message.allow_tiny, form);
            }
            "allow" => change.allow = named("allow", message.allow.clone(), form),
            "deny" => change.deny = named("deny", message.deny.clone(), form),
            unknown => form.unknown_path(unknown),
        }
    }
    Some(UpdateRollout { target: target?, change })
}

pub(super) fn revert(message: proto::RevertRolloutRequest, form: &mut Form) -> Option<RevertRollout> {
    let target = target(&message.rollout, &message.etag, &message.reason, form);
    let to = revision("revision", message.revision, form);
    Some(RevertRollout { target: target?, to: to? })
}

/// The verbs that need nothing but the rollout. Those that only narrow it take it in any state, so
/// their etag is optional.
macro_rules! verbs {
    ($($parse:ident($message:ident) -> $command:ident by $target:ident;)+) => {
        $(pub(super) fn $parse(message: proto::$message, form: &mut Form) -> Option<$command> {
            let target = $target(&message.rollout, &message.etag, &message.reason, form)?;
            Some($command { target })
        })+
    };
}
verbs! {
    start(StartRolloutRequest) -> StartRollout by target;
    advance(AdvanceRolloutRequest) -> AdvanceRollout by target;
    resume(ResumeRolloutRequest) -> ResumeRollout by target;
    archive(ArchiveRolloutRequest) -> ArchiveRollout by target;
    unarchive(UnarchiveRolloutRequest) -> UnarchiveRollout by target;
    clear_stop(ClearStopRequest) -> ClearStop by target;
    pause(PauseRolloutRequest) -> PauseRollout by any_state;
    stop(StopRolloutRequest) -> StopRollout by any_state;
}

pub(super) fn roll_back(message: proto::RollBackRolloutRequest, form: &mut Form) -> Option<RollBackRollout> {
    let target = any_state(&message.rollout, &message.etag, &message.reason, form);
    let products = products(&message.products, form);
    Some(RollBackRollout { target: target?, to: Ordinal(message.to_wave), products: products? })
}

pub(super) fn stats(message: proto::GetStatsRequest, form: &mut Form) -> Option<GetStats> {
    let reached = if message.count_reached { Reached::Counted } else { Reached::LeftOut };
    Some(GetStats { rollout: form.text("rollout", &message.rollout)?, reached })
}

pub(super) fn reached(message: proto::ListReachedRequest, form: &mut Form) -> Option<ListReached> {
    let rollout = form.text("rollout", &message.rollout);
    let product = form.text("product", &message.product);
    let wave = (message.wave > 0).then_some(Ordinal(message.wave));
    let page = form.page(message.page_size, &message.page_token);
    Some(ListReached { rollout: rollout?, product: product?, wave, page: page? })
}

pub(super) fn preview(message: proto::PreviewRolloutRequest, form: &mut Form) -> Option<PreviewRollout> {
    let rollout = form.text("rollout", &message.rollout);
    let etag = form.optional("etag", &message.etag);
    let back = products_in("roll_back_products", &message.roll_back_products, form);
    if !message.roll_back_products.is_empty() && !matches!(message.change, Some(Change::RollBackToWave(_))) {
        form.note::<()>("roll_back_products", "must be given with roll_back_to_wave only");
    }
    let verb = planned(message.change, back, form);
    let product = form.optional("product", &message.product);
    let sample = usize::try_from(message.sample_size).ok().filter(|size| *size <= MAX_SAMPLE);
    if sample.is_none() {
        form.note::<()>("sample_size", format!("must be 0 to {MAX_SAMPLE}"));
    }
    Some(PreviewRollout::Begin(Box::new(PreviewRequest {
        rollout: rollout?,
        etag: etag?,
        change: PlannedChange { verb: verb?, then_start: message.then_start },
        product: product?,
        sample: sample?,
    })))
}

fn planned(change: Option<Change>, back: Option<Vec<ProductKey>>, form: &mut Form) -> Option<PlannedVerb> {
    let mut sure =
        |field, on, verb| if on { Some(verb) } else { form.note(field, "must be true, or not be given") };
    match change {
        Some(Change::Start(on)) => sure("start", on, PlannedVerb::Start),
        Some(Change::Advance(on)) => sure("advance", on, PlannedVerb::Advance),
        Some(Change::Stop(on)) => sure("stop", on, PlannedVerb::Stop),
        Some(Change::RollBackToWave(to)) => Some(PlannedVerb::RollBack { to: Ordinal(to), products: back? }),
        Some(Change::Update(update)) => form.within("update", |form| Some(planned_update(update, form))),
        Some(Change::UpdateWave(update)) => form.within("update_wave", |form| {
            let ordinal = ordinal(update.ordinal, form);
            let mask = wave_mask(update.update_mask, form);
            let wave =
                form.within("wave", |form| Some(wave_change(update.wave.unwrap_or_default(), &mask, form)));
            Some(PlannedVerb::UpdateWave { ordinal: ordinal?, wave: wave? })
        }),
        Some(Change::AddWave(wave)) => {
            form.within("add_wave", |form| draft(wave, form)).map(PlannedVerb::AddWave)
        }
        None => form.note("change", "must be given, exactly one"),
    }
}

fn planned_update(update: proto::PlannedUpdate, form: &mut Form) -> PlannedVerb {
    let mut change = RolloutChange::default();
    for path in form.mask(update.update_mask) {
        match path.as_str() {
            "products" => change.products = some_products(&update.products, form),
            "holdout" | "holdout_ppm" | "holdout_percent" => {
                let holdout = update.holdout.clone().map(Share::from);
                change.holdout = share::holdout(holdout, update.allow_tiny, form);
            }
            "allow" => change.allow = named("allow", update.allow.clone(), form),
            "deny" => change.deny = named("deny", update.deny.clone(), form),
            unknown => form.unknown_path(unknown),
        }
    }
    PlannedVerb::Update(change)
}

pub(super) fn revisions(message: proto::ListRevisionsRequest, form: &mut Form) -> Option<ListRevisions> {
    let rollout = form.text("rollout", &message.rollout);
    let page = form.page(message.page_size, &message.page_token);
    Some(ListRevisions { rollout: rollout?, page: page? })
}

pub(super) fn diff(message: proto::DiffRevisionsRequest, form: &mut Form) -> Option<DiffRevisions> {
    let rollout = form.text("rollout", &message.rollout);
    let from = revision("from_revision", message.from_revision, form);
    let to = revision("to_revision", message.to_revision, form);
    Some(DiffRevisions { rollout: rollout?, from: from?, to: to? })
}

fn target(rollout: &str, etag: &str, reason: &str, form: &mut Form) -> Option<Target> {
    let rollout = form.text("rollout", rollout);
    let etag = form.etag(etag);
    let reason = form.optional("reason", reason);
    Some(Target { rollout: rollout?, etag: Some(etag?), reason: reason? })
}

fn any_state(rollout: &str, etag: &str, reason: &str, form: &mut Form) -> Option<Target> {
    let rollout = form.text("rollout", rollout);
    let etag = form.optional("etag", etag);
    let reason = form.optional("reason", reason);
    Some(Target { rollout: rollout?, etag: etag?, reason: reason? })
}

fn draft(wave: proto::WaveDraft, form: &mut Form) -> Option<WaveDraft> {
    let title = form.text("title", &wave.title);
    let edge = share::edge(wave.edge.map(Share::from), wave.allow_tiny, form);
    let products = products(&wave.products, form);
    let audience = audience::read(wave.audience, form);
    Some(WaveDraft { title: title?, audience: audience?, edge: edge?, products: products? })
}

/// The fields of a wave that can be changed.
const WAVE_FIELDS: [&str; 6] = ["title", "edge", "edge_ppm", "edge_percent", "products", "audience"];

fn wave_mask(mask: Option<proto::FieldMask>, form: &mut Form) -> Vec<String> {
    let mask = form.mask(mask);
    for unknown in mask.iter().filter(|path| !WAVE_FIELDS.contains(&path.as_str())) {
        form.unknown_path(unknown);
    }
    mask
}

/// The fields of the wave that the mask names.
fn wave_change(wave: proto::WaveDraft, mask: &[String], form: &mut Form) -> WaveChange {
    let mut change = WaveChange::default();
    for path in mask {
        match path.as_str() {
            "title" => change.title = form.text("title", &wave.title),
            "edge" | "edge_ppm" | "edge_percent" => {
                change.edge = share::edge(wave.edge.clone().map(Share::from), wave.allow_tiny, form);
            }
            "products" => change.products = products(&wave.products, form),
            "audience" => change.audience = audience::read(wave.audience.clone(), form),
            // Told by `wave_mask`, which knows where the mask is.
            _ => {}
        }
    }
    change
}

fn ordinal(number: u32, form: &mut Form) -> Option<Ordinal> {
    if number == 0 { form.note("ordinal", "must be a wave's place, from 1") } else { Some(Ordinal(number)) }
}

fn revision(field: &str, number: i64, form: &mut Form) -> Option<Revision> {
    if number < 1 { form.note(field, "must be a revision, from 1") } else { Some(Revision(number)) }
}

fn unit(wire: proto::RolloutUnit) -> Option<Unit> {
    match wire {
        proto::RolloutUnit::Account => Some(Unit::Account),
        proto::RolloutUnit::Customer => Some(Unit::Customer),
        proto::RolloutUnit::Unspecified => None,
    }
}

/// Absent: no account.
fn named(field: &str, wire: Option<proto::NamedAccounts>, form: &mut Form) -> Option<NamedDraft> {
    let wire = wire.unwrap_or_default();
    form.within(field, |form| {
        if wire.accounts.len() + wire.customers.len() > MAX_NAMED {
            return form.note("accounts", format!("must be at most {MAX_NAMED}, customers included"));
        }
        let mut accounts = Vec::new();
        for (place, account) in wire.accounts.iter().enumerate() {
            accounts.push(form.account(&format!("accounts[{place}]"), account));
        }
        let accounts: Option<Vec<_>> = accounts.into_iter().collect();
        let customers = form.texts("customers", &wire.customers);
        Some(NamedDraft { accounts: accounts?, customers: customers? })
    })
}

fn some_products(keys: &[String], form: &mut Form) -> Option<Vec<ProductKey>> {
    if keys.is_empty() {
        return form.note("products", "must name at least one");
    }
    products(keys, form)
}

fn products(keys: &[String], form: &mut Form) -> Option<Vec<ProductKey>> {
    products_in("products", keys, form)
}

/// Drops duplicates, and keeps the order.
fn products_in(field: &str, keys: &[String], form: &mut Form) -> Option<Vec<ProductKey>> {
    if keys.len() > MAX_PRODUCTS {
        return form.note(field, format!("must be at most {MAX_PRODUCTS}"));
    }
    let mut products: Vec<ProductKey> = Vec::new();
    for key in form.texts::<ProductKey>(field, keys)? {
        if !products.contains(&key) {
            products.push(key);
        }
    }
    Some(products)
}
