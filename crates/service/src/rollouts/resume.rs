//! Ends a pause.

use tidegate_core::{Fact, Permission, Rollout};
use tidegate_rollout::lifecycle;

use crate::{Command, CommandContext, Error};

use super::change::{Target, transition};

#[derive(Debug)]
pub struct ResumeRollout {
    pub target: Target,
}

impl Command for ResumeRollout {
    const NAME: &'static str = "resume_rollout";
    const PERMISSION: Permission = Permission::RolloutsManage;
    type Outcome = Rollout;

    async fn run(self, cx: &CommandContext) -> Result<Rollout, Error> {
        let now = cx.now();
        transition(cx, &self.target, |rollout| {
            lifecycle::resume(rollout, now)?;
            Ok(Some(Fact::RolloutResumed { rollout: rollout.key.clone(), revision: rollout.revision }))
        })
        .await
    }
}
