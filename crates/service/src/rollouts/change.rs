//! What every change of a rollout shares: the row lock, the etag (optimistic concurrency), a whole new revision, and its
//! event.

use tidegate_core::{Fact, OnePerson, Refusal, Revision, Rollout, RolloutKey, Title};
use tidegate_rollout::lifecycle::{self, LifecycleError};
use tidegate_store::{
    Tx,
    rollouts::{self, Authored},
};

use super::{dates, demands, size};
use crate::{CommandContext, Denied, Error, QueryContext};

/// Which rollout is changed, from which revision, and why.
#[derive(Debug, Clone)]
pub struct Target {
    pub rollout: RolloutKey,
    /// `None`: whatever its revision is. Only verbs that narrow a rollout allow that.
    pub etag: Option<Revision>,
    pub reason: Option<Title>,
}

/// Replaces the rollout that the caller saw by a changed one. `change` gets it with its new revision number, and returns
/// what happened, `None` if nothing did, or the reason to refuse. An archived rollout is not changed.
pub(super) async fn change(
    cx: &CommandContext,
    target: &Target,
    change: impl AsyncFnOnce(&mut Tx, &mut Rollout) -> Result<Option<Fact>, Denied>,
) -> Result<Rollout, Error> {
    change_even_archived(cx, target, async |tx, rollout| {
        not_archived(rollout)?;
        change(tx, rollout).await
    })
    .await
}

/// Whether the ladder may demand something that it did not, or somewhere else.
pub(super) fn demands_more(before: &Rollout, after: &Rollout) -> bool {
    (&before.ladder, &before.products) != (&after.ladder, &after.products)
}

pub(super) const fn not_archived(rollout: &Rollout) -> Result<(), Refusal> {
    if rollout.archived_at.is_some() { Err(Refusal::RolloutArchived) } else { Ok(()) }
}

/// `change`, for the verbs that archive.
pub(super) async fn change_even_archived(
    cx: &CommandContext,
    target: &Target,
    change: impl AsyncFnOnce(&mut Tx, &mut Rollout) -> Result<Option<Fact>, Denied>,
) -> Result<Rollout, Error> {
    cx.idempotent(async |tx| {
        let before = rollouts::lock(tx, &target.rollout).await?.ok_or(Refusal::RolloutNotFound)?;
        let mut rollout = next_revision(cx.query(), target.etag, &before)?;
        let Some(fact) = change(tx, &mut rollout).await? else { return Ok(before) };
        if rollout.stop == before.stop {
            lifecycle::forget_clearing(&mut rollout);
        }
        dates::check(&before.waves, &rollout.waves, cx.now())?;
        if demands_more(&before, &rollout) {
            demands::can_be_met(tx, &rollout).await?;
        }
        size::check(Some(&before), &rollout)?;
        cx.permit_products(rollout.all_products())?;
        let by = Authored { author: cx.actor(), reason: target.reason.clone() };
        rollouts::replace(tx, &rollout, &by).await?;
        cx.event(fact).record(tx).await?;
        Ok(rollout)
    })
    .await
}

/// A copy to be changed, for a caller that may change the rollout and has seen it as it is.
pub(super) fn next_revision(
    cx: &QueryContext,
    etag: Option<Revision>,
    before: &Rollout,
) -> Result<Rollout, Refusal> {
    cx.permit_products(before.all_products())?;
    if etag.is_some_and(|etag| etag != before.revision) {
        return Err(Refusal::EtagMismatch { current: before.revision });
    }
    Ok(Rollout { revision: before.revision.next(), updated_at: cx.now(), ..before.clone() })
}

/// A change that reads nothing but the rollout.
pub(super) async fn transition(
    cx: &CommandContext,
    target: &Target,
    transition: impl FnOnce(&mut Rollout) -> Result<Option<Fact>, LifecycleError> + Send,
) -> Result<Rollout, Error> {
    change(cx, target, async |_, rollout| Ok(transition(rollout).map_err(refusal)?)).await
}

pub(super) const fn refusal(stuck: LifecycleError) -> Refusal {
    match stuck {
        LifecycleError::Started => Refusal::RolloutStarted,
        LifecycleError::NotStarted => Refusal::RolloutNotStarted,
        LifecycleError::NoWaveLeft => Refusal::NoWaveLeft,
        LifecycleError::Paused => Refusal::RolloutPaused,
        LifecycleError::NotPaused => Refusal::RolloutNotPaused,
        LifecycleError::Stopped => Refusal::RolloutStopped,
        LifecycleError::NotStopped => Refusal::RolloutNotStopped,
        LifecycleError::OnePerson(one) => Refusal::SecondPersonNeeded { why: why(one) },
        LifecycleError::NothingToRollBack { last } => Refusal::NothingToRollBack { last },
        LifecycleError::NotEnded { last } => Refusal::RolloutNotEnded { last },
        LifecycleError::HasLadder => Refusal::RolloutHasLadder,
        LifecycleError::NotArchived => Refusal::RolloutNotArchived,
    }
}

const fn why(one: OnePerson) -> &'static str {
    match one {
        OnePerson::SamePerson => "SAME_PERSON",
        OnePerson::SameIssuer => "SAME_ISSUER",
        OnePerson::IssuerNotKnown => "ISSUER_NOT_KNOWN",
    }
}
