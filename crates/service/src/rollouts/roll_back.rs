//! Takes waves back. Accounts that enrolled keep factors, settings and challenges (INV-42).

use tidegate_core::{Fact, Ordinal, Permission, Rollout};
use tidegate_rollout::lifecycle;

use crate::{Command, CommandContext, Error};

use super::change::{Target, transition};

#[derive(Debug)]
pub struct RollBackRollout {
    pub target: Target,
    /// The last wave that stays; zero: none stays.
    pub to: Ordinal,
}

impl Command for RollBackRollout {
    const NAME: &'static str = "roll_back_rollout";
    const PERMISSION: Permission = Permission::RolloutsManage;
    type Outcome = Rollout;

    async fn run(self, cx: &CommandContext) -> Result<Rollout, Error> {
        transition(cx, &self.target, |rollout| {
            lifecycle::roll_back(rollout, self.to)?;
            let (key, revision) = (rollout.key.clone(), rollout.revision);
            Ok(Some(Fact::RolloutRolledBack { rollout: key, revision, to: self.to }))
        })
        .await
    }
}
