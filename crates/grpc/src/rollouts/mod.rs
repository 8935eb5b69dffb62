//! `RolloutService`.

mod parse;
mod render;

crate::door::handlers! { RolloutService in rollout_service_server {
    act create_rollout(CreateRolloutRequest) -> CreateRolloutResponse = parse::create, render::created;
    ask get_rollout(GetRolloutRequest) -> GetRolloutResponse = parse::get, render::got;
    ask list_rollouts(ListRolloutsRequest) -> ListRolloutsResponse = parse::list, render::listed;
    act add_wave(AddWaveRequest) -> AddWaveResponse = parse::add_wave, render::added;
    act start_rollout(StartRolloutRequest) -> StartRolloutResponse = parse::start, render::started;
    act advance_rollout(AdvanceRolloutRequest) -> AdvanceRolloutResponse = parse::advance, render::advanced;
} }
