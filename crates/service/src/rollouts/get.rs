//! Reads the newest revision of one rollout, and says what its next wave waits for.

use tidegate_core::{Ordinal, Permission, Refusal, Rollout, RolloutKey};
use tidegate_rollout::schedule::{Due, Waiting, due};
use tidegate_store::rollouts;

use super::scheduler::numbers;
use crate::{Error, Query, QueryContext};

#[derive(Debug)]
pub struct GetRollout {
    pub rollout: RolloutKey,
}

/// A rollout as it stands now.
#[derive(Debug)]
pub struct RolloutView {
    pub rollout: Rollout,
    /// The wave that starts next, and all that keeps it from starting by itself. `None`: every wave was started.
    pub next: Option<(Ordinal, Vec<Waiting>)>,
}

impl Query for GetRollout {
    const NAME: &'static str = "get_rollout";
    const PERMISSION: Permission = Permission::RolloutsRead;
    type Outcome = RolloutView;

    async fn run(self, cx: &QueryContext) -> Result<RolloutView, Error> {
        let mut view = cx.view();
        let rollout = rollouts::find(&mut view, &self.rollout).await?.ok_or(Refusal::RolloutNotFound)?;
        let next = match due(&rollout, numbers(&mut view, &rollout).await?, cx.now()) {
            Due::Nothing => None,
            Due::Waiting { wave, waits } => Some((wave, waits)),
            Due::Start(waves) => waves.first().map(|wave| (*wave, Vec::new())),
        };
        Ok(RolloutView { rollout, next })
    }
}
