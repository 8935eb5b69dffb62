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
//! Beside it two switches of the whole rollout, each of which keeps everything from advancing: pause, which
//! whoever sets it may lift, and stop, which two persons clear, and under which nobody new is reached.
//! No verb touches a factor, nor takes from anybody what two-step protects (INV-42).

use tidegate_core::{Ordinal, RollBack, Rollout, Stop, Timestamp, Title, WaveState};

/// Why a verb cannot be carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stuck {
    /// It was started; it can be advanced.
    Started,
    /// It was not started.
    NotStarted,
    /// Every wave was started.
    NoWaveLeft,
    Paused,
    NotPaused,
    Stopped,
    NotStopped,
    /// Whoever asked first cannot be the second, too.
    SamePerson,
    /// No wave behind that one is started; this is the last that is.
    NothingToRollBack {
        last: Ordinal,
    },
}

/// Whether a verb found anything to change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Did {
    Change,
    /// It was so before.
    Nothing,
}

/// How far the clearing of a stop has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clearing {
    /// Asked for by one; another person has to agree.
    Asked,
    Cleared,
}

/// Starts the first wave; returns which.
pub fn start(rollout: &mut Rollout, now: Timestamp) -> Result<Ordinal, Stuck> {
    if last_started(rollout).is_some() {
        return Err(Stuck::Started);
    }
    start_next(rollout, now)
}

/// Starts the next wave; returns which. Whoever is reached stays reached.
pub fn advance(rollout: &mut Rollout, now: Timestamp) -> Result<Ordinal, Stuck> {
    if last_started(rollout).is_none() {
        return Err(Stuck::NotStarted);
    }
    start_next(rollout, now)
}

fn start_next(rollout: &mut Rollout, now: Timestamp) -> Result<Ordinal, Stuck> {
    if rollout.stop.is_some() {
        return Err(Stuck::Stopped);
    }
    if rollout.paused_at.is_some() {
        return Err(Stuck::Paused);
    }
    let place = rollout.waves.iter().position(|wave| !wave.is_started()).ok_or(Stuck::NoWaveLeft)?;
    for live in rollout.waves.iter_mut().filter(|wave| wave.state == WaveState::Live) {
        live.state = WaveState::Done;
    }
    let next = rollout.waves.get_mut(place).ok_or(Stuck::NoWaveLeft)?;
    (next.state, next.started_at) = (WaveState::Live, Some(now));
    Ok(next.ordinal)
}

/// Nothing advances; who is reached stays reached.
pub fn pause(rollout: &mut Rollout, now: Timestamp) -> Result<Did, Stuck> {
    if rollout.paused_at.is_some() {
        return Ok(Did::Nothing);
    }
    if last_started(rollout).is_none() {
        return Err(Stuck::NotStarted);
    }
    rollout.paused_at = Some(now);
    Ok(Did::Change)
}

pub fn resume(rollout: &mut Rollout) -> Result<(), Stuck> {
    rollout.paused_at.take().map(drop).ok_or(Stuck::NotPaused)
}

/// Takes back every started wave behind `to`; zero takes back all. `rollout.revision` is already that of the
/// roll back: what was shown before it by a wave that is taken back counts no more.
pub fn roll_back(rollout: &mut Rollout, to: Ordinal) -> Result<(), Stuck> {
    let last = last_started(rollout).ok_or(Stuck::NotStarted)?;
    if last <= to {
        return Err(Stuck::NothingToRollBack { last });
    }
    for wave in rollout.waves.iter_mut().filter(|wave| wave.is_started()) {
        if wave.ordinal > to {
            (wave.state, wave.started_at) = (WaveState::RolledBack, None);
        } else if wave.ordinal == to {
            wave.state = WaveState::Live;
        }
    }
    rollout.roll_backs.retain(|before| before.to < to);
    rollout.roll_backs.push(RollBack { revision: rollout.revision, to });
    Ok(())
}

/// Latches. A stop that is on already takes back what one person did to clear it.
pub fn stop(rollout: &mut Rollout, by: Title, reason: Option<Title>, now: Timestamp) -> Did {
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

/// The first person asks, the second clears. One person under two credentials is one person.
pub fn clear_stop(rollout: &mut Rollout, by: Title) -> Result<Clearing, Stuck> {
    let stop = rollout.stop.as_mut().ok_or(Stuck::NotStopped)?;
    match &stop.cleared_by {
        None => {
            stop.cleared_by = Some(by);
            Ok(Clearing::Asked)
        }
        Some(first) if first.names_the_same_as(&by) => Err(Stuck::SamePerson),
        Some(_) => {
            rollout.stop = None;
            Ok(Clearing::Cleared)
        }
    }
}

/// Any other change of the rollout takes back what one person did to clear its stop: they agreed to what
/// they saw.
pub fn forget_clearing(rollout: &mut Rollout) {
    if let Some(stop) = &mut rollout.stop {
        stop.cleared_by = None;
    }
}

fn last_started(rollout: &Rollout) -> Option<Ordinal> {
    rollout.waves.iter().filter(|wave| wave.is_started()).map(|wave| wave.ordinal).max()
}
