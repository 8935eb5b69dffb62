//! Starts the next wave. Accounts that are reached stay reached.

use tidegate_core::{Fact, Permission, Rollout};
use tidegate_rollout::lifecycle;

use crate::{Command, CommandContext, Error};

use super::change::{Target, transition};

#[derive(Debug)]
pub struct AdvanceRollout {
    pub target: Target,
}

impl Command for AdvanceRollout {
    const NAME: &'static str = "advance_rollout";
    const PERMISSION: Permission = Permission::RolloutsManage;
    type Outcome = Rollout;

    async fn run(self, cx: &CommandContext) -> Result<Rollout, Error> {
        transition(cx, &self.target, |rollout| {
            let wave = lifecycle::advance(rollout, cx.now())?;
            Ok(Some(Fact::WaveStarted { rollout: rollout.key.clone(), revision: rollout.revision, wave }))
        })
        .await
    }
}
