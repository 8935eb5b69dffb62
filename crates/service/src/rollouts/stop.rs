//! Stops a rollout at once: no further account is reached until two persons clear the stop.

use tidegate_core::{Fact, Permission, Rollout};
use tidegate_rollout::lifecycle::{self, Did};

use crate::{Command, CommandContext, Error, Fault};

use super::change::{Target, transition};

#[derive(Debug)]
pub struct StopRollout {
    pub target: Target,
}

impl Command for StopRollout {
    const NAME: &'static str = "stop_rollout";
    const PERMISSION: Permission = Permission::RolloutsManage;
    type Outcome = Rollout;

    async fn run(self, cx: &CommandContext) -> Result<Rollout, Error> {
        let by = cx.agent().signature().ok_or(Fault::Dangling("the agent's name"))?;
        transition(cx, &self.target, |rollout| {
            let reason = self.target.reason.clone();
            let did = lifecycle::stop(rollout, by, reason, cx.now());
            let stopped = Fact::RolloutStopped { rollout: rollout.key.clone(), revision: rollout.revision };
            Ok((did == Did::Change).then_some(stopped))
        })
        .await
    }
}
