//! Replaces a wave that is not started.

use tidegate_core::{Fact, Ordinal, Permission, Refusal, Rollout};
use tidegate_store::View;

use crate::{Command, CommandContext, Denied, Error, rollouts::WaveDraft};

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
            put(tx, rollout, ordinal, ("wave", &self.wave)).await?;
            let (key, revision) = (rollout.key.clone(), rollout.revision);
            Ok(Some(Fact::WaveUpdated { rollout: key, revision, wave: ordinal }))
        })
        .await
    }
}

/// Replaces the wave of the rollout in memory. A preview does no more.
pub(super) async fn put(
    view: &mut View,
    rollout: &mut Rollout,
    ordinal: Ordinal,
    (field, draft): (&str, &WaveDraft),
) -> Result<(), Denied> {
    let found = rollout.waves.iter_mut().find(|wave| wave.ordinal == ordinal);
    let wave = found.ok_or(Refusal::WaveNotFound)?;
    if wave.is_started() {
        return Err((match wave.edge {
            current if draft.edge < current => Refusal::EdgeFalls { current },
            _ => Refusal::WaveStarted { waves: vec![ordinal] },
        })
        .into());
    }
    let mut names = Names::default();
    names.wave(view, field, draft).await?;
    names.finish()?;
    let state = wave.state;
    *wave = draft.clone().at(ordinal);
    wave.state = state;
    Ok(())
}
