//! Rollouts. Every verb makes a whole new revision, and none touches a factor (INV-42).

mod add_wave;
mod advance;
mod change;
mod create;
mod get;
mod list;
mod start;

pub use add_wave::AddWave;
pub use advance::AdvanceRollout;
pub use create::{CreateRollout, WaveDraft};
pub use get::GetRollout;
pub use list::ListRollouts;
pub use start::StartRollout;

crate::once::outcomes!(tidegate_core::Rollout);
