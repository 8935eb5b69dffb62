//! Adds a wave after the others, as a draft. It may name products that the rollout does not name.

use tidegate_core::{Fact, Ordinal, Permission, Refusal, Rollout};
use tidegate_store::View;

use crate::{Command, CommandContext, Denied, Error, rollouts::WaveDraft};

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
            let wave = add(tx, rollout, "wave", &self.wave).await?;
            Ok(Some(Fact::WaveAdded { rollout: rollout.key.clone(), revision: rollout.revision, wave }))
        })
        .await
    }
}

/// Adds the wave to the rollout in memory. A preview does no more.
pub(super) async fn add(
    view: &mut View,
    rollout: &mut Rollout,
    field: &str,
    draft: &WaveDraft,
) -> Result<Ordinal, Denied> {
    let mut names = Names::default();
    names.wave(view, field, &draft.products, draft.audience.as_ref()).await?;
    names.finish()?;
    if rollout.waves.len() >= MAX_WAVES {
        return Err(Refusal::TooManyWaves.into());
    }
    Ok(draft.clone().add_to(rollout))
}
