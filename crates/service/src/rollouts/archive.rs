//! Ends a rollout without a started wave. No account loses anything, because the rollout reaches none then (INV-42).

use tidegate_core::{Fact, Permission, Rollout};
use tidegate_rollout::lifecycle::{self, Did};

use crate::{Command, CommandContext, Error};

use super::change::{Target, change_even_archived, refusal};

#[derive(Debug)]
pub struct ArchiveRollout {
    pub target: Target,
}

impl Command for ArchiveRollout {
    const NAME: &'static str = "archive_rollout";
    const PERMISSION: Permission = Permission::RolloutsManage;
    type Outcome = Rollout;

    async fn run(self, cx: &CommandContext) -> Result<Rollout, Error> {
        let now = cx.now();
        change_even_archived(cx, &self.target, async |_, rollout| {
            let did = lifecycle::archive(rollout, now).map_err(refusal)?;
            let (key, revision) = (rollout.key.clone(), rollout.revision);
            Ok((did == Did::Change).then_some(Fact::RolloutArchived { rollout: key, revision }))
        })
        .await
    }
}
