//! Starts the first wave.

use tidegate_core::{Fact, Permission, Rollout};
use tidegate_rollout::lifecycle;

use crate::{Command, CommandContext, Error};

use super::change::{Target, transition};

#[derive(Debug)]
pub struct StartRollout {
    pub target: Target,
}

impl Command for StartRollout {
    const NAME: &'static str = "start_rollout";
    const PERMISSION: Permission = Permission::RolloutsManage;
    type Outcome = Rollout;

    async fn run(self, cx: &CommandContext) -> Result<Rollout, Error> {
        transition(cx, &self.target, |rollout| {
            let wave = lifecycle::start(rollout, cx.now())?;
            Ok(Some(Fact::WaveStarted { rollout: rollout.key.clone(), revision: rollout.revision, wave }))
        })
        .await
    }
}
