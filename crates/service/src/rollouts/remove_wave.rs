//! Removes a wave that is not started. The waves after it move up.

use tidegate_core::{Fact, Ordinal, Permission, Refusal, Rollout};

use crate::{Command, CommandContext, Error};

use super::change::{Target, change};

#[derive(Debug)]
pub struct RemoveWave {
    pub target: Target,
    pub ordinal: Ordinal,
}

impl Command for RemoveWave {
    const NAME: &'static str = "remove_wave";
    const PERMISSION: Permission = Permission::RolloutsManage;
    type Outcome = Rollout;

    async fn run(self, cx: &CommandContext) -> Result<Rollout, Error> {
        let wave = self.ordinal;
        change(cx, &self.target, async |_, rollout| {
            remove(rollout, wave)?;
            Ok(Some(Fact::WaveRemoved { rollout: rollout.key.clone(), revision: rollout.revision, wave }))
        })
        .await
    }
}

/// Removes the wave in memory. A preview does no more.
pub(super) fn remove(rollout: &mut Rollout, wave: Ordinal) -> Result<(), Refusal> {
    let found = rollout.wave(wave).ok_or(Refusal::WaveNotFound)?;
    if found.is_started() {
        return Err(Refusal::WaveStarted { waves: vec![wave] });
    }
    rollout.waves.retain(|one| one.ordinal != wave);
    for (one, ordinal) in rollout.waves.iter_mut().zip(1..) {
        one.ordinal = Ordinal(ordinal);
    }
    Ok(())
}
