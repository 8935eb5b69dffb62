//! Stops a rollout at once: nobody new is reached until two persons clear it.

use tidegate_core::{Fact, Permission, Rollout};
use tidegate_rollout::life::{self, Did};

use crate::{Command, Error, Pen};

use super::change::{Target, turn};

#[derive(Debug)]
pub struct StopRollout {
    pub target: Target,
}

impl Command for StopRollout {
    const NAME: &'static str = "stop_rollout";
    const PERMISSION: Permission = Permission::RolloutsManage;
    type Outcome = Rollout;

    async fn run(self, pen: &Pen) -> Result<Rollout, Error> {
        turn(pen, &self.target, |rollout| {
            let (by, reason) = (pen.caller.holder.clone(), self.target.reason.clone());
            let did = life::stop(rollout, by, reason, pen.now());
            let stopped = Fact::RolloutStopped { rollout: rollout.key.clone(), revision: rollout.revision };
            Ok((did == Did::Change).then_some(stopped))
        })
        .await
    }
}
