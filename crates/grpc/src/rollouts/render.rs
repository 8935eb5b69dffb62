use tidegate_core::{Named, Ordinal, ProductKey, Rollout, RolloutState, Stop, Unit, Wave, WaveState};
use tidegate_proto as proto;
use tidegate_service::{
    Page,
    rollouts::{
        Author, AuthoredRevision, Difference, ReachedAccount, Revised, RolloutView, Warning, warnings,
    },
};

use super::{audience::audience, ladder, method_move, schedule};
use crate::{
    local_time::local_time,
    render::{duration, page_token, timestamp},
};

/// The responses that contain only the rollout.
macro_rules! answers {
    ($($render:ident -> $response:ident;)+) => {
        $(pub(super) fn $render(rollout: Rollout) -> proto::$response {
            proto::$response { rollout: Some(self::rollout(rollout)) }
        })+
    };
}
answers! {
    wave_removed -> RemoveWaveResponse;
    ladder_set -> SetLadderResponse;
    started -> StartRolloutResponse;
    advanced -> AdvanceRolloutResponse;
    paused -> PauseRolloutResponse;
    resumed -> ResumeRolloutResponse;
    rolled_back -> RollBackRolloutResponse;
    stopped -> StopRolloutResponse;
    reverted -> RevertRolloutResponse;
    archived -> ArchiveRolloutResponse;
    unarchived -> UnarchiveRolloutResponse;
}

/// The responses that also say what may not be meant.
macro_rules! warning_answers {
    ($($render:ident -> $response:ident;)+) => {
        $(pub(super) fn $render(rollout: Rollout) -> proto::$response {
            let warnings = warned(warnings(&rollout));
            proto::$response { rollout: Some(self::rollout(rollout)), warnings }
        })+
    };
}
warning_answers! {
    created -> CreateRolloutResponse;
    updated -> UpdateRolloutResponse;
    added -> AddWaveResponse;
    wave_updated -> UpdateWaveResponse;
}

pub(super) fn warned(warnings: Vec<Warning>) -> Vec<proto::RolloutWarning> {
    let warning = |Warning { field, message }| proto::RolloutWarning { field, message };
    warnings.into_iter().map(warning).collect()
}

pub(super) fn got(view: RolloutView) -> proto::GetRolloutResponse {
    let (next, waits) = view.next.unwrap_or((Ordinal(0), Vec::new()));
    proto::GetRolloutResponse {
        next_wave: next.0,
        warnings: warned(warnings(&view.rollout)),
        rollout: Some(rollout(view.rollout)),
        waiting_for: waits.into_iter().map(schedule::waiting_for).collect(),
    }
}

pub(super) fn cleared(rollout: Rollout) -> proto::ClearStopResponse {
    proto::ClearStopResponse { cleared: rollout.stop.is_none(), rollout: Some(self::rollout(rollout)) }
}

pub(super) fn listed(page: Page<Rollout>) -> proto::ListRolloutsResponse {
    let rollouts = page.items.into_iter().map(rollout).collect();
    proto::ListRolloutsResponse { rollouts, next_page_token: page_token(page.next) }
}

pub(super) fn revisions(page: Page<AuthoredRevision>) -> proto::ListRevisionsResponse {
    let revisions = page.items.into_iter().map(|one| revision(one.revised, one.author)).collect();
    proto::ListRevisionsResponse { revisions, next_page_token: page_token(page.next) }
}

pub(super) fn revision(revised: Revised, author: Author) -> proto::RolloutRevision {
    proto::RolloutRevision {
        rollout: Some(rollout(revised.rollout)),
        author: revised.by.author.to_string(),
        reason: revised.by.reason.map(String::from).unwrap_or_default(),
        revise_time: Some(timestamp(revised.at)),
        author_name: author.0.unwrap_or_default(),
    }
}

