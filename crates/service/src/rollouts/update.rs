//! Changes a rollout, except for its waves.

use tidegate_core::{
    AdvanceWindow, Edge, Fact, LadderFlaw, LadderFlawKind, MethodMove, Permission, ProductKey, Refusal,
    Rollout, Timestamp, Title, Wave,
};
use tidegate_store::View;

use crate::{Command, CommandContext, Denied, Error, rollouts::NamedDraft};

use super::{
    change::{Target, change},
    names::Names,
};

#[derive(Debug)]
pub struct UpdateRollout {
    pub target: Target,
    pub change: RolloutChange,
}

/// New values; `None` leaves the field as it is.
#[derive(Debug, Clone, Default)]
pub struct RolloutChange {
    pub title: Option<Title>,
    pub products: Option<Vec<ProductKey>>,
    pub holdout: Option<Edge>,
    pub allow: Option<NamedDraft>,
    pub deny: Option<NamedDraft>,
    /// For a rollout of a method.
    pub method: Option<MethodMove>,
    /// `Some(None)`: waves may start by themselves at any time.
    pub advance_window: Option<Option<AdvanceWindow>>,
}

impl RolloutChange {
    /// Changes the rollout in memory. A preview does no more. `within` precedes the names of fields.
    pub(super) async fn apply(
        &self,
        view: &mut View,
        rollout: &mut Rollout,
        within: &str,
    ) -> Result<(), Denied> {
        let before = rollout.clone();
        let mut names = Names::default();
        if let Some(title) = &self.title {
            rollout.title = title.clone();
        }
        if let Some(products) = &self.products {
            names.products(view, &format!("{within}products"), products).await?;
            rollout.products.clone_from(products);
        }
        if let Some(holdout) = self.holdout {
            rollout.holdout = holdout;
        }
        if let Some(allow) = &self.allow {
            rollout.allow = names.named(view, &format!("{within}allow"), allow).await?;
        }
        if let Some(deny) = &self.deny {
            rollout.deny = names.named(view, &format!("{within}deny"), deny).await?;
        }
        if let Some(method) = &self.method {
            let now = rollout.updated_at;
            aim(rollout, Some(method.clone()), &format!("{within}method"), now)?;
        }
        if let Some(window) = &self.advance_window {
            rollout.advance_window.clone_from(window);
        }
        names.finish().and_then(|()| fixed_by_start(&before, rollout))?;
        Ok(())
    }
}

/// Changes what the rollout of a method aims at. It stays one, and its end is not moved into the past.
pub(super) fn aim(
    rollout: &mut Rollout,
    aim: Option<MethodMove>,
    field: &str,
    now: Timestamp,
) -> Result<(), Refusal> {
    if aim.is_some() != rollout.method.is_some() {
        return Err(Refusal::FixedByStart { fields: vec!["method"] });
    }
    let end = |aim: &Option<MethodMove>| aim.as_ref()?.ends.as_ref().map(|end| end.at);
    let (ended, ends) = (end(&rollout.method), end(&aim));
    if ends.is_some_and(|at| at < now) && ends != ended {
        let (field, what) = (format!("{field}.end_time"), LadderFlawKind::InPast);
        return Err(Refusal::LadderNotAcceptable { flaws: vec![LadderFlaw { field, what }] });
    }
    rollout.method = aim;
    Ok(())
}

/// Refuses changes of fields that would change who is reached, once a wave was started.
pub(super) fn fixed_by_start(before: &Rollout, after: &Rollout) -> Result<(), Refusal> {
    if !before.waves.iter().any(Wave::was_started) {
        return Ok(());
    }
    let mut fields = Vec::new();
    if before.products != after.products {
        fields.push("products");
    }
    if before.holdout != after.holdout {
        fields.push("holdout_ppm");
    }
    let aims = |rollout: &Rollout| rollout.method.as_ref().map(|aim| (aim.to.clone(), aim.from.clone()));
    if aims(before) != aims(after) {
        fields.push("method");
    }
    if fields.is_empty() { Ok(()) } else { Err(Refusal::FixedByStart { fields }) }
}

impl Command for UpdateRollout {
    const NAME: &'static str = "update_rollout";
    const PERMISSION: Permission = Permission::RolloutsManage;
    type Outcome = Rollout;

    async fn run(self, cx: &CommandContext) -> Result<Rollout, Error> {
        change(cx, &self.target, async |tx, rollout| {
            self.change.apply(tx, rollout, "").await?;
            let (key, revision) = (rollout.key.clone(), rollout.revision);
            Ok(Some(Fact::RolloutUpdated { rollout: key, revision }))
        })
        .await
    }
}
