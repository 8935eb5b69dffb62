//! Rollouts. Every verb writes a whole new revision, and none touches a factor (INV-42).

mod add_wave;
mod advance;
mod archive;
mod change;
mod clear_stop;
mod create;
mod diff;
mod get;
mod list;
mod names;
mod pause;
mod planned;
mod preview;
mod reached;
mod remove_wave;
mod resume;
mod revert;
mod revisions;
mod roll_back;
mod scan;
mod start;
mod stats;
mod stop;
mod unarchive;
mod update;
mod update_wave;

pub use add_wave::{AddWave, MAX_WAVES};
pub use advance::AdvanceRollout;
pub use archive::ArchiveRollout;
pub use change::Target;
pub use clear_stop::ClearStop;
pub use create::{CreateRollout, WaveDraft};
pub use diff::{DiffRevisions, Difference, api_fields};
pub use get::GetRollout;
pub use list::{Archived, ListRollouts};
pub use names::NamedDraft;
pub use pause::PauseRollout;
pub use planned::{PlannedChange, PlannedVerb};
pub use preview::{
    Group, MAX_SAMPLE, Preview, PreviewProgress, PreviewRequest, PreviewRollout, Previewed, ProductPreview,
};
pub use reached::{ListReached, ReachedAccount};
pub use remove_wave::RemoveWave;
pub use resume::ResumeRollout;
pub use revert::RevertRollout;
pub use revisions::ListRevisions;
pub use roll_back::RollBackRollout;
pub use start::StartRollout;
pub use stats::{GetStats, ProductStats, Reached, Stats, WaveStats};
pub use stop::StopRollout;
pub use tidegate_rollout::{Warning, warnings};
pub use tidegate_store::rollouts::Revised;
pub use unarchive::UnarchiveRollout;
pub use update::{RolloutChange, UpdateRollout};
pub use update_wave::{UpdateWave, WaveChange};

crate::idempotency::outcomes!(tidegate_core::Rollout);
