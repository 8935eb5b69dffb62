//! Restores what people decided in an earlier revision, as a new revision. What happened since is not undone: started
//! waves, pauses and stops stay as they are.

use tidegate_core::{Fact, Permission, Refusal, Revision, Rollout, Timestamp, Wave, WaveState};
use tidegate_store::{View, rollouts};

use crate::{Command, CommandContext, Denied, Error};

use super::{
    change::{Target, change},
    set_ladder,
    update::{self, fixed_by_start},
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
            revert_to(tx, rollout, to, cx.now()).await?;
            let (key, revision) = (rollout.key.clone(), rollout.revision);
            Ok(Some(Fact::RolloutReverted { rollout: key, revision, to }))
        })
        .await
    }
}

/// Changes the rollout in memory. A preview does no more.
pub(super) async fn revert_to(
    view: &mut View,
    rollout: &mut Rollout,
    to: Revision,
    now: Timestamp,
) -> Result<(), Denied> {
    let earlier = rollouts::revision(view, &rollout.key, to).await?.ok_or(Refusal::RevisionNotFound)?;
    Ok(revert(rollout, earlier.rollout, now)?)
}

fn revert(rollout: &mut Rollout, earlier: Rollout, now: Timestamp) -> Result<(), Refusal> {
    let before = rollout.clone();
    rollout.title = earlier.title;
    rollout.products = earlier.products;
    rollout.holdout = earlier.holdout;
    (rollout.allow, rollout.deny) = (earlier.allow, earlier.deny);
    rollout.advance_window = earlier.advance_window;
    update::aim(rollout, earlier.method, "method", now)?;
    set_ladder::restore(rollout, earlier.ladder, now)?;
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
        let state = before.wave(wave.ordinal).map_or(WaveState::Draft, |now| now.state);
        // What was planned for a time that has passed would start at once, and nobody asked for that.
        let planned_start = wave.planned_start.filter(|planned| planned.instant >= now);
        Wave { state, started_at: None, taken_back: [].into(), planned_start, ..wave }
    });
    rollout.waves = started().cloned().chain(drafts).collect();
    Ok(())
}

fn reach_the_same(one: &Wave, other: &Wave) -> bool {
    (&one.audience, one.edge, &one.products) == (&other.audience, other.edge, &other.products)
}
