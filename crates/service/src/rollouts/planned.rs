//! A change of a rollout that is carried out in memory only, by the functions of the verbs: what a verb would refuse is
//! refused with the same reason.

use tidegate_core::{Ordinal, ProductKey, Revision, Rollout, Salt, Wave};
use tidegate_rollout::lifecycle;
use tidegate_store::View;

use super::{
    CreateRollout, LadderDraft, RolloutChange, WaveChange, WaveDraft,
    add_wave::add,
    change::{demands_more, not_archived, refusal},
    dates, demands,
    remove_wave::remove,
    revert::revert_to,
    roll_back::roll_back,
    set_ladder, size,
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
    Revert {
        to: Revision,
    },
    Edits(Edits),
    /// A rollout that does not exist yet, and what is then changed of it: `steps[0].create`, `steps[1].add_wave` and so on.
    Create(Box<CreateRollout>, Vec<Edit>),
}

/// Changes of what a rollout says. They are carried out one after another.
#[derive(Debug, Clone)]
pub enum Edits {
    /// Named by `update`, `add_wave` and so on.
    One(Box<Edit>),
    /// Named by `steps[0].update` and so on.
    Steps(Vec<Edit>),
}

#[derive(Debug, Clone)]
pub enum Edit {
    Update(RolloutChange),
    UpdateWave { ordinal: Ordinal, wave: WaveChange },
    AddWave(WaveDraft),
    RemoveWave(Ordinal),
    SetLadder(Vec<LadderDraft>),
}

/// Which accounts a share of a new rollout reaches is drawn when it is created. Each preview counts the same draw.
const SALT: Salt = Salt([0; 16]);

impl PlannedChange {
    /// The rollout that a first step creates. Nothing else is carried out yet.
    pub(super) async fn created(&self, cx: &QueryContext, view: &mut View) -> Result<Option<Rollout>, Error> {
        let PlannedVerb::Create(create, _) = &self.verb else { return Ok(None) };
        Ok(Some(create.rollout(cx, view, (SALT, "steps.steps[0].create.")).await?))
    }

    /// The rollout already has its new revision number, or was just created.
    pub(super) async fn carry_out(
        &self,
        cx: &QueryContext,
        view: &mut View,
        rollout: &mut Rollout,
    ) -> Result<(), Error> {
        let before = rollout.clone();
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
            PlannedVerb::Revert { to } => revert_to(view, rollout, *to, cx.now()).await?,
            PlannedVerb::Edits(Edits::One(edit)) => edit.carry_out(cx, view, rollout, "").await?,
            PlannedVerb::Edits(Edits::Steps(edits)) => {
                for (place, edit) in edits.iter().enumerate() {
                    if place > 0 {
                        rollout.revision = rollout.revision.next();
                    }
                    edit.carry_out(cx, view, rollout, &format!("steps.steps[{place}].")).await?;
                }
            }
            PlannedVerb::Create(_, edits) => {
                for (place, edit) in (1..).zip(edits) {
                    rollout.revision = rollout.revision.next();
                    edit.carry_out(cx, view, rollout, &format!("steps.steps[{place}].")).await?;
                }
            }
        }
        could_stand(cx, view, &before, rollout).await?;
        if self.then_start {
            rollout.revision = rollout.revision.next();
            let start = if rollout.waves.iter().any(Wave::is_started) {
                lifecycle::advance
            } else {
                lifecycle::start
            };
            start(rollout, cx.now()).map_err(stuck)?;
        }
        size::check(Some(&before), rollout)?;
        cx.permit_products(rollout.all_products())?;
        Ok(())
    }
}

impl Edit {
    /// With the checks of its call. `within` precedes the names of fields.
    async fn carry_out(
        &self,
        cx: &QueryContext,
        view: &mut View,
        rollout: &mut Rollout,
        within: &str,
    ) -> Result<(), Error> {
        let before = rollout.clone();
        match self {
            Self::Update(change) => change.apply(view, rollout, &format!("{within}update.")).await?,
            Self::UpdateWave { ordinal, wave } => {
                put(view, rollout, *ordinal, (&format!("{within}update_wave.wave"), wave)).await?;
            }
            Self::AddWave(wave) => {
                add(view, rollout, &format!("{within}add_wave"), wave).await?;
            }
            Self::RemoveWave(ordinal) => remove(rollout, *ordinal)?,
            Self::SetLadder(rules) => {
                let within = format!("{within}set_ladder.");
                set_ladder::put(view, rollout, (&within, rules), cx.now()).await?;
            }
        }
        could_stand(cx, view, &before, rollout).await?;
        cx.permit_products(rollout.all_products())?;
        Ok(())
    }
}

/// What is checked after every change of a rollout.
async fn could_stand(
    cx: &QueryContext,
    view: &mut View,
    before: &Rollout,
    after: &Rollout,
) -> Result<(), Error> {
    dates::check(&before.waves, &after.waves, cx.now())?;
    if demands_more(before, after) {
        demands::could_be_met(view, after).await?;
    }
    size::check(Some(before), after)?;
    Ok(())
}
