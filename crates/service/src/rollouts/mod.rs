//! Rollouts. Every verb writes a whole new revision, and none touches a factor (INV-42).

mod add_wave;
mod advance;
mod api_json;
mod archive;
mod change;
mod clear_stop;
mod create;
mod dates;
pub(crate) mod demands;
mod diff;
mod fold;
mod foreseen;
mod get;
mod group;
mod list;
mod names;
mod pause;
mod people;
mod planned;
mod preview;
mod reached;
mod remove_wave;
mod resume;
mod revert;
mod revisions;
mod roll_back;
pub(crate) mod scan;
mod scheduler;
mod set_ladder;
mod size;
mod start;
mod stats;
mod stop;
mod unarchive;
mod update;
mod update_wave;
mod watch;

pub use add_wave::{AddWave, MAX_WAVES};
pub use advance::AdvanceRollout;
pub use archive::ArchiveRollout;
pub use change::Target;
pub use clear_stop::ClearStop;
pub use create::{CreateRollout, WaveDraft};
pub use diff::{DiffRevisions, Difference, api_fields};
pub use fold::FunnelWorker;
pub use foreseen::{LadderConflict, ProductPreview};
pub use get::{GetRollout, RolloutView};
pub use group::Group;
pub use list::{Archived, ListRollouts};
pub use names::NamedDraft;
pub use pause::PauseRollout;
pub use people::{MethodCounts, RuleCounts};
pub use planned::{Edit, Edits, PlannedChange, PlannedVerb};
pub use preview::{
    LaterInstants, MAX_INSTANTS, MAX_SAMPLE, Preview, PreviewExtent, PreviewProgress, PreviewRequest,
    PreviewRollout, Previewed,
};
pub use reached::{ListReached, ReachedAccount};
pub use remove_wave::RemoveWave;
pub use resume::ResumeRollout;
pub use revert::RevertRollout;
pub use revisions::{Author, AuthoredRevision, ListRevisions};
pub use roll_back::RollBackRollout;
pub use scheduler::{Scheduler, StartDueWaves};
pub use set_ladder::{LadderDraft, MAX_RULES, PhaseDraft, PhaseStart, SetLadder};
pub use start::StartRollout;
pub use stats::{FunnelRange, GetStats, Hours, ProductStats, Reached, Stats, WaveProductStats, WaveStats};
pub use stop::StopRollout;
pub use tidegate_rollout::schedule::{GateStanding, Waiting};
pub use tidegate_store::{
    rollout_hours::{FunnelSum, HourSum},
    rollouts::Revised,
};
pub use watch::{Due, MAX_WATCHERS, RolloutSnapshot, WatchRollout, Watched, Watching};

pub use tidegate_rollout::method_move::MAX_SNOOZE;
pub use tidegate_rollout::{Warning, warnings};
pub use unarchive::UnarchiveRollout;
pub use update::{RolloutChange, UpdateRollout};
pub use update_wave::{UpdateWave, WaveChange};

crate::idempotency::outcomes!(tidegate_core::Rollout);
