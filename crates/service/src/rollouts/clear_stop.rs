//! Clears a stop, which takes two persons: the first call asks for it, a call of another person clears it. Neither may
//! have made the other's credential.

use tidegate_core::{Fact, Permission, Refusal, Rollout};
use tidegate_rollout::lifecycle::{self, Clearing};

use crate::{Command, CommandContext, Error};

use super::change::{Target, transition};

#[derive(Debug)]
pub struct ClearStop {
    pub target: Target,
}

impl Command for ClearStop {
    const NAME: &'static str = "clear_stop";
    const PERMISSION: Permission = Permission::RolloutsApprove;
    type Outcome = Rollout;

    async fn run(self, cx: &CommandContext) -> Result<Rollout, Error> {
        // A worker is no person, so it clears no stop.
        let by = cx.agent().approver().ok_or(Refusal::SecondPersonNeeded { why: "NO_PERSON" })?;
        let now = cx.now();
        transition(cx, &self.target, |rollout| {
            let clearing = lifecycle::clear_stop(rollout, by, now)?;
            let (rollout, revision) = (rollout.key.clone(), rollout.revision);
            Ok(Some(match clearing {
                Clearing::Asked => Fact::StopClearAsked { rollout, revision },
                Clearing::Cleared => Fact::StopCleared { rollout, revision },
            }))
        })
        .await
    }
}
