//! Changes a wave that is not started.

use tidegate_core::{
    Audience, Edge, Fact, Gate, Ordinal, Permission, PlannedTime, ProductKey, Refusal, Rollout, Span, Title,
};
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
    /// `Some(None)`: a person starts it.
    pub planned_start: Option<Option<PlannedTime>>,
    /// `Some(None)`: it waits for no time after the wave before.
    pub soak: Option<Option<Span>>,
    pub gates: Option<Vec<Gate>>,
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
    let WaveChange { title, edge, products, audience, planned_start, soak, gates } = change.clone();
    wave.title = title.unwrap_or_else(|| wave.title.clone());
    wave.edge = edge.unwrap_or(wave.edge);
    wave.products = products.unwrap_or_else(|| wave.products.clone());
    wave.audience = audience.unwrap_or_else(|| wave.audience.clone());
    wave.planned_start = planned_start.unwrap_or_else(|| wave.planned_start.clone());
    wave.soak = soak.unwrap_or(wave.soak);
    wave.gates = gates.unwrap_or_else(|| wave.gates.clone());
    Ok(())
}
