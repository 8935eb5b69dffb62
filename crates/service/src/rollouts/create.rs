//! Creates a rollout. It reaches no account before it is started.

use std::collections::BTreeSet;

use tidegate_core::{
    AdvanceWindow, Audience, Edge, Fact, Gate, LadderFlaw, LadderFlawKind, MethodMove, Ordinal, Permission,
    PlannedTime, ProductKey, Refusal, Revision, Rollout, RolloutKey, Salt, Span, Title, Unit, Wave,
    WaveState,
};
use tidegate_store::rollouts::{self, Authored};

use crate::{
    Command, CommandContext, Error,
    rollouts::{NamedDraft, dates, names::Names, size},
};

#[derive(Debug)]
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
        let now = cx.now();
        let mut rollout = Rollout {
            key: self.key,
            title: self.title,
            products: self.products,
            unit: self.unit,
            salt: Salt(cx.entropy().bytes()),
            holdout: self.holdout,
            allow: tidegate_core::Named::default(),
            deny: tidegate_core::Named::default(),
            waves: Vec::new(),
            method: self.method,
            ladder: Vec::new(),
            ladder_since: None,
            holds: Vec::new(),
            paused_at: None,
            stop: None,
            roll_backs: Vec::new(),
            advance_window: self.advance_window,
            archived_at: None,
            revision: Revision::FIRST,
            created_at: now,
            updated_at: now,
        };
        let mut flaws = Vec::new();
        if let Some(aim) = &rollout.method
            && aim.ends.as_ref().is_some_and(|end| end.at < now)
        {
            flaws.push(LadderFlaw { field: "method.end_time".to_owned(), what: LadderFlawKind::InPast });
        }
        if !flaws.is_empty() {
            return Err(Refusal::LadderNotAcceptable { flaws }.into());
        }
        for wave in &self.waves {
            wave.clone().add_to(&mut rollout);
        }
        cx.permit_products(rollout.all_products())?;
        dates::check(&[], &rollout.waves, now)?;
        let by = Authored { author: cx.actor(), reason: self.reason };
        cx.idempotent(async |tx| {
            let mut names = Names::default();
            names.products(tx, "products", &rollout.products).await?;
            for (place, wave) in self.waves.iter().enumerate() {
                names.wave(tx, &format!("waves[{place}]"), &wave.products, wave.audience.as_ref()).await?;
            }
            let mut rollout = rollout.clone();
            rollout.allow = names.named(tx, "allow", &self.allow).await?;
            rollout.deny = names.named(tx, "deny", &self.deny).await?;
            names.finish()?;
            size::check(None, &rollout)?;
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
