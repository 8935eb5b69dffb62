//! `RolloutService`.

mod audience;
mod parse;
mod preview;
mod render;
mod share;

use crate::stream::Pulled;

crate::door::handlers! { RolloutService in rollout_service_server {
    act create_rollout(CreateRolloutRequest) -> CreateRolloutResponse = parse::create, render::created;
    ask get_rollout(GetRolloutRequest) -> GetRolloutResponse = parse::get, render::got;
    ask list_rollouts(ListRolloutsRequest) -> ListRolloutsResponse = parse::list, render::listed;
    act update_rollout(UpdateRolloutRequest) -> UpdateRolloutResponse = parse::update, render::updated;
    act add_wave(AddWaveRequest) -> AddWaveResponse = parse::add_wave, render::added;
    act update_wave(UpdateWaveRequest) -> UpdateWaveResponse = parse::update_wave, render::wave_updated;
    act remove_wave(RemoveWaveRequest) -> RemoveWaveResponse = parse::remove_wave, render::wave_removed;
    act start_rollout(StartRolloutRequest) -> StartRolloutResponse = parse::start, render::started;
    act advance_rollout(AdvanceRolloutRequest) -> AdvanceRolloutResponse = parse::advance, render::advanced;
    act pause_rollout(PauseRolloutRequest) -> PauseRolloutResponse = parse::pause, render::paused;
    act resume_rollout(ResumeRolloutRequest) -> ResumeRolloutResponse = parse::resume, render::resumed;
    act roll_back_rollout(RollBackRolloutRequest) -> RollBackRolloutResponse = parse::roll_back, render::rolled_back;
    act stop_rollout(StopRolloutRequest) -> StopRolloutResponse = parse::stop, render::stopped;
    act clear_stop(ClearStopRequest) -> ClearStopResponse = parse::clear_stop, render::cleared;
    act archive_rollout(ArchiveRolloutRequest) -> ArchiveRolloutResponse = parse::archive, render::archived;
    act unarchive_rollout(UnarchiveRolloutRequest) -> UnarchiveRolloutResponse = parse::unarchive, render::unarchived;
    ask get_stats(GetStatsRequest) -> GetStatsResponse = parse::stats, render::stats;
    ask list_reached(ListReachedRequest) -> ListReachedResponse = parse::reached, render::reached;
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
    }
} }
