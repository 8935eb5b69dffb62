//! Restores what people decided in an earlier revision, as a new revision. What happened since is not undone: started
//! waves, pauses and stops stay as they are.

use tidegate_core::{Fact, Permission, Refusal, Revision, Rollout, Wave, WaveState};
use tidegate_store::rollouts;

use crate::{Command, CommandContext, Error};

use super::{
    change::{Target, change},
    update::fixed_by_start,
};

#[derive(Debug)]
pub struct RevertRollout {
    pub target: Target,
    pub to: Revision,
}

impl Command for RevertRollout {
    const NAME: &'static str = "revert_rollout";
    const PERMISSION: Permission = Permission::RolloutsManage;
    type Outcome = Rollout;

    async fn run(self, cx: &CommandContext) -> Result<Rollout, Error> {
        let to = self.to;
        change(cx, &self.target, async |tx, rollout| {
            let earlier = rollouts::revision(tx, &rollout.key, to).await?.ok_or(Refusal::RevisionNotFound)?;
            revert(rollout, earlier.rollout)?;
            let (key, revision) = (rollout.key.clone(), rollout.revision);
            Ok(Some(Fact::RolloutReverted { rollout: key, revision, to }))
        })
        .await
    }
}

fn revert(rollout: &mut Rollout, earlier: Rollout) -> Result<(), Refusal> {
    let before = rollout.clone();
    rollout.title = earlier.title;
    rollout.products = earlier.products;
    rollout.holdout = earlier.holdout;
    (rollout.allow, rollout.deny) = (earlier.allow, earlier.deny);
    rollout.advance_window = earlier.advance_window;
    fixed_by_start(&before, rollout)?;
    let started = || before.waves.iter().filter(|wave| wave.is_started());
    let other = started().filter(|wave| {
        !earlier.waves.iter().any(|then| then.ordinal == wave.ordinal && reach_the_same(then, wave))
    });
    let other: Vec<_> = other.map(|wave| wave.ordinal).collect();
    if !other.is_empty() {
        return Err(Refusal::WaveStarted { waves: other });
    }
    let drafts = earlier.waves.into_iter().skip(started().count()).map(|wave| {
        let now = before.wave(wave.ordinal).map_or(WaveState::Draft, |now| now.state);
        Wave { state: now, started_at: None, taken_back: [].into(), ..wave }
    });
    rollout.waves = started().cloned().chain(drafts).collect();
    Ok(())
}

fn reach_the_same(one: &Wave, other: &Wave) -> bool {
    (&one.audience, one.edge, &one.products) == (&other.audience, other.edge, &other.products)
}
