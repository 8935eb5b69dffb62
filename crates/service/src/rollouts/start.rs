//! Starts the first wave.

use tidegate_core::{Fact, Permission, Rollout};
use tidegate_rollout::life;

use crate::{Command, Error, Pen};

use super::change::{Target, turn};

#[derive(Debug)]
pub struct StartRollout {
    pub target: Target,
}

impl Command for StartRollout {
    const NAME: &'static str = "start_rollout";
    const PERMISSION: Permission = Permission::RolloutsManage;
    type Outcome = Rollout;

    async fn run(self, pen: &Pen) -> Result<Rollout, Error> {
        turn(pen, &self.target, |rollout| {
            let wave = life::start(rollout, pen.now())?;
            Ok(Some(Fact::WaveStarted { rollout: rollout.key.clone(), revision: rollout.revision, wave }))
        })
        .await
    }
}
