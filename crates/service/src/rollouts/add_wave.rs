//! Adds a wave behind the others, as a draft.

use tidegate_core::{Fact, Permission, Revision, Rollout, RolloutKey, Title};

use crate::{Command, Error, Pen, rollouts::WaveDraft};

use super::change::change;

#[derive(Debug)]
pub struct AddWave {
    pub rollout: RolloutKey,
    pub etag: Revision,
    pub reason: Option<Title>,
    pub wave: WaveDraft,
}

impl Command for AddWave {
    const NAME: &'static str = "add_wave";
    const PERMISSION: Permission = Permission::RolloutsManage;
    type Outcome = Rollout;

    async fn run(self, pen: &Pen) -> Result<Rollout, Error> {
        change(pen, &self.rollout, (self.etag, self.reason), |rollout| {
            let wave = self.wave.add_to(rollout)?;
            Ok(Fact::WaveAdded { rollout: rollout.key.clone(), revision: rollout.revision, wave })
        })
        .await
    }
}
