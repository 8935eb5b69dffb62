use tidegate_core::{Named, ProductKey, Rollout, RolloutState, Stop, Unit, Wave, WaveState};
use tidegate_proto::{self as proto, preview_rollout_response::Part};
use tidegate_service::{
    Page,
    rollouts::{
        Difference, Group, Preview, PreviewProgress, ReachedAccount, Revised, Stats, Warning, warnings,
    },
};

use super::audience::audience;
use crate::render::{page_token, timestamp};

/// The responses that contain only the rollout.
macro_rules! answers {
    ($($render:ident -> $response:ident;)+) => {
        $(pub(super) fn $render(rollout: Rollout) -> proto::$response {
            proto::$response { rollout: Some(self::rollout(rollout)) }
        })+
    };
}
answers! {
    got -> GetRolloutResponse;
    updated -> UpdateRolloutResponse;
    wave_removed -> RemoveWaveResponse;
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
    added -> AddWaveResponse;
    wave_updated -> UpdateWaveResponse;
}

fn warned(warnings: Vec<Warning>) -> Vec<proto::RolloutWarning> {
    let warning = |Warning { field, message }| proto::RolloutWarning { field, message };
    warnings.into_iter().map(warning).collect()
}

pub(super) fn cleared(rollout: Rollout) -> proto::ClearStopResponse {
    proto::ClearStopResponse { cleared: rollout.stop.is_none(), rollout: Some(self::rollout(rollout)) }
}

pub(super) fn listed(page: Page<Rollout>) -> proto::ListRolloutsResponse {
    let rollouts = page.items.into_iter().map(rollout).collect();
    proto::ListRolloutsResponse { rollouts, next_page_token: page_token(page.next) }
}

pub(super) fn revisions(page: Page<Revised>) -> proto::ListRevisionsResponse {
    let revision = |revised: Revised| proto::RolloutRevision {
        rollout: Some(rollout(revised.rollout)),
        author: revised.by.author.to_string(),
        reason: revised.by.reason.map(String::from).unwrap_or_default(),
        revise_time: Some(timestamp(revised.at)),
    };
    let revisions = page.items.into_iter().map(revision).collect();
    proto::ListRevisionsResponse { revisions, next_page_token: page_token(page.next) }
}

pub(super) fn differences(differences: Vec<Difference>) -> proto::DiffRevisionsResponse {
    let difference = |one: Difference| proto::RevisionDifference {
        field: one.field,
        before: one.before.unwrap_or_default(),
        after: one.after.unwrap_or_default(),
    };
    proto::DiffRevisionsResponse { differences: differences.into_iter().map(difference).collect() }
}

pub(super) fn stats(stats: Stats) -> proto::GetStatsResponse {
    let products = stats.products.into_iter().map(|(product, counts)| proto::ProductStats {
        product: product.into(),
        reached_count: counts.reached,
        shown_count: counts.shown,
        started_count: counts.started,
        active_count: counts.active,
        on_count: counts.on,
        interest_count: counts.interest,
    });
    let waves = stats.waves.into_iter().map(|(ordinal, counts)| proto::WaveStats {
        ordinal: ordinal.0,
        reached_count: counts.reached,
        shown_count: counts.shown,
    });
    proto::GetStatsResponse {
        products: products.collect(),
        waves: waves.collect(),
        count_time: stats.counted_at.map(timestamp),
        revision: stats.revision.map_or(0, |revision| revision.0),
        account_count: stats.accounts,
    }
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

pub(super) fn progress(progress: PreviewProgress) -> proto::PreviewRolloutResponse {
    let PreviewProgress { seen, total } = progress;
    let progress = proto::PreviewProgress { account_count: seen, total_count: total };
    proto::PreviewRolloutResponse { part: Some(Part::Progress(progress)) }
}

pub(super) fn previewed(preview: Preview) -> proto::PreviewRolloutResponse {
    let account_count = preview.progress().seen;
    let (revision, count_time) = (preview.revision().0, Some(timestamp(preview.counted_at())));
    let warnings = warned(preview.warnings());
    let products = preview.into_products().map(|(product, counts)| proto::ProductPreview {
        product: product.into(),
        before_count: counts.before,
        after_count: counts.after,
        enter: Some(sample(counts.enter)),
        leave: Some(sample(counts.leave)),
        enter_missing: Some(sample(counts.missing)),
    });
    let products = products.collect();
    let result = proto::RolloutPreview { products, account_count, revision, count_time, warnings };
    proto::PreviewRolloutResponse { part: Some(Part::Result(result)) }
}

fn sample(group: Group) -> proto::AccountSample {
    let count = group.count;
    proto::AccountSample { count, account_ids: group.into_sample().iter().map(ToString::to_string).collect() }
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
        edge_percent: wave.edge.percent(),
        rolled_back_products: wave.taken_back.into_iter().map(String::from).collect(),
    }
}

fn keys(products: Vec<ProductKey>) -> Vec<String> {
    products.into_iter().map(String::from).collect()
}
