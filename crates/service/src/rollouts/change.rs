//! What every change of a rollout has in common: the etag, a whole new revision, and its event.

use tidegate_core::{Fact, Refusal, Revision, Rollout, RolloutKey, Title};
use tidegate_rollout::waves::Stuck;
use tidegate_store::rollouts::{self, Authored};

use crate::{Error, Fault, Pen};

/// Puts a changed rollout in the place of the revision the caller saw. `change` says what happened, or
/// why it cannot.
pub(super) async fn change(
    pen: &Pen,
    key: &RolloutKey,
    (etag, reason): (Revision, Option<Title>),
    change: impl FnOnce(&mut Rollout) -> Result<Fact, Refusal>,
) -> Result<Rollout, Error> {
    let by = Authored { author: pen.actor(), reason };
    pen.once(async |tx| {
        let Some(mut rollout) = rollouts::find(tx, key).await? else {
            return Ok(Err(Refusal::RolloutNotFound));
        };
        if let Err(refusal) = pen.permit_products(rollout.products.iter()) {
            return Ok(Err(refusal));
        }
        if rollout.revision != etag {
            return Ok(Err(Refusal::EtagMismatch { current: rollout.revision }));
        }
        (rollout.revision, rollout.updated_at) = (etag.next(), pen.now());
        let fact = match change(&mut rollout) {
            Ok(fact) => fact,
            Err(refusal) => return Ok(Err(refusal)),
        };
        if !rollouts::replace(tx, etag, &rollout, &by).await? {
            let current = rollouts::find(tx, key).await?.ok_or(Fault::Dangling("rollout"))?;
            return Ok(Err(Refusal::EtagMismatch { current: current.revision }));
        }
        pen.event(fact).record(tx).await?;
        Ok(Ok(rollout))
    })
    .await
}

pub(super) const fn refusal(stuck: Stuck) -> Refusal {
    match stuck {
        Stuck::Started => Refusal::RolloutStarted,
        Stuck::NotStarted => Refusal::RolloutNotStarted,
        Stuck::NoWaveLeft => Refusal::NoWaveLeft,
    }
}
