//! Reads the newest revision of one rollout.

use tidegate_core::{Permission, Refusal, Rollout, RolloutKey};
use tidegate_store::rollouts;

use crate::{Error, Query, QueryContext};

#[derive(Debug)]
pub struct GetRollout {
    pub rollout: RolloutKey,
}

impl Query for GetRollout {
    const NAME: &'static str = "get_rollout";
    const PERMISSION: Permission = Permission::RolloutsRead;
    type Outcome = Rollout;

    async fn run(self, cx: &QueryContext) -> Result<Rollout, Error> {
        Ok(rollouts::find(&mut cx.view(), &self.rollout).await?.ok_or(Refusal::RolloutNotFound)?)
    }
}
