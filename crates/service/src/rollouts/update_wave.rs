//! Changes a wave that is not started.

use tidegate_core::{Audience, Edge, Fact, Ordinal, Permission, ProductKey, Refusal, Rollout, Title};
use tidegate_store::View;

use crate::{Command, CommandContext, Denied, Error};

use super::{
    change::{Target, change},
    names::Names,
};

#[derive(Debug)]
pub struct UpdateWave {
    pub target: Target,
    pub ordinal: Ordinal,
    pub wave: WaveChange,
}

/// New values; `None` leaves the field as it is.
#[derive(Debug, Clone, Default)]
pub struct WaveChange {
    pub title: Option<Title>,
    pub edge: Option<Edge>,
    pub products: Option<Vec<ProductKey>>,
    /// `Some(None)`: all accounts.
    pub audience: Option<Option<Audience>>,
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

/// Changes the wave of the rollout in memory. A preview does no more.
pub(super) async fn put(
    view: &mut View,
    rollout: &mut Rollout,
    ordinal: Ordinal,
    (field, change): (&str, &WaveChange),
) -> Result<(), Denied> {
    let found = rollout.waves.iter_mut().find(|wave| wave.ordinal == ordinal);
    let wave = found.ok_or(Refusal::WaveNotFound)?;
    if wave.is_started() {
        return Err((match wave.edge {
            current if change.edge.is_some_and(|edge| edge < current) => Refusal::EdgeFalls { current },
            _ => Refusal::WaveStarted { waves: vec![ordinal] },
        })
        .into());
    }
    let mut names = Names::default();
    let products = change.products.as_deref().unwrap_or_default();
    names.wave(view, field, products, change.audience.iter().flatten().next()).await?;
    names.finish()?;
    let WaveChange { title, edge, products, audience } = change.clone();
    wave.title = title.unwrap_or_else(|| wave.title.clone());
    wave.edge = edge.unwrap_or(wave.edge);
    wave.products = products.unwrap_or_else(|| wave.products.clone());
    wave.audience = audience.unwrap_or_else(|| wave.audience.clone());
    Ok(())
}
