//! Pauses a rollout: nothing advances, and accounts that are reached stay reached.

use tidegate_core::{Fact, Permission, Rollout};
use tidegate_rollout::lifecycle::{self, Did};

use crate::{Command, CommandContext, Error};

use super::change::{Target, transition};

#[derive(Debug)]
pub struct PauseRollout {
    pub target: Target,
}

impl Command for PauseRollout {
    const NAME: &'static str = "pause_rollout";
    const PERMISSION: Permission = Permission::RolloutsManage;
    type Outcome = Rollout;

    async fn run(self, cx: &CommandContext) -> Result<Rollout, Error> {
        transition(cx, &self.target, |rollout| {
            let did = lifecycle::pause(rollout, cx.now())?;
            let paused = Fact::RolloutPaused { rollout: rollout.key.clone(), revision: rollout.revision };
            Ok((did == Did::Change).then_some(paused))
        })
        .await
    }
}
