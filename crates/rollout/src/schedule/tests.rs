use tidegate_core::{Edge, Named, Revision, Salt, Span, Stop, Unit, WaveState};

use super::*;
use crate::{lifecycle, zones};

const NOW: Timestamp = Timestamp::from_unix_micros(1_772_442_000_000_000);

/// A wave that is planned for so many days from now.
fn wave(ordinal: u32, days: Option<i64>) -> Wave {
    let utc = "UTC".parse().unwrap();
    let planned = |days| {
        let local = zones::local_at(NOW.plus(Span::days(days)), &utc).unwrap();
        zones::resolve(local, &utc, None).unwrap()
    };
    Wave {
        ordinal: Ordinal(ordinal),
        title: "wave".parse().unwrap(),
        audience: None,
        edge: Edge::default(),
        products: Vec::new(),
        state: WaveState::Draft,
        started_at: None,
        taken_back: std::collections::BTreeSet::new(),
        planned_start: days.map(planned),
        soak: None,
        gates: Vec::new(),
    }
}

fn rollout(waves: Vec<Wave>) -> Rollout {
    Rollout {
        key: "two-step".parse().unwrap(),
        title: "Two-step".parse().unwrap(),
        products: vec!["kasa".parse().unwrap()],
        unit: Unit::Account,
        salt: Salt([0; 16]),
        holdout: Edge::default(),
        allow: Named::default(),
        deny: Named::default(),
        waves,
        method: None,
        ladder: Vec::new(),
        ladder_since: None,
        holds: Vec::new(),
        archived_at: None,
        paused_at: None,
        stop: None,
        roll_backs: Vec::new(),
        advance_window: None,
        revision: Revision::FIRST,
        created_at: NOW,
        updated_at: NOW,
    }
}

fn numbers(shown: u64, started: u64, active: u64) -> WaveNumbers {
    WaveNumbers { shown, started, active, ..WaveNumbers::default() }
}

fn share(ppm: u32) -> Share {
    Share::try_from(ppm).unwrap()
}

#[test]
fn a_gate_passes_at_its_bound() {
    use GateMeasure::{Active, Challenged, Failed, Passed, Recovered, Shown, Started};
    let at_least = Gate::AtLeast { measure: Shown, count: 100 };
    let share_at_least = Gate::ShareAtLeast { measure: Active, of: Started, share: share(600_000) };
    let share_at_most = Gate::ShareAtMost { measure: Started, of: Shown, share: share(50_000) };
    let few_failed = Gate::ShareAtMost { measure: Failed, of: Challenged, share: share(50_000) };
    let nobody_recovered = Gate::ShareAtMost { measure: Recovered, of: Passed, share: share(0) };
    for (gate, numbers, passes) in [
        (at_least, numbers(99, 0, 0), false),
        (at_least, numbers(100, 0, 0), true),
        (share_at_least, numbers(0, 10, 6), true),
        (share_at_least, numbers(0, 1_000_000, 599_999), false),
        // Of nothing there is no share.
        (share_at_least, numbers(9, 0, 0), false),
        (share_at_most, numbers(0, 0, 0), false),
        (share_at_most, numbers(100, 5, 0), true),
        (share_at_most, numbers(100, 6, 0), false),
        (share_at_most, numbers(u64::MAX, u64::MAX, 0), false),
        (few_failed, WaveNumbers { challenged: 100, passed: 99, failed: 5, ..numbers(0, 0, 0) }, true),
        (few_failed, WaveNumbers { challenged: 100, passed: 99, failed: 6, ..numbers(0, 0, 0) }, false),
        (few_failed, WaveNumbers { failed: 0, ..numbers(9, 9, 9) }, false),
        (nobody_recovered, WaveNumbers { passed: 10, recovered: 0, ..numbers(0, 0, 0) }, true),
        (nobody_recovered, WaveNumbers { passed: 10, recovered: 1, ..numbers(0, 0, 0) }, false),
    ] {
        let mut waves = vec![wave(1, Some(0)), wave(2, Some(0))];
        waves[1].gates = vec![gate];
        let mut rollout = rollout(waves);
        lifecycle::start(&mut rollout, NOW).unwrap();
        let starts = due(&rollout, numbers, NOW) == Due::Start(vec![Ordinal(2)]);
        assert_eq!(starts, passes, "{gate:?} {numbers:?}");
    }
}

#[test]
fn everything_that_holds_a_wave_is_told() {
    let mut waves = vec![wave(1, Some(0)), wave(2, Some(1))];
    waves[1].soak = Some(Span::days(3));
    let gate = Gate::AtLeast { measure: GateMeasure::Active, count: 1 };
    waves[1].gates = vec![gate];
    let mut rollout = rollout(waves);
    lifecycle::start(&mut rollout, NOW).unwrap();
    lifecycle::pause(&mut rollout, NOW).unwrap();
    rollout.stop = Some(Stop {
        since: NOW,
        by: tidegate_core::Approver::holder("Ann".parse().unwrap()),
        reason: None,
        cleared_by: None,
    });
    let planned = rollout.waves[1].planned_start.clone().unwrap();
    let standing = GateStanding { gate, count: 0, of: None };
    let until = NOW.plus(Span::days(3));
    let waits = vec![
        Waiting::Stopped,
        Waiting::Paused,
        Waiting::PlannedStart(planned),
        Waiting::Soak { until },
        Waiting::Gate(standing),
    ];
    assert_eq!(due(&rollout, numbers(0, 0, 0), NOW), Due::Waiting { wave: Ordinal(2), waits: waits.clone() });
    assert_eq!((earliest(&waits), earliest(&waits[2..])), (None, Some(until)));
    assert_eq!(rollout.may_start_at(), None);
}

