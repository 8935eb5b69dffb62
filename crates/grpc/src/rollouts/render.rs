use tidegate_core::{ProductKey, Rollout, RolloutState, Wave, WaveState};
use tidegate_proto as proto;
use tidegate_service::Page;

use crate::render::{page_token, timestamp};

pub(super) fn created(rollout: Rollout) -> proto::CreateRolloutResponse {
    proto::CreateRolloutResponse { rollout: Some(self::rollout(rollout)) }
}

pub(super) fn got(rollout: Rollout) -> proto::GetRolloutResponse {
    proto::GetRolloutResponse { rollout: Some(self::rollout(rollout)) }
}

pub(super) fn added(rollout: Rollout) -> proto::AddWaveResponse {
    proto::AddWaveResponse { rollout: Some(self::rollout(rollout)) }
}

pub(super) fn started(rollout: Rollout) -> proto::StartRolloutResponse {
    proto::StartRolloutResponse { rollout: Some(self::rollout(rollout)) }
}

pub(super) fn advanced(rollout: Rollout) -> proto::AdvanceRolloutResponse {
    proto::AdvanceRolloutResponse { rollout: Some(self::rollout(rollout)) }
}

pub(super) fn listed(page: Page<Rollout>) -> proto::ListRolloutsResponse {
    let rollouts = page.items.into_iter().map(rollout).collect();
    proto::ListRolloutsResponse { rollouts, next_page_token: page_token(page.next) }
}

fn rollout(rollout: Rollout) -> proto::Rollout {
    let state = match rollout.state() {
        RolloutState::Draft => proto::RolloutState::Draft,
        RolloutState::Live => proto::RolloutState::Live,
    };
    proto::Rollout {
        key: rollout.key.into(),
        title: rollout.title.into(),
        products: keys(rollout.products),
        salt: rollout.salt.0.to_vec(),
        state: state.into(),
        waves: rollout.waves.into_iter().map(wave).collect(),
        etag: rollout.revision.to_string(),
        revision: rollout.revision.0,
        create_time: Some(timestamp(rollout.created_at)),
        update_time: Some(timestamp(rollout.updated_at)),
    }
}

fn wave(wave: Wave) -> proto::Wave {
    let state = match wave.state {
        WaveState::Draft => proto::WaveState::Draft,
        WaveState::Live => proto::WaveState::Live,
        WaveState::Done => proto::WaveState::Done,
    };
    proto::Wave {
        ordinal: wave.ordinal.0,
        title: wave.title.into(),
        edge_ppm: wave.edge.ppm(),
        products: keys(wave.products),
        state: state.into(),
        start_time: wave.started_at.map(timestamp),
    }
}

fn keys(products: Vec<ProductKey>) -> Vec<String> {
    products.into_iter().map(String::from).collect()
}
