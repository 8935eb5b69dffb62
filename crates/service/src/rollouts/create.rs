//! Creates a rollout. It reaches no account before it is started.

use std::collections::BTreeSet;

use tidegate_core::{
    AdvanceWindow, Audience, Edge, Fact, Gate, LadderFlaw, LadderFlawKind, MethodMove, Ordinal, Permission,
    PlannedTime, ProductKey, Refusal, Revision, Rollout, RolloutKey, Salt, Span, Title, Unit, Wave,
    WaveState,
};
use tidegate_store::{
    View,
    rollouts::{self, Authored},
};

use crate::{
    Command, CommandContext, Denied, Error, QueryContext,
    rollouts::{NamedDraft, dates, names::Names, size},
};

#[derive(Debug, Clone)]
pub struct CreateRollout {
    pub key: RolloutKey,
    pub title: Title,
    pub products: Vec<ProductKey>,
    pub unit: Unit,
    pub holdout: Edge,
    pub allow: NamedDraft,
    pub deny: NamedDraft,
    /// It brings a better method instead of two-step itself.
    pub method: Option<MethodMove>,
    pub waves: Vec<WaveDraft>,
    pub advance_window: Option<AdvanceWindow>,
    pub reason: Option<Title>,
}

/// A wave to be added.
#[derive(Debug, Clone)]
pub struct WaveDraft {
    pub title: Title,
    pub audience: Option<Audience>,
    pub edge: Edge,
    /// Empty: the products of the rollout.
    pub products: Vec<ProductKey>,
    pub planned_start: Option<PlannedTime>,
    pub soak: Option<Span>,
    pub gates: Vec<Gate>,
}

impl WaveDraft {
    pub(super) fn at(self, ordinal: Ordinal) -> Wave {
        let Self { title, audience, edge, products, planned_start, soak, gates } = self;
        Wave {
            ordinal,
            title,
            audience,
            edge,
            products,
            state: WaveState::Draft,
            started_at: None,
            taken_back: BTreeSet::new(),
            planned_start,
            soak,
            gates,
        }
    }

    /// Adds the wave after the others.
    pub(super) fn add_to(self, rollout: &mut Rollout) -> Ordinal {
        let ordinal = Ordinal(u32::try_from(rollout.waves.len()).unwrap_or(u32::MAX).saturating_add(1));
        rollout.waves.push(self.at(ordinal));
        ordinal
    }
}

impl Command for CreateRollout {
    const NAME: &'static str = "create_rollout";
    const PERMISSION: Permission = Permission::RolloutsManage;
    type Outcome = Rollout;

    async fn run(self, cx: &CommandContext) -> Result<Rollout, Error> {
        let salt = Salt(cx.entropy().bytes());
        let by = Authored { author: cx.actor(), reason: self.reason.clone() };
        cx.idempotent(async |tx| {
            let rollout = self.rollout(cx.query(), tx, (salt, "")).await?;
            if !rollouts::insert(tx, &rollout, &by).await? {
                return Err(Refusal::KeyTaken.into());
            }
            let fact = Fact::RolloutCreated { rollout: rollout.key.clone(), revision: rollout.revision };
            cx.event(fact).record(tx).await?;
            Ok(rollout)
        })
        .await
    }
}

impl CreateRollout {
    /// Makes the rollout in memory. A preview does no more. `within` precedes the names of fields.
    pub(super) async fn rollout(
        &self,
        cx: &QueryContext,
        view: &mut View,
        (salt, within): (Salt, &str),
    ) -> Result<Rollout, Denied> {
        let now = cx.now();
        let mut rollout = Rollout {
            key: self.key.clone(),
            title: self.title.clone(),
            products: self.products.clone(),
            unit: self.unit,
            salt,
            holdout: self.holdout,
            allow: tidegate_core::Named::default(),
            deny: tidegate_core::Named::default(),
            waves: Vec::new(),
            method: self.method.clone(),
            ladder: Vec::new(),
            ladder_since: None,
            holds: Vec::new(),
            paused_at: None,
            stop: None,
            roll_backs: Vec::new(),
            advance_window: self.advance_window.clone(),
            archived_at: None,
            revision: Revision::FIRST,
            created_at: now,
            updated_at: now,
        };
        let ended = self.method.as_ref().and_then(|aim| aim.ends.as_ref());
        if ended.is_some_and(|end| end.at < now) {
            let flaw = LadderFlaw { field: format!("{within}method.end_time"), what: LadderFlawKind::InPast };
            return Err(Refusal::LadderNotAcceptable { flaws: vec![flaw] }.into());
        }
        for wave in &self.waves {
            wave.clone().add_to(&mut rollout);
        }
        cx.permit_products(rollout.all_products())?;
        dates::check(&[], &rollout.waves, now)?;
        let mut names = Names::default();
        names.products(view, &format!("{within}products"), &self.products).await?;
        for (place, wave) in self.waves.iter().enumerate() {
            let field = format!("{within}waves[{place}]");
            names.wave(view, &field, &wave.products, wave.audience.as_ref()).await?;
        }
        rollout.allow = names.named(view, &format!("{within}allow"), &self.allow).await?;
        rollout.deny = names.named(view, &format!("{within}deny"), &self.deny).await?;
        names.finish()?;
        size::check(None, &rollout)?;
        Ok(rollout)
    }
}
