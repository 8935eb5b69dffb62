//! The life of a rollout.
//!
//! ```text
//!            start, advance                the next one starts
//!   draft ───────────────────► live ──────────────────────────► done
//!                               ▲ │ roll back                     │
//!                    advance    │ ▼                               │
//!                            rolled back ◄─── roll back ──────────┘
//! ```
//!
//! Two switches act on the whole rollout, and each keeps every wave from starting:
//!
//! - Pause, which one person may end.
//! - Stop, which two persons clear. Under a stop no further account is reached.
//!
//! A rollout without a started wave can be archived, which ends it. No account gets another answer,
//! because the rollout reaches none then; it only gives no reason any more.
//!
//! No verb touches a factor, or takes two-step from an account that it protects (INV-42).

use std::collections::BTreeSet;

use tidegate_core::{
    Approver, OnePerson, Ordinal, ProductKey, RollBack, Rollout, Stop, Timestamp, Title, Wave, WaveState,
};

use crate::waves;

use crate::ladder;

/// Why a verb cannot be carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LifecycleError {
    /// The rollout was started before; it can be advanced.
    Started,
    /// The rollout was not started.
    NotStarted,
    /// Every wave was started.
    NoWaveLeft,
    Paused,
    NotPaused,
    Stopped,
    NotStopped,
    /// The person who asked for the clearing cannot also be the second person, nor be behind that one.
    OnePerson(OnePerson),
    /// No wave after the given one has started at the products. `last` is the last wave that has.
    NothingToRollBack {
        last: Ordinal,
    },
    /// A wave is started, so that the rollout still reaches accounts. `last` is the last one.
    NotEnded {
        last: Ordinal,
    },
    /// A ladder demands two-step, whatever the waves do.
    HasLadder,
    NotArchived,
}

/// Whether a verb found anything to change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Did {
    Change,
    /// The rollout was already in that state.
    Nothing,
}

/// How far the clearing of a stop has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clearing {
    /// One person asked for it. Another person has to agree.
    Asked,
    Cleared,
}

/// Starts the first wave; returns its ordinal.
pub fn start(rollout: &mut Rollout, now: Timestamp) -> Result<Ordinal, LifecycleError> {
    if last_started(rollout).is_some() {
        return Err(LifecycleError::Started);
    }
    start_next(rollout, now)
}

/// Starts the next wave; returns its ordinal. Accounts that are reached stay reached.
pub fn advance(rollout: &mut Rollout, now: Timestamp) -> Result<Ordinal, LifecycleError> {
    if last_started(rollout).is_none() {
        return Err(LifecycleError::NotStarted);
    }
    start_next(rollout, now)
}

/// Starts the next wave, the first one or a later one; returns its ordinal. The scheduler does so.
pub fn start_or_advance(rollout: &mut Rollout, now: Timestamp) -> Result<Ordinal, LifecycleError> {
    start_next(rollout, now)
}

fn start_next(rollout: &mut Rollout, now: Timestamp) -> Result<Ordinal, LifecycleError> {
    if rollout.stop.is_some() {
        return Err(LifecycleError::Stopped);
    }
    if rollout.paused_at.is_some() {
        return Err(LifecycleError::Paused);
    }
    let place = rollout.waves.iter().position(|wave| !wave.is_started()).ok_or(LifecycleError::NoWaveLeft)?;
    for live in rollout.waves.iter_mut().filter(|wave| wave.state == WaveState::Live) {
        live.state = WaveState::Done;
    }
    let next = rollout.waves.get_mut(place).ok_or(LifecycleError::NoWaveLeft)?;
    (next.state, next.started_at) = (WaveState::Live, Some(now));
    next.taken_back.clear();
    Ok(next.ordinal)
}

/// Keeps waves from starting. Accounts that are reached stay reached.
pub fn pause(rollout: &mut Rollout, now: Timestamp) -> Result<Did, LifecycleError> {
    if rollout.paused_at.is_some() {
        return Ok(Did::Nothing);
    }
    // A ladder counts without waves, and people's clocks can be stopped. A planned wave can be kept from starting.
    let is_planned = rollout.waves.iter().any(|wave| wave.planned_start.is_some());
    if last_started(rollout).is_none() && rollout.ladder.is_empty() && !is_planned {
        return Err(LifecycleError::NotStarted);
    }
    rollout.paused_at = Some(now);
    Ok(Did::Change)
}

/// People's clocks go on, unless the rollout is also stopped.
pub fn resume(rollout: &mut Rollout, now: Timestamp) -> Result<(), LifecycleError> {
    let paused_at = rollout.paused_at.take().ok_or(LifecycleError::NotPaused)?;
    ladder::hold(rollout, paused_at, now);
    Ok(())
}

