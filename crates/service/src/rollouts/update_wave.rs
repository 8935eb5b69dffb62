//! Replaces a wave that is not started.

use tidegate_core::{Fact, Ordinal, Permission, Refusal, Rollout};

use crate::{Command, CommandContext, Error, rollouts::WaveDraft};

use super::{
    change::{Target, change},
    names::Names,
};

#[derive(Debug)]
pub struct UpdateWave {
    pub target: Target,
    pub ordinal: Ordinal,
    pub wave: WaveDraft,
}

impl Command for UpdateWave {
    const NAME: &'static str = "update_wave";
    const PERMISSION: Permission = Permission::RolloutsManage;
    type Outcome = Rollout;

    async fn run(self, cx: &CommandContext) -> Result<Rollout, Error> {
        let ordinal = self.ordinal;
        change(cx, &self.target, async |tx, rollout| {
            let found = rollout.waves.iter_mut().find(|wave| wave.ordinal == ordinal);
            let wave = found.ok_or(Refusal::WaveNotFound)?;
            if wave.is_started() {
                return Err((match wave.edge {
                    current if self.wave.edge < current => Refusal::EdgeFalls { current },
                    _ => Refusal::WaveStarted { waves: vec![ordinal] },
                })
                .into());
            }
            let mut names = Names::default();
            names.wave(tx, "wave", &self.wave).await?;
            names.finish()?;
            let state = wave.state;
            *wave = self.wave.clone().at(ordinal);
            wave.state = state;
            let (key, revision) = (rollout.key.clone(), rollout.revision);
            Ok(Some(Fact::WaveUpdated { rollout: key, revision, wave: ordinal }))
        })
        .await
    }
}
