//! `RolloutService`.

mod audience;
mod exemptions;
mod ladder;
mod method_move;
mod numbers;
mod parse;
mod planned;
mod preview;
mod previewed;
mod render;
mod schedule;
mod share;
mod watch;

use crate::stream::Pulled;

crate::door::handlers! { RolloutService in rollout_service_server {
    act create_rollout(CreateRolloutRequest) -> CreateRolloutResponse = parse::create, render::created;
    ask get_rollout(GetRolloutRequest) -> GetRolloutResponse = parse::get, render::got;
    ask list_rollouts(ListRolloutsRequest) -> ListRolloutsResponse = parse::list, render::listed;
    act update_rollout(UpdateRolloutRequest) -> UpdateRolloutResponse = parse::update, render::updated;
    act add_wave(AddWaveRequest) -> AddWaveResponse = parse::add_wave, render::added;
    act update_wave(UpdateWaveRequest) -> UpdateWaveResponse = parse::update_wave, render::wave_updated;
    act remove_wave(RemoveWaveRequest) -> RemoveWaveResponse = parse::remove_wave, render::wave_removed;
    act set_ladder(SetLadderRequest) -> SetLadderResponse = parse::set_ladder, render::ladder_set;
    act start_rollout(StartRolloutRequest) -> StartRolloutResponse = parse::start, render::started;
    act advance_rollout(AdvanceRolloutRequest) -> AdvanceRolloutResponse = parse::advance, render::advanced;
    act pause_rollout(PauseRolloutRequest) -> PauseRolloutResponse = parse::pause, render::paused;
    act resume_rollout(ResumeRolloutRequest) -> ResumeRolloutResponse = parse::resume, render::resumed;
    act roll_back_rollout(RollBackRolloutRequest) -> RollBackRolloutResponse = parse::roll_back, render::rolled_back;
    act stop_rollout(StopRolloutRequest) -> StopRolloutResponse = parse::stop, render::stopped;
    act clear_stop(ClearStopRequest) -> ClearStopResponse = parse::clear_stop, render::cleared;
    ask get_stats(GetStatsRequest) -> GetStatsResponse = parse::stats, numbers::stats;
    act archive_rollout(ArchiveRolloutRequest) -> ArchiveRolloutResponse = parse::archive, render::archived;
    act unarchive_rollout(UnarchiveRolloutRequest) -> UnarchiveRolloutResponse = parse::unarchive, render::unarchived;
    ask list_reached(ListReachedRequest) -> ListReachedResponse = parse::reached, render::reached;
    act exempt(ExemptRequest) -> ExemptResponse = exemptions::exempt, exemptions::exempted;
    act end_exemption(EndExemptionRequest) -> EndExemptionResponse = exemptions::end, exemptions::ended;
    ask list_exemptions(ListExemptionsRequest) -> ListExemptionsResponse = exemptions::list, exemptions::listed;
    act extend_deadline(ExtendDeadlineRequest) -> ExtendDeadlineResponse = exemptions::extend, exemptions::extended;
    ask list_revisions(ListRevisionsRequest) -> ListRevisionsResponse = parse::revisions, render::revisions;
    ask diff_revisions(DiffRevisionsRequest) -> DiffRevisionsResponse = parse::diff, render::differences;
    act revert_rollout(RevertRolloutRequest) -> RevertRolloutResponse = parse::revert, render::reverted;
    + {
        type PreviewRolloutStream = Pulled<preview::PreviewSteps>;
        async fn preview_rollout(
            &self,
            request: tonic::Request<tidegate_proto::PreviewRolloutRequest>,
        ) -> Result<tonic::Response<Pulled<preview::PreviewSteps>>, tonic::Status> {
            preview::begin(self, request).await
        }

        type WatchRolloutStream = Pulled<watch::WatchSteps>;
        async fn watch_rollout(
            &self,
            request: tonic::Request<tidegate_proto::WatchRolloutRequest>,
        ) -> Result<tonic::Response<Pulled<watch::WatchSteps>>, tonic::Status> {
            watch::begin(self, request).await
        }
    }
} }
