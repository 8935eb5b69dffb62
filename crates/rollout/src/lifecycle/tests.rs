//! Every verb in every state.

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
        taken_back: BTreeSet::new(),
        planned_start: None,
        soak: None,
        gates: Vec::new(),
    };
    Rollout {
        key: "two-step".parse().unwrap(),
        title: "Two-step".parse().unwrap(),
        products: vec!["kasa".parse().unwrap(), "tapo".parse().unwrap()],
        unit: Unit::Account,
        salt: Salt([0; 16]),
        holdout: Edge::default(),
        allow: Named::default(),
        deny: Named::default(),
        waves: (1..=waves).map(wave).collect(),
        method: None,
        ladder: Vec::new(),
        ladder_since: None,
        holds: Vec::new(),
        advance_window: None,
        paused_at: None,
        stop: None,
        roll_backs: Vec::new(),
        archived_at: None,
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
    everywhere(&mut rollout, 0).unwrap();
    rollout
}

fn archived(mut rollout: Rollout) -> Rollout {
    assert_eq!(archive(&mut rollout, NOW), Ok(Did::Change));
    rollout
}

fn everywhere(rollout: &mut Rollout, to: u32) -> Result<(), LifecycleError> {
    roll_back(rollout, Ordinal(to), &BTreeSet::new())
}

fn at_kasa(rollout: &mut Rollout, to: u32) -> Result<(), LifecycleError> {
    roll_back(rollout, Ordinal(to), &["kasa".parse().unwrap()].into())
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
    use RolloutState::{Draft, Ended, Live, Paused, RolledBack, Stopped};
    let all = [draft(3), live(), paused(), stopped(), rolled_back(), archived(draft(3))];
    let states = all.map(|rollout| rollout.state());
    assert_eq!(states, [Draft, Live, Paused, Stopped, RolledBack, Ended]);
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
        everywhere(&mut rollout, 0).unwrap();
        start(&mut rollout, NOW)
    };
    assert_eq!([paused(), stopped()].map(anew), [Err(LifecycleError::Paused), Err(LifecycleError::Stopped)]);
}

#[test]
fn a_pause_is_set_once_and_lifted_once() {
    let set = |mut rollout: Rollout| pause(&mut rollout, NOW);
    assert_eq!([draft(1), rolled_back()].map(set), [Err(LifecycleError::NotStarted); 2]);
    assert_eq!([live(), stopped()].map(set), [Ok(Did::Change); 2]);
    assert_eq!(set(paused()), Ok(Did::Nothing));
    let lifted = |mut rollout: Rollout| resume(&mut rollout, NOW);
    assert_eq!([draft(1), live(), stopped(), rolled_back()].map(lifted), [Err(LifecycleError::NotPaused); 4]);
    assert_eq!(lifted(paused()), Ok(()));
}

#[test]
fn a_roll_back_takes_the_last_waves_whatever_holds_it() {
    use WaveState::{Draft, Live, RolledBack};
    for held in [live(), paused(), stopped()] {
        let one = turned(held.clone(), |rollout| everywhere(rollout, 1).unwrap());
        assert_eq!(one, [Live, RolledBack, Draft]);
        let all = turned(held, |rollout| everywhere(rollout, 0).unwrap());
        assert_eq!(all, [RolledBack, RolledBack, Draft]);
    }
}

#[test]
fn a_roll_back_needs_something_to_take() {
    let back = |mut rollout: Rollout, to| everywhere(&mut rollout, to);
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
        everywhere(&mut rollout, to).unwrap();
        rollout.roll_backs.iter().map(|back| (back.revision.0, back.to.0)).collect::<Vec<_>>()
    };
    assert_eq!(back(3, 1), [(3, 1)]);
    assert_eq!(back(5, 3), [(3, 1), (5, 3)]);
    assert_eq!(back(7, 2), [(3, 1), (7, 2)]);
    assert_eq!(back(9, 1), [(9, 1)]);
    assert_eq!(back(11, 0), [(11, 0)]);
}

