//! Brings an archived rollout back, as it was.

use tidegate_core::{Fact, Permission, Rollout};
use tidegate_rollout::lifecycle;

use crate::{Command, CommandContext, Error};

use super::change::{Target, change_even_archived, refusal};

#[derive(Debug)]
pub struct UnarchiveRollout {
    pub target: Target,
}

impl Command for UnarchiveRollout {
    const NAME: &'static str = "unarchive_rollout";
    const PERMISSION: Permission = Permission::RolloutsManage;
    type Outcome = Rollout;

    async fn run(self, cx: &CommandContext) -> Result<Rollout, Error> {
        change_even_archived(cx, &self.target, async |_, rollout| {
            lifecycle::unarchive(rollout).map_err(refusal)?;
            let (key, revision) = (rollout.key.clone(), rollout.revision);
            Ok(Some(Fact::RolloutUnarchived { rollout: key, revision }))
        })
        .await
    }
}