pub(super) fn differences(differences: Vec<Difference>) -> proto::DiffRevisionsResponse {
    let difference = |one: Difference| proto::RevisionDifference {
        field: one.field,
        before: one.before.unwrap_or_default(),
        after: one.after.unwrap_or_default(),
    };
    proto::DiffRevisionsResponse { differences: differences.into_iter().map(difference).collect() }
}

pub(super) fn reached(page: Page<ReachedAccount>) -> proto::ListReachedResponse {
    let account = |reached: ReachedAccount| proto::ReachedAccount {
        account_id: reached.account.to_string(),
        external_id: reached.external_id.map(String::from).unwrap_or_default(),
        wave: reached.wave.map_or(0, |wave| wave.0),
        first_show_time: reached.shown_at.map(timestamp),
        active_time: reached.active_since.map(timestamp),
    };
    let accounts = page.items.into_iter().map(account).collect();
    proto::ListReachedResponse { accounts, next_page_token: page_token(page.next) }
}

fn rollout(rollout: Rollout) -> proto::Rollout {
    let state = match rollout.state() {
        RolloutState::Draft => proto::RolloutState::Draft,
        RolloutState::Live => proto::RolloutState::Live,
        RolloutState::Paused => proto::RolloutState::Paused,
        RolloutState::Stopped => proto::RolloutState::Stopped,
        RolloutState::RolledBack => proto::RolloutState::RolledBack,
        RolloutState::Ended => proto::RolloutState::Ended,
    };
    let unit = match rollout.unit {
        Unit::Account => proto::RolloutUnit::Account,
        Unit::Customer => proto::RolloutUnit::Customer,
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
        unit: unit.into(),
        holdout_ppm: rollout.holdout.ppm(),
        allow: named(rollout.allow),
        deny: named(rollout.deny),
        pause_time: rollout.paused_at.map(timestamp),
        stop: rollout.stop.map(stop),
        method: rollout.method.map(method_move::rendered),
        ladder: rollout.ladder.into_iter().map(ladder::rendered).collect(),
        advance_window: rollout.advance_window.map(schedule::render_window),
        holdout_percent: rollout.holdout.percent(),
        archive_time: rollout.archived_at.map(timestamp),
    }
}

fn stop(stop: Stop) -> proto::RolloutStop {
    proto::RolloutStop {
        stop_time: Some(timestamp(stop.since)),
        holder: stop.by.name.into(),
        reason: stop.reason.map(String::from).unwrap_or_default(),
        clear_holder: stop.cleared_by.map(|by| by.name.into()).unwrap_or_default(),
    }
}

/// Absent when there is none.
fn named(named: Named) -> Option<proto::NamedAccounts> {
    (!named.is_empty()).then(|| proto::NamedAccounts {
        accounts: named.account_names().collect(),
        customers: named.customers.into_iter().map(String::from).collect(),
    })
}

fn wave(wave: Wave) -> proto::Wave {
    let state = match wave.state {
        WaveState::Draft if wave.planned_start.is_some() => proto::WaveState::Scheduled,
        WaveState::Draft => proto::WaveState::Draft,
        WaveState::Live => proto::WaveState::Live,
        WaveState::Done => proto::WaveState::Done,
        WaveState::RolledBack => proto::WaveState::RolledBack,
    };
    proto::Wave {
        ordinal: wave.ordinal.0,
        title: wave.title.into(),
        edge_ppm: wave.edge.ppm(),
        products: keys(wave.products),
        state: state.into(),
        start_time: wave.started_at.map(timestamp),
        audience: wave.audience.map(audience),
        planned_start: wave.planned_start.map(local_time),
        soak: wave.soak.map(duration),
        gates: wave.gates.into_iter().map(schedule::render_gate).collect(),
        edge_percent: wave.edge.percent(),
        rolled_back_products: wave.taken_back.into_iter().map(String::from).collect(),
    }
}

pub(super) fn keys(products: Vec<ProductKey>) -> Vec<String> {
    products.into_iter().map(String::from).collect()
}