/// Every plan of three waves, with or without soaks and gates, at every day: what starts is a run of waves in order whose times
/// have come, and it is longer than one only where nothing lies between.
#[test]
fn what_starts_is_due_and_crosses_no_gate() {
    let days = [None, Some(0), Some(1)];
    let mut looked = 0;
    for plan in 0..27 {
        for holds in 0..64_u32 {
            let waves = (0..3).map(|place| {
                let mut wave = wave(place + 1, days[plan / 3_usize.pow(place) % 3]);
                wave.soak = (holds >> place & 1 == 1).then(|| Span::days(1));
                let gate = Gate::AtLeast { measure: GateMeasure::Shown, count: 1 };
                wave.gates = (holds >> (place + 3) & 1 == 1).then_some(gate).into_iter().collect();
                wave
            });
            let mut rollout = rollout(waves.collect());
            for day in 0..6 {
                let now = NOW.plus(Span::days(day));
                for shown in [0, 1] {
                    let Due::Start(starting) = due(&rollout, numbers(shown, 0, 0), now) else { continue };
                    assert!(rollout.may_start_at().is_some_and(|at| at <= now));
                    let unstarted = rollout.waves.iter().filter(|wave| !wave.is_started());
                    let run: Vec<_> = unstarted.take(starting.len()).cloned().collect();
                    assert_eq!(run.iter().map(|wave| wave.ordinal).collect::<Vec<_>>(), starting);
                    let planned =
                        |wave: &Wave| wave.planned_start.as_ref().is_some_and(|at| at.instant <= now);
                    assert!(run.iter().all(planned));
                    assert!(
                        run.len() == 1 || run.iter().all(|wave| wave.soak.is_none() && wave.gates.is_empty())
                    );
                    for _ in starting {
                        lifecycle::start_or_advance(&mut rollout, now).unwrap();
                    }
                    looked += 1;
                }
            }
        }
    }
    assert!(looked > 1_000, "{looked}");
}

/// When the scheduler looks first is never after the wave may start.
#[test]
fn a_wave_is_looked_at_in_time() {
    let mut waves = vec![wave(1, Some(2)), wave(2, Some(3))];
    waves[1].soak = Some(Span::days(4));
    let mut rollout = rollout(waves);
    assert_eq!(rollout.may_start_at(), Some(NOW.plus(Span::days(2))));
    lifecycle::start(&mut rollout, NOW.plus(Span::days(2))).unwrap();
    assert_eq!(rollout.may_start_at(), Some(NOW.plus(Span::days(6))));
    let none = WaveNumbers::default();
    assert_eq!(due(&rollout, none, NOW.plus(Span::days(6))), Due::Start(vec![Ordinal(2)]));
    lifecycle::roll_back(&mut rollout, Ordinal(0), &std::collections::BTreeSet::new()).unwrap();
    assert_eq!(rollout.may_start_at(), None);
    assert!(matches!(due(&rollout, none, NOW.plus(Span::days(9))), Due::Waiting { .. }));
}

#[test]
fn a_plan_that_cannot_be_kept_is_warned_of() {
    let told = |rollout: &Rollout| {
        let warnings = crate::warnings(rollout).into_iter();
        let told: Vec<_> = warnings.filter(|one| !one.field.ends_with("edge_ppm")).collect();
        told.iter().map(|one| format!("{}: {}", one.field, one.message)).collect::<Vec<_>>()
    };
    let mut planned = rollout(vec![wave(1, Some(1)), wave(2, Some(2))]);
    assert_eq!(told(&planned), [""; 0]);
    (planned.waves[0].soak, planned.waves[1].soak) = (Some(Span::days(1)), Some(Span::days(1)));
    assert_eq!(told(&planned), ["waves[1].soak: it has no effect: no wave starts before this one"]);
    let mut by_hand = rollout(vec![wave(1, None), wave(2, Some(2))]);
    by_hand.waves[0].gates = vec![Gate::AtLeast { measure: GateMeasure::Shown, count: 1 }];
    let person = "it does not start by itself before a person has started wave 1, which has no planned start";
    assert_eq!(
        told(&by_hand),
        [
            "waves[1].gates: it has no effect: the wave has no planned start, so a person starts it"
                .to_owned(),
            format!("waves[2].planned_start: {person}"),
        ]
    );
    // 2 March 2026, 09:00 UTC, is a Monday.
    let mut closed = rollout(vec![wave(1, Some(1)), wave(2, Some(5))]);
    closed.advance_window = Some(tidegate_core::AdvanceWindow {
        days: [tidegate_core::Weekday::Monday, tidegate_core::Weekday::Tuesday].into(),
        opens: "08:00".parse().unwrap(),
        closes: "16:00".parse().unwrap(),
        zone: "UTC".parse().unwrap(),
    });
    let opens = "the advance window is closed then: the wave starts at 2026-03-09T08:00 UTC";
    assert_eq!(told(&closed), [format!("waves[2].planned_start: {opens}")]);
}

#[test]
fn a_plan_is_paused_before_its_first_wave() {
    let mut rollout = rollout(vec![wave(1, Some(1))]);
    lifecycle::pause(&mut rollout, NOW).unwrap();
    let late = NOW.plus(Span::days(2));
    assert!(matches!(due(&rollout, WaveNumbers::default(), late), Due::Waiting { .. }));
    lifecycle::resume(&mut rollout, late).unwrap();
    assert_eq!(due(&rollout, WaveNumbers::default(), late), Due::Start(vec![Ordinal(1)]));
}
