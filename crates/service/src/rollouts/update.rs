//! Changes a rollout, except for its waves.

use tidegate_core::{Edge, Fact, Permission, ProductKey, Refusal, Rollout, Title, Wave};

use crate::{Command, CommandContext, Error, rollouts::NamedDraft};

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
    if fields.is_empty() { Ok(()) } else { Err(Refusal::FixedByStart { fields }) }
}

impl Command for UpdateRollout {
    const NAME: &'static str = "update_rollout";
    const PERMISSION: Permission = Permission::RolloutsManage;
    type Outcome = Rollout;

    async fn run(self, cx: &CommandContext) -> Result<Rollout, Error> {
        change(cx, &self.target, async |tx, rollout| {
            let (before, to) = (rollout.clone(), &self.change);
            let mut names = Names::default();
            if let Some(title) = &to.title {
                rollout.title = title.clone();
            }
            if let Some(products) = &to.products {
                names.products(tx, "products", products).await?;
                rollout.products.clone_from(products);
            }
            if let Some(holdout) = to.holdout {
                rollout.holdout = holdout;
            }
            if let Some(allow) = &to.allow {
                rollout.allow = names.named(tx, "allow", allow).await?;
            }
            if let Some(deny) = &to.deny {
                rollout.deny = names.named(tx, "deny", deny).await?;
            }
            names.finish().and_then(|()| fixed_by_start(&before, rollout))?;
            let (key, revision) = (rollout.key.clone(), rollout.revision);
            Ok(Some(Fact::RolloutUpdated { rollout: key, revision }))
        })
        .await
    }
}
