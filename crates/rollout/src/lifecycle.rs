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
//! No verb touches a factor, or takes two-step from an account that it protects (INV-42).

use tidegate_core::{Approver, OnePerson, Ordinal, RollBack, Rollout, Stop, Timestamp, Title, WaveState};

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
    /// No wave after the given one has started. `last` is the last started wave.
    NothingToRollBack {
        last: Ordinal,
    },
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
    Ok(next.ordinal)
}

/// Keeps waves from starting. Accounts that are reached stay reached.
pub fn pause(rollout: &mut Rollout, now: Timestamp) -> Result<Did, LifecycleError> {
    if rollout.paused_at.is_some() {
        return Ok(Did::Nothing);
    }
    // A ladder counts without waves, and people's clocks can be stopped.
    if last_started(rollout).is_none() && rollout.ladder.is_empty() {
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

/// Takes back every started wave after `to`; zero takes back all. `rollout.revision` must already
/// be the revision of the roll back: what a wave that is taken back showed before that revision
/// counts no more. Waves after `to` lose their planned starts.
pub fn roll_back(rollout: &mut Rollout, to: Ordinal) -> Result<(), LifecycleError> {
    let last = last_started(rollout).ok_or(LifecycleError::NotStarted)?;
    if last <= to {
        return Err(LifecycleError::NothingToRollBack { last });
    }
    for wave in rollout.waves.iter_mut().filter(|wave| wave.is_started()) {
        if wave.ordinal > to {
            (wave.state, wave.started_at) = (WaveState::RolledBack, None);
        } else if wave.ordinal == to {
            wave.state = WaveState::Live;
        }
    }
    // A roll back is a sign of trouble: no later wave starts by itself until a person plans it again.
    for wave in rollout.waves.iter_mut().filter(|wave| wave.ordinal > to) {
        wave.planned_start = None;
    }
    rollout.roll_backs.retain(|before| before.to < to);
    rollout.roll_backs.push(RollBack { revision: rollout.revision, to });
    Ok(())
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
mod tests {
    use tidegate_core::{Edge, Issuers, Named, Revision, RolloutState, Salt, Unit, Wave};

    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_micros(1_700_000_000_000_000);

    fn name(text: &str) -> Approver {
        Approver::holder(text.parse().unwrap())
    }

    /// A draft with so many waves.
    fn draft(waves: u32) -> Rollout {
        let wave = |ordinal| Wave {
            ordinal: Ordinal(ordinal),
            title: "wave".parse().unwrap(),
            audience: None,
            edge: Edge::default(),
            products: Vec::new(),
            state: WaveState::Draft,
            started_at: None,
            planned_start: None,
            soak: None,
            gates: Vec::new(),
        };
        Rollout {
            key: "two-step".parse().unwrap(),
            title: "Two-step".parse().unwrap(),
            products: Vec::new(),
            unit: Unit::Account,
            salt: Salt([0; 16]),
            holdout: Edge::default(),
            allow: Named::default(),
            deny: Named::default(),
            waves: (1..=waves).map(wave).collect(),
            method: None,
            ladder: Vec::new(),
            holds: Vec::new(),
            paused_at: None,
            stop: None,
            roll_backs: Vec::new(),
            advance_window: None,
            revision: Revision::FIRST,
            created_at: NOW,
            updated_at: NOW,
        }
    }

    /// A rollout with two of three waves started.
    fn live() -> Rollout {
        let mut rollout = draft(3);
        start(&mut rollout, NOW).unwrap();
        advance(&mut rollout, NOW).unwrap();
        rollout
    }

    fn paused() -> Rollout {
        let mut rollout = live();
        pause(&mut rollout, NOW).unwrap();
        rollout
    }

    fn stopped() -> Rollout {
        let mut rollout = live();
        stop(&mut rollout, name("Ann"), None, NOW);
        rollout
    }

    fn rolled_back() -> Rollout {
        let mut rollout = live();
        roll_back(&mut rollout, Ordinal(0)).unwrap();
        rollout
    }

    fn waves(rollout: &Rollout) -> Vec<WaveState> {
        rollout.waves.iter().map(|wave| wave.state).collect()
    }

    fn turned(mut rollout: Rollout, verb: impl FnOnce(&mut Rollout)) -> Vec<WaveState> {
        verb(&mut rollout);
        waves(&rollout)
    }

    #[test]
    fn each_state_is_told() {
        use RolloutState::{Draft, Live, Paused, RolledBack, Stopped};
        let states = [draft(3), live(), paused(), stopped(), rolled_back()].map(|rollout| rollout.state());
        assert_eq!(states, [Draft, Live, Paused, Stopped, RolledBack]);
    }

    #[test]
    fn waves_start_one_after_the_other() {
        use WaveState::{Done, Draft, Live};
        let mut rollout = draft(2);
        assert_eq!(start(&mut rollout, NOW), Ok(Ordinal(1)));
        assert_eq!((waves(&rollout), rollout.waves[0].started_at), (vec![Live, Draft], Some(NOW)));
        assert_eq!(advance(&mut rollout, NOW), Ok(Ordinal(2)));
        assert_eq!(waves(&rollout), [Done, Live]);
        assert_eq!(advance(&mut rollout, NOW), Err(LifecycleError::NoWaveLeft));
    }

    #[test]
    fn start_is_for_the_first_wave_alone() {
        let started = |mut rollout: Rollout| start(&mut rollout, NOW);
        assert_eq!(started(draft(0)), Err(LifecycleError::NoWaveLeft));
        assert_eq!(started(draft(1)), Ok(Ordinal(1)));
        assert_eq!([live(), paused(), stopped()].map(started), [Err(LifecycleError::Started); 3]);
        assert_eq!(started(rolled_back()), Ok(Ordinal(1)));
    }

    #[test]
    fn nothing_advances_before_it_started_nor_while_it_is_held() {
        let advanced = |mut rollout: Rollout| advance(&mut rollout, NOW);
        assert_eq!(advanced(draft(1)), Err(LifecycleError::NotStarted));
        assert_eq!(advanced(live()), Ok(Ordinal(3)));
        assert_eq!(advanced(paused()), Err(LifecycleError::Paused));
        assert_eq!(advanced(stopped()), Err(LifecycleError::Stopped));
        assert_eq!(advanced(rolled_back()), Err(LifecycleError::NotStarted));
    }

    /// A pause and a stop outlive a roll back of every wave.
    #[test]
    fn nothing_starts_again_while_it_is_held() {
        let anew = |mut rollout: Rollout| {
            roll_back(&mut rollout, Ordinal(0)).unwrap();
            start(&mut rollout, NOW)
        };
        assert_eq!(
            [paused(), stopped()].map(anew),
            [Err(LifecycleError::Paused), Err(LifecycleError::Stopped)]
        );
    }

    #[test]
    fn a_pause_is_set_once_and_lifted_once() {
        let set = |mut rollout: Rollout| pause(&mut rollout, NOW);
        assert_eq!([draft(1), rolled_back()].map(set), [Err(LifecycleError::NotStarted); 2]);
        assert_eq!([live(), stopped()].map(set), [Ok(Did::Change); 2]);
        assert_eq!(set(paused()), Ok(Did::Nothing));
        let lifted = |mut rollout: Rollout| resume(&mut rollout, NOW);
        assert_eq!(
            [draft(1), live(), stopped(), rolled_back()].map(lifted),
            [Err(LifecycleError::NotPaused); 4]
        );
        assert_eq!(lifted(paused()), Ok(()));
    }

    #[test]
    fn a_roll_back_takes_the_last_waves_whatever_holds_it() {
        use WaveState::{Draft, Live, RolledBack};
        for held in [live(), paused(), stopped()] {
            let one = turned(held.clone(), |rollout| roll_back(rollout, Ordinal(1)).unwrap());
            assert_eq!(one, [Live, RolledBack, Draft]);
            let all = turned(held, |rollout| roll_back(rollout, Ordinal(0)).unwrap());
            assert_eq!(all, [RolledBack, RolledBack, Draft]);
        }
    }

    #[test]
    fn a_roll_back_needs_something_to_take() {
        let back = |mut rollout: Rollout, to| roll_back(&mut rollout, Ordinal(to));
        assert_eq!(back(draft(1), 0), Err(LifecycleError::NotStarted));
        assert_eq!(back(rolled_back(), 0), Err(LifecycleError::NotStarted));
        assert_eq!(back(live(), 2), Err(LifecycleError::NothingToRollBack { last: Ordinal(2) }));
        assert_eq!(back(live(), 9), Err(LifecycleError::NothingToRollBack { last: Ordinal(2) }));
    }

    /// The earlier one still counts for what was shown before it, unless the later one goes as far.
    #[test]
    fn roll_backs_are_kept_as_long_as_they_take_something() {
        let mut rollout = draft(4);
        let mut back = |revision, to| {
            start(&mut rollout, NOW).ok();
            while advance(&mut rollout, NOW).is_ok() {}
            rollout.revision = Revision(revision);
            roll_back(&mut rollout, Ordinal(to)).unwrap();
            rollout.roll_backs.iter().map(|back| (back.revision.0, back.to.0)).collect::<Vec<_>>()
        };
        assert_eq!(back(3, 1), [(3, 1)]);
        assert_eq!(back(5, 3), [(3, 1), (5, 3)]);
        assert_eq!(back(7, 2), [(3, 1), (7, 2)]);
        assert_eq!(back(9, 1), [(9, 1)]);
        assert_eq!(back(11, 0), [(11, 0)]);
    }

    #[test]
    fn anything_can_be_stopped_once() {
        let thrown = |mut rollout: Rollout| {
            let did = stop(&mut rollout, name("Bob"), None, NOW);
            (did, rollout.stop.map(|stop| stop.by))
        };
        for rollout in [draft(1), live(), paused(), rolled_back()] {
            assert_eq!(thrown(rollout), (Did::Change, Some(name("Bob"))));
        }
        assert_eq!(thrown(stopped()), (Did::Nothing, Some(name("Ann"))));
    }

    #[test]
    fn two_persons_clear_a_stop() {
        let mut rollout = stopped();
        assert_eq!(clear_stop(&mut rollout, name("Bob"), NOW), Ok(Clearing::Asked));
        assert_eq!(clear_stop(&mut rollout, name(" bob "), NOW), one_person(OnePerson::SamePerson));
        assert_eq!(clear_stop(&mut rollout, name("Cas"), NOW), Ok(Clearing::Cleared));
        assert_eq!(rollout.stop, None);
        let clear = |mut rollout: Rollout| clear_stop(&mut rollout, name("Bob"), NOW);
        let none = [draft(1), live(), paused(), rolled_back()].map(clear);
        assert_eq!(none, [Err(LifecycleError::NotStopped); 4]);
    }

    fn one_person(why: OnePerson) -> Result<Clearing, LifecycleError> {
        Err(LifecycleError::OnePerson(why))
    }

    /// The persons behind the credential, after its holder.
    fn made_by(text: &str, issuers: &[&str]) -> Approver {
        let names = issuers.iter().rev().map(|name| name.parse().unwrap());
        let issuers = names.fold(Issuers::operator(), |all, name| all.and(&name));
        Approver { issuers, ..name(text) }
    }

    #[test]
    fn two_credentials_behind_which_there_may_be_one_person_are_one() {
        let second = |first: Approver, second: Approver| {
            let mut rollout = stopped();
            clear_stop(&mut rollout, first, NOW).and_then(|_| clear_stop(&mut rollout, second, NOW))
        };
        let by_one = one_person(OnePerson::SameIssuer);
        for (one, other) in [
            (made_by("Bob", &["Ann"]), made_by("Cas", &["Ann"])),
            (made_by("Bob", &["Ann"]), made_by("Ann", &[])),
            (made_by("Bob", &["Dan", "Ann"]), made_by("Cas", &["Eve", "\u{410}nn"])),
            (made_by("Bob", &["Dan", "Ann"]), made_by("Cas", &["Dan"])),
        ] {
            assert_eq!(second(one.clone(), other.clone()), by_one, "{one:?} {other:?}");
            assert_eq!(second(other, one), by_one);
        }
        for (one, other) in [
            (made_by("Bob", &["Ann"]), made_by("Cas", &[])),
            (made_by("Bob", &["Ann"]), made_by("Cas", &["Dan"])),
        ] {
            assert_eq!(second(one, other), Ok(Clearing::Cleared));
        }
    }

    #[test]
    fn a_credential_whose_issuer_is_not_known_counts_for_nobody() {
        let unknown = Approver { issuers: Issuers::unknown(), ..name("Bob") };
        let refused = one_person(OnePerson::IssuerNotKnown);
        let mut rollout = stopped();
        assert_eq!(clear_stop(&mut rollout, unknown.clone(), NOW), refused);
        assert_eq!(clear_stop(&mut rollout, name("Cas"), NOW), Ok(Clearing::Asked));
        assert_eq!(clear_stop(&mut rollout, unknown, NOW), refused);
    }

    #[test]
    fn a_new_stop_and_any_change_remove_the_first_consent() {
        let asked = || {
            let mut rollout = stopped();
            clear_stop(&mut rollout, name("Bob"), NOW).unwrap();
            rollout
        };
        let (mut again, mut changed) = (asked(), asked());
        assert_eq!(stop(&mut again, name("Cas"), None, NOW), Did::Change);
        forget_clearing(&mut changed);
        for mut rollout in [again, changed] {
            assert_eq!(clear_stop(&mut rollout, name("Cas"), NOW), Ok(Clearing::Asked));
        }
    }
}
