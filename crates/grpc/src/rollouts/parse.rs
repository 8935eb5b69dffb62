use tidegate_core::{Edge, Method, MethodMove, Ordinal, ProductKey, Revision, Unit, Word as _};
use tidegate_proto as proto;
use tidegate_service::rollouts::{
    AddWave, AdvanceRollout, ArchiveRollout, Archived, ClearStop, CreateRollout, DiffRevisions, FunnelRange,
    GetRollout, GetStats, Hours, ListReached, ListRevisions, ListRollouts, MAX_WAVES, NamedDraft,
    PauseRollout, Reached, RemoveWave, ResumeRollout, RevertRollout, RollBackRollout, RolloutChange,
    SetLadder, StartRollout, StopRollout, Target, UnarchiveRollout, UpdateRollout, UpdateWave, WatchRollout,
    WaveChange, WaveDraft,
};

use super::{
    audience, ladder, method_move, schedule,
    share::{self, Share},
};
use crate::{form::Form, render};

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
    let method = method_move::read(message.method, form);
    if message.waves.len() > MAX_WAVES {
        form.note::<()>("waves", format!("must be at most {MAX_WAVES}"));
    }
    let mut waves = Vec::new();
    for (place, wave) in message.waves.into_iter().enumerate().take(MAX_WAVES) {
        waves.push(form.within_item("waves", place, |form| draft(wave, form)));
    }
    let waves: Option<Vec<_>> = waves.into_iter().collect();
    let advance_window = schedule::window(message.advance_window, form);
    let reason = form.optional("reason", &message.reason);
    Some(CreateRollout {
        key: key?,
        title: title?,
        products: products?,
        unit: unit?,
        holdout: holdout?,
        allow: allow?,
        deny: deny?,
        method: method?,
        waves: waves?,
        advance_window: advance_window?,
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
    let change = rollout_change(message, form);
    Some(UpdateRollout { target: target?, change })
}

/// The fields that the mask names, of a change that is made or previewed.
pub(super) fn rollout_change(message: proto::UpdateRolloutRequest, form: &mut Form) -> RolloutChange {
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
            "method" => change.method = given_method(message.method.clone(), form),
            "advance_window" => {
                change.advance_window = schedule::window(message.advance_window.clone(), form);
            }
            unknown => form.unknown_path(unknown),
        }
    }
    change
}

fn given_method(wire: Option<proto::MethodMove>, form: &mut Form) -> Option<MethodMove> {
    match wire {
        Some(wire) => method_move::read(Some(wire), form)?,
        None => form.note("method", "must be given when the mask names it"),
    }
}

pub(super) fn set_ladder(message: proto::SetLadderRequest, form: &mut Form) -> Option<SetLadder> {
    let target = target(&message.rollout, &message.etag, &message.reason, form);
    let rules = ladder::read(message.rules, form);
    Some(SetLadder { target: target?, rules: rules? })
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
    let rollout = form.text("rollout", &message.rollout);
    let reached = if message.count_reached { Reached::Counted } else { Reached::LeftOut };
    let hours = if message.by_hour { Hours::Listed } else { Hours::LeftOut };
    let times = form.times(("from_time", message.from_time), ("before_time", message.before_time));
    let wave = (message.wave > 0).then_some(Ordinal(message.wave));
    let product = form.optional("product", &message.product);
    let method = match message.method {
        0 => Some(None),
        method => form.word("method", method, known_method).map(Some),
    };
    let (from, before) = times?;
    let funnel = FunnelRange { from, before, wave, product: product?, method: method? };
    Some(GetStats { rollout: rollout?, reached, funnel, hours })
}

fn known_method(wire: proto::Method) -> Option<Method> {
    Method::ALL.iter().copied().find(|method| render::method(*method) == wire)
}

pub(super) fn watch(message: proto::WatchRolloutRequest, form: &mut Form) -> Option<WatchRollout> {
    Some(WatchRollout::Begin { rollout: form.text("rollout", &message.rollout)? })
}

pub(super) fn reached(message: proto::ListReachedRequest, form: &mut Form) -> Option<ListReached> {
    let rollout = form.text("rollout", &message.rollout);
    let product = form.text("product", &message.product);
    let wave = (message.wave > 0).then_some(Ordinal(message.wave));
    let page = form.page(message.page_size, &message.page_token);
    Some(ListReached { rollout: rollout?, product: product?, wave, page: page? })
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

pub(super) fn draft(wave: proto::WaveDraft, form: &mut Form) -> Option<WaveDraft> {
    let title = form.text("title", &wave.title);
    let edge = share::edge(wave.edge.map(Share::from), wave.allow_tiny, form);
    let products = products(&wave.products, form);
    let audience = audience::read(wave.audience, form);
    let planned_start = form.local_time("planned_start", wave.planned_start);
    let soak = schedule::soak(wave.soak, form);
    let gates = schedule::gates(wave.gates, form);
    Some(WaveDraft {
        title: title?,
        audience: audience?,
        edge: edge?,
        products: products?,
        planned_start: planned_start?,
        soak: soak?,
        gates: gates?,
    })
}

/// The fields of a wave that can be changed.
const WAVE_FIELDS: [&str; 9] =
    ["title", "edge", "edge_ppm", "edge_percent", "products", "audience", "planned_start", "soak", "gates"];

pub(super) fn wave_mask(mask: Option<proto::FieldMask>, form: &mut Form) -> Vec<String> {
    let mask = form.mask(mask);
    for unknown in mask.iter().filter(|path| !WAVE_FIELDS.contains(&path.as_str())) {
        form.unknown_path(unknown);
    }
    mask
}

/// The fields of the wave that the mask names.
pub(super) fn wave_change(wave: proto::WaveDraft, mask: &[String], form: &mut Form) -> WaveChange {
    let mut change = WaveChange::default();
    for path in mask {
        match path.as_str() {
            "title" => change.title = form.text("title", &wave.title),
            "edge" | "edge_ppm" | "edge_percent" => {
                change.edge = share::edge(wave.edge.clone().map(Share::from), wave.allow_tiny, form);
            }
            "products" => change.products = products(&wave.products, form),
            "audience" => change.audience = audience::read(wave.audience.clone(), form),
            "planned_start" => {
                change.planned_start = form.local_time("planned_start", wave.planned_start.clone());
            }
            "soak" => change.soak = schedule::soak(wave.soak, form),
            "gates" => change.gates = schedule::gates(wave.gates.clone(), form),
            // Told by `wave_mask`, which knows where the mask is.
            _ => {}
        }
    }
    change
}

pub(super) fn ordinal(number: u32, form: &mut Form) -> Option<Ordinal> {
    if number == 0 { form.note("ordinal", "must be a wave's place, from 1") } else { Some(Ordinal(number)) }
}

pub(super) fn revision(field: &str, number: i64, form: &mut Form) -> Option<Revision> {
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
pub(super) fn named(field: &str, wire: Option<proto::NamedAccounts>, form: &mut Form) -> Option<NamedDraft> {
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

pub(super) fn some_products(keys: &[String], form: &mut Form) -> Option<Vec<ProductKey>> {
    if keys.is_empty() {
        return form.note("products", "must name at least one");
    }
    products(keys, form)
}

pub(super) fn products(keys: &[String], form: &mut Form) -> Option<Vec<ProductKey>> {
    products_in("products", keys, form)
}

/// Drops duplicates, and keeps the order.
pub(super) fn products_in(field: &str, keys: &[String], form: &mut Form) -> Option<Vec<ProductKey>> {
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