/// Takes back every started wave after `to`, at the products; zero takes back all, and no product
/// means every one. `rollout.revision` must already be the revision of the roll back: what a wave that
/// is taken back showed there before that revision counts no more.
///
/// A wave stays started as long as it is started at a product, or a later wave is: started waves are
/// always the first ones.
pub fn roll_back(
    rollout: &mut Rollout,
    to: Ordinal,
    products: &BTreeSet<ProductKey>,
) -> Result<(), LifecycleError> {
    last_started(rollout).ok_or(LifecycleError::NotStarted)?;
    let back = RollBack { revision: rollout.revision, to, products: products.clone() };
    let last =
        rollout.waves.iter().rfind(|wave| started_at(rollout, wave).any(|product| back.is_at(product)));
    let last = last.map_or(Ordinal(0), |wave| wave.ordinal);
    if last <= to {
        return Err(LifecycleError::NothingToRollBack { last });
    }
    let here = rollout.products.clone();
    for wave in rollout.waves.iter_mut().filter(|wave| wave.is_started() && wave.ordinal > to) {
        let named = if wave.products.is_empty() { &here } else { &wave.products };
        wave.taken_back.extend(named.iter().filter(|product| back.is_at(product)).cloned());
    }
    // A roll back is a sign of trouble: no later wave starts by itself until a person plans it again.
    for wave in rollout.waves.iter_mut().filter(|wave| wave.ordinal > to) {
        wave.planned_start = None;
    }
    while let Some(place) = rollout.waves.iter().rposition(Wave::is_started)
        && rollout.waves.get(place).is_some_and(|wave| started_at(rollout, wave).next().is_none())
        && let Some(wave) = rollout.waves.get_mut(place)
    {
        (wave.state, wave.started_at) = (WaveState::RolledBack, None);
        wave.taken_back.clear();
    }
    if let Some(wave) = rollout.waves.iter_mut().rfind(|wave| wave.is_started()) {
        wave.state = WaveState::Live;
    }
    let before = std::mem::take(&mut rollout.roll_backs);
    rollout.roll_backs = before.into_iter().filter_map(|before| before.beside(&back)).collect();
    rollout.roll_backs.push(back);
    Ok(())
}

/// The products at which the wave is started.
fn started_at<'r>(rollout: &'r Rollout, wave: &'r Wave) -> impl Iterator<Item = &'r ProductKey> {
    let products = rollout.products_of(wave).iter();
    products.filter(|product| waves::is_started_for(rollout, wave, product))
}

/// Ends a rollout without a started wave.
pub fn archive(rollout: &mut Rollout, now: Timestamp) -> Result<Did, LifecycleError> {
    if rollout.archived_at.is_some() {
        return Ok(Did::Nothing);
    }
    if let Some(last) = last_started(rollout) {
        return Err(LifecycleError::NotEnded { last });
    }
    // A ladder demands two-step without waves: it has to be removed first.
    if !rollout.ladder.is_empty() {
        return Err(LifecycleError::HasLadder);
    }
    // Nothing that was planned starts years later, in the second after it was unarchived.
    for wave in &mut rollout.waves {
        wave.planned_start = None;
    }
    rollout.archived_at = Some(now);
    Ok(Did::Change)
}

/// The rollout is again as it was before it was archived, but for planned starts.
pub fn unarchive(rollout: &mut Rollout) -> Result<(), LifecycleError> {
    rollout.archived_at.take().map(drop).ok_or(LifecycleError::NotArchived)
}

/// Stops the rollout. If it is already stopped, this removes the consent of a first person to clear
/// it.
pub fn stop(rollout: &mut Rollout, by: Approver, reason: Option<Title>, now: Timestamp) -> Did {
    match &mut rollout.stop {
        Some(Stop { cleared_by: None, .. }) => Did::Nothing,
        Some(stop) => {
            stop.cleared_by = None;
            Did::Change
        }
        none => {
            *none = Some(Stop { since: now, by, reason, cleared_by: None });
            Did::Change
        }
    }
}

/// The first person asks, the second clears. One person with two credentials is one person, and so is one who made the
/// credential of the other.
pub fn clear_stop(rollout: &mut Rollout, by: Approver, now: Timestamp) -> Result<Clearing, LifecycleError> {
    let stop = rollout.stop.as_mut().ok_or(LifecycleError::NotStopped)?;
    let Some(first) = &stop.cleared_by else {
        // Nobody could agree to it.
        if !by.issuers.are_known() {
            return Err(LifecycleError::OnePerson(OnePerson::IssuerNotKnown));
        }
        stop.cleared_by = Some(by);
        return Ok(Clearing::Asked);
    };
    first.counts_beside(&by).map_err(LifecycleError::OnePerson)?;
    let since = stop.since;
    rollout.stop = None;
    ladder::hold(rollout, since, now);
    Ok(Clearing::Cleared)
}

/// Removes the consent of a first person to clear the stop. Every other change of the rollout calls
/// this, because the person agreed to the rollout as it was.
pub fn forget_clearing(rollout: &mut Rollout) {
    if let Some(stop) = &mut rollout.stop {
        stop.cleared_by = None;
    }
}

fn last_started(rollout: &Rollout) -> Option<Ordinal> {
    rollout.waves.iter().filter(|wave| wave.is_started()).map(|wave| wave.ordinal).max()
}

#[cfg(test)]
mod tests;
