//! Reads one rollout as it stands.

use tidegate_core::{Permission, Refusal, Rollout, RolloutKey};
use tidegate_store::rollouts;

use crate::{Desk, Error, Query};

#[derive(Debug)]
pub struct GetRollout {
    pub rollout: RolloutKey,
}

impl Query for GetRollout {
    const NAME: &'static str = "get_rollout";
    const PERMISSION: Permission = Permission::RolloutsRead;
    type Outcome = Rollout;

    async fn run(self, desk: &Desk) -> Result<Rollout, Error> {
        Ok(rollouts::find(&mut desk.view(), &self.rollout).await?.ok_or(Refusal::RolloutNotFound)?)
    }
}
