//! A change of a rollout that is carried out in memory only, by the functions of the verbs: what a verb would refuse is
//! refused with the same reason.

use tidegate_core::{Ordinal, ProductKey, Rollout, Wave};
use tidegate_rollout::lifecycle;
use tidegate_store::View;

use super::{
    RolloutChange, WaveChange, WaveDraft,
    add_wave::add,
    change::{not_archived, refusal},
    roll_back::roll_back,
    update_wave::put,
};
use crate::{Error, Fault, QueryContext};

#[derive(Debug, Clone)]
pub struct PlannedChange {
    pub verb: PlannedVerb,
    /// The next wave is started after it, as `StartRollout` or `AdvanceRollout` would.
    pub then_start: bool,
}

#[derive(Debug, Clone)]
pub enum PlannedVerb {
    Start,
    Advance,
    RollBack {
        /// The last wave that stays; zero: none stays.
        to: Ordinal,
        /// Where; empty: at every product.
        products: Vec<ProductKey>,
    },
    Stop,
    Update(RolloutChange),
    UpdateWave {
        ordinal: Ordinal,
        wave: WaveChange,
    },
    AddWave(WaveDraft),
}

impl PlannedChange {
    /// The rollout already has its new revision number.
    pub(super) async fn carry_out(
        &self,
        cx: &QueryContext,
        view: &mut View,
        rollout: &mut Rollout,
    ) -> Result<(), Error> {
        not_archived(rollout)?;
        let stuck = |error| Error::from(refusal(error));
        match &self.verb {
            PlannedVerb::Start => lifecycle::start(rollout, cx.now()).map(drop).map_err(stuck)?,
            PlannedVerb::Advance => lifecycle::advance(rollout, cx.now()).map(drop).map_err(stuck)?,
            PlannedVerb::RollBack { to, products } => {
                roll_back(rollout, *to, "roll_back_products", products)?;
            }
            PlannedVerb::Stop => {
                let by = cx.agent().signature().ok_or(Fault::Dangling("the agent's name"))?;
                lifecycle::stop(rollout, by, None, cx.now());
            }
            PlannedVerb::Update(change) => change.apply(view, rollout, "update.").await?,
            PlannedVerb::UpdateWave { ordinal, wave } => {
                put(view, rollout, *ordinal, ("update_wave.wave", wave)).await?;
            }
            PlannedVerb::AddWave(wave) => add(view, rollout, "add_wave", wave).await.map(drop)?,
        }
        if self.then_start {
            rollout.revision = rollout.revision.next();
            let start = if rollout.waves.iter().any(Wave::is_started) {
                lifecycle::advance
            } else {
                lifecycle::start
            };
            start(rollout, cx.now()).map_err(stuck)?;
        }
        cx.permit_products(rollout.all_products())?;
        Ok(())
    }
}
