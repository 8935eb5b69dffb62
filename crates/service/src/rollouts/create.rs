//! Creates a rollout. Nobody is reached before it is started.

use tidegate_core::{
    Edge, Fact, Ordinal, Permission, ProductKey, Refusal, Revision, Rollout, RolloutKey, Salt, Title, Wave,
    WaveState,
};
use tidegate_store::{
    products,
    rollouts::{self, Authored},
};

use crate::{Command, Error, Pen};

#[derive(Debug)]
pub struct CreateRollout {
    pub key: RolloutKey,
    pub title: Title,
    pub products: Vec<ProductKey>,
    pub waves: Vec<WaveDraft>,
    pub reason: Option<Title>,
}

/// A wave to be.
#[derive(Debug, Clone)]
pub struct WaveDraft {
    pub title: Title,
    pub edge: Edge,
    /// Empty: all of the rollout.
    pub products: Vec<ProductKey>,
}

impl WaveDraft {
    /// Puts the wave behind the others.
    pub(super) fn add_to(self, rollout: &mut Rollout) -> Result<Ordinal, Refusal> {
        if self.products.iter().any(|product| !rollout.products.contains(product)) {
            return Err(Refusal::WaveProductNotInRollout);
        }
        let ordinal = Ordinal(u32::try_from(rollout.waves.len()).unwrap_or(u32::MAX).saturating_add(1));
        let Self { title, edge, products } = self;
        let wave = Wave { ordinal, title, edge, products, state: WaveState::Draft, started_at: None };
        rollout.waves.push(wave);
        Ok(ordinal)
    }
}

impl Command for CreateRollout {
    const NAME: &'static str = "create_rollout";
    const PERMISSION: Permission = Permission::RolloutsManage;
    type Outcome = Rollout;

    async fn run(self, pen: &Pen) -> Result<Rollout, Error> {
        pen.permit_products(self.products.iter())?;
        let now = pen.now();
        let mut rollout = Rollout {
            key: self.key,
            title: self.title,
            products: self.products,
            salt: Salt(pen.entropy().bytes()),
            waves: Vec::new(),
            revision: Revision::FIRST,
            created_at: now,
            updated_at: now,
        };
        for wave in self.waves {
            wave.add_to(&mut rollout)?;
        }
        let by = Authored { author: pen.actor(), reason: self.reason };
        pen.once(async |tx| {
            for product in &rollout.products {
                if products::find(tx, product).await?.is_none() {
                    return Ok(Err(Refusal::ProductNotFound));
                }
            }
            if !rollouts::insert(tx, &rollout, &by).await? {
                return Ok(Err(Refusal::KeyTaken));
            }
            let fact = Fact::RolloutCreated { rollout: rollout.key.clone(), revision: rollout.revision };
            pen.event(fact).record(tx).await?;
            Ok(Ok(rollout.clone()))
        })
        .await
    }
}
