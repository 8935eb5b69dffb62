use tidegate_core::{Edge, ProductKey};
use tidegate_proto as proto;
use tidegate_service::rollouts::{
    AddWave, AdvanceRollout, CreateRollout, GetRollout, ListRollouts, StartRollout, WaveDraft,
};

use crate::form::Form;

const MOST_WAVES: usize = 100;
const MOST_PRODUCTS: usize = 100;

pub(super) fn create(message: proto::CreateRolloutRequest, form: &mut Form) -> Option<CreateRollout> {
    let key = form.text("key", &message.key);
    let title = form.text("title", &message.title);
    let products = products(&message.products, form);
    if message.products.is_empty() {
        form.note::<()>("products", "must name at least one");
    }
    if message.waves.len() > MOST_WAVES {
        form.note::<()>("waves", format!("must be at most {MOST_WAVES}"));
    }
    let mut waves = Vec::new();
    for (place, wave) in message.waves.into_iter().enumerate().take(MOST_WAVES) {
        waves.push(form.within(&format!("waves[{place}]"), |form| draft(wave, form)));
    }
    let waves: Option<Vec<_>> = waves.into_iter().collect();
    let reason = form.optional("reason", &message.reason);
    Some(CreateRollout { key: key?, title: title?, products: products?, waves: waves?, reason: reason? })
}

pub(super) fn get(message: proto::GetRolloutRequest, form: &mut Form) -> Option<GetRollout> {
    Some(GetRollout { rollout: form.text("rollout", &message.rollout)? })
}

pub(super) fn list(message: proto::ListRolloutsRequest, form: &mut Form) -> Option<ListRollouts> {
    Some(ListRollouts { page: form.page(message.page_size, &message.page_token)? })
}

pub(super) fn add_wave(message: proto::AddWaveRequest, form: &mut Form) -> Option<AddWave> {
    let rollout = form.text("rollout", &message.rollout);
    let etag = form.etag(&message.etag);
    let wave = form.within("wave", |form| draft(message.wave.unwrap_or_default(), form));
    let reason = form.optional("reason", &message.reason);
    Some(AddWave { rollout: rollout?, etag: etag?, reason: reason?, wave: wave? })
}

pub(super) fn start(message: proto::StartRolloutRequest, form: &mut Form) -> Option<StartRollout> {
    let rollout = form.text("rollout", &message.rollout);
    let etag = form.etag(&message.etag);
    let reason = form.optional("reason", &message.reason);
    Some(StartRollout { rollout: rollout?, etag: etag?, reason: reason? })
}

pub(super) fn advance(message: proto::AdvanceRolloutRequest, form: &mut Form) -> Option<AdvanceRollout> {
    let rollout = form.text("rollout", &message.rollout);
    let etag = form.etag(&message.etag);
    let reason = form.optional("reason", &message.reason);
    Some(AdvanceRollout { rollout: rollout?, etag: etag?, reason: reason? })
}

fn draft(wave: proto::WaveDraft, form: &mut Form) -> Option<WaveDraft> {
    let title = form.text("title", &wave.title);
    let edge = match Edge::try_from(wave.edge_ppm) {
        Ok(edge) => Some(edge),
        Err(error) => form.note("edge_ppm", error),
    };
    let products = products(&wave.products, form);
    Some(WaveDraft { title: title?, edge: edge?, products: products? })
}

/// Each once, in the order given.
fn products(keys: &[String], form: &mut Form) -> Option<Vec<ProductKey>> {
    if keys.len() > MOST_PRODUCTS {
        return form.note("products", format!("must be at most {MOST_PRODUCTS}"));
    }
    let mut products: Vec<ProductKey> = Vec::new();
    for key in form.texts::<ProductKey>("products", keys)? {
        if !products.contains(&key) {
            products.push(key);
        }
    }
    Some(products)
}