/// What was taken back at one product stays taken back there until its wave starts once more.
#[test]
fn a_roll_back_at_a_product_leaves_the_others() {
    use WaveState::{Draft, Live, RolledBack};
    let (kasa, tapo) = ("kasa".parse().unwrap(), "tapo".parse().unwrap());
    let at = |rollout: &Rollout, product: &ProductKey| crate::waves::started(rollout, product).count();
    let mut rollout = live();
    at_kasa(&mut rollout, 1).unwrap();
    assert_eq!((at(&rollout, &kasa), at(&rollout, &tapo)), (1, 2));
    assert_eq!(waves(&rollout), waves(&live()));
    assert_eq!(at_kasa(&mut rollout, 1), Err(LifecycleError::NothingToRollBack { last: Ordinal(1) }));
    roll_back(&mut rollout, Ordinal(1), &[tapo.clone()].into()).unwrap();
    assert_eq!(waves(&rollout), [Live, RolledBack, Draft]);
    advance(&mut rollout, NOW).unwrap();
    assert_eq!((at(&rollout, &kasa), at(&rollout, &tapo)), (2, 2));
    at_kasa(&mut rollout, 0).unwrap();
    assert_eq!(at_kasa(&mut rollout, 0), Err(LifecycleError::NothingToRollBack { last: Ordinal(0) }));
    everywhere(&mut rollout, 0).unwrap();
    assert_eq!(waves(&rollout), [RolledBack, RolledBack, Draft]);
    assert!(rollout.waves.iter().all(|wave| wave.taken_back.is_empty()));
}

/// Started waves are always the first ones: a wave that is started nowhere stays one of them while a later wave is
/// started.
#[test]
fn started_waves_are_the_first_ones() {
    use WaveState::{Done, Draft, Live, RolledBack};
    let mut rollout = live();
    rollout.waves[1].products = vec!["tapo".parse().unwrap()];
    at_kasa(&mut rollout, 0).unwrap();
    assert_eq!(waves(&rollout), [Done, Live, Draft]);
    everywhere(&mut rollout, 1).unwrap();
    let first = rollout.waves[0].clone();
    assert_eq!((first.state, first.taken_back.len(), rollout.waves[1].state), (Live, 1, RolledBack));
}

#[test]
fn roll_backs_are_kept_for_the_products_that_no_later_one_takes() {
    let of = |revision, to, keys: &[&str]| RollBack {
        revision: Revision(revision),
        to: Ordinal(to),
        products: keys.iter().map(|key| key.parse().unwrap()).collect(),
    };
    let both = of(3, 1, &["kasa", "tapo"]);
    assert_eq!(both.clone().beside(&of(4, 0, &["kasa"])), Some(of(3, 1, &["tapo"])));
    assert_eq!(both.clone().beside(&of(4, 2, &["kasa"])), Some(both.clone()));
    assert_eq!(both.beside(&of(4, 1, &[])), None);
    assert_eq!(of(3, 1, &[]).beside(&of(4, 0, &["kasa"])), Some(of(3, 1, &[])));
}

#[test]
fn a_rollout_of_which_no_wave_is_started_can_be_archived() {
    let ended = |mut rollout: Rollout| archive(&mut rollout, NOW);
    assert_eq!(
        [draft(1), rolled_back(), archived(draft(1))].map(ended),
        [Ok(Did::Change), Ok(Did::Change), Ok(Did::Nothing)]
    );
    let last = LifecycleError::NotEnded { last: Ordinal(2) };
    assert_eq!([live(), paused(), stopped()].map(ended), [Err(last); 3]);
    let mut again = archived(rolled_back());
    assert_eq!((unarchive(&mut again), again.state()), (Ok(()), RolloutState::RolledBack));
    assert_eq!(unarchive(&mut again), Err(LifecycleError::NotArchived));
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
