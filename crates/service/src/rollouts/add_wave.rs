//! Adds a wave after the others, as a draft. It may name products that the rollout does not name.

use tidegate_core::{Fact, Permission, Refusal, Rollout};

use crate::{Command, CommandContext, Error, rollouts::WaveDraft};

use super::{
    change::{Target, change},
    names::Names,
};

#[derive(Debug)]
pub struct AddWave {
    pub target: Target,
    pub wave: WaveDraft,
}

/// Waves of one rollout.
pub const MAX_WAVES: usize = 100;

impl Command for AddWave {
    const NAME: &'static str = "add_wave";
    const PERMISSION: Permission = Permission::RolloutsManage;
    type Outcome = Rollout;

    async fn run(self, cx: &CommandContext) -> Result<Rollout, Error> {
        change(cx, &self.target, async |tx, rollout| {
            let mut names = Names::default();
            names.wave(tx, "wave", &self.wave).await?;
            names.finish()?;
            if rollout.waves.len() >= MAX_WAVES {
                return Err(Refusal::TooManyWaves.into());
            }
            let wave = self.wave.clone().add_to(rollout);
            Ok(Some(Fact::WaveAdded { rollout: rollout.key.clone(), revision: rollout.revision, wave }))
        })
        .await
    }
}
