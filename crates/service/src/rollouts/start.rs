//! Starts the first wave.

use tidegate_core::{Fact, Permission, Revision, Rollout, RolloutKey, Title};
use tidegate_rollout::waves;

use crate::{Command, Error, Pen};

use super::change::{change, refusal};

#[derive(Debug)]
pub struct StartRollout {
    pub rollout: RolloutKey,
    pub etag: Revision,
    pub reason: Option<Title>,
}

impl Command for StartRollout {
    const NAME: &'static str = "start_rollout";
    const PERMISSION: Permission = Permission::RolloutsManage;
    type Outcome = Rollout;

    async fn run(self, pen: &Pen) -> Result<Rollout, Error> {
        change(pen, &self.rollout, (self.etag, self.reason), |rollout| {
            let wave = waves::start(rollout, pen.now()).map_err(refusal)?;
            Ok(Fact::WaveStarted { rollout: rollout.key.clone(), revision: rollout.revision, wave })
        })
        .await
    }
}
