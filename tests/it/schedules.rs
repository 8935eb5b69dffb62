//! Waves that start by themselves: when exactly, when not, and once however many servers run.

use proto::{GateMeasure, WaveDraft, WaveState, Weekday, gate::Condition, waiting_for::Kind};
use tidegate_core::{Role, Span, Timestamp};
use tidegate_proto as proto;
use tidegate_service::rollouts::Scheduler;

use crate::{
    manage::{Managed, draft},
    numbers::tried,
    owner::Device,
    raw,
    setting::Kasa,
    test_server::TestServer,
};

const BERLIN: &str = "Europe/Berlin";

fn at(text: &str) -> Timestamp {
    Timestamp::from_rfc3339(text).unwrap()
}

/// A wave that is planned for a local time in Berlin.
pub fn planned(local: &str) -> WaveDraft {
    let (local, zone) = (local.to_owned(), BERLIN.to_owned());
    let planned_start = Some(proto::LocalTime { local, zone, ..Default::default() });
    WaveDraft { planned_start, ..draft("wave", 1_000_000, &[]) }
}

pub fn soaking(days: i64, wave: WaveDraft) -> WaveDraft {
    let soak = Some(prost_types::Duration { seconds: days * 86_400, nanos: 0 });
    WaveDraft { soak, ..wave }
}

pub fn gated(count: i64, wave: WaveDraft) -> WaveDraft {
    let gate = proto::CountGate { measure: GateMeasure::Active.into(), count };
    WaveDraft { gates: vec![proto::Gate { condition: Some(Condition::AtLeast(gate)) }], ..wave }
}

pub fn workdays() -> proto::AdvanceWindow {
    let days = [Weekday::Monday, Weekday::Tuesday, Weekday::Wednesday, Weekday::Thursday, Weekday::Friday];
    proto::AdvanceWindow {
        days: days.map(Into::into).to_vec(),
        opens: "09:00".into(),
        closes: "16:00".into(),
        zone: BERLIN.into(),
    }
}

/// A rollout with these waves, and the scheduler of the server.
async fn with(server: &TestServer, waves: Vec<WaveDraft>) -> (Managed, Scheduler) {
    let operator = server.operator();
    operator.product("kasa").await;
    let request = proto::CreateRolloutRequest {
        key: "two-step".into(),
        title: "Two-step".into(),
        products: vec!["kasa".into()],
        waves,
        ..Default::default()
    };
    let rollout = operator.ok(request).await.rollout.unwrap();
    (Managed::new(&operator, &rollout), Scheduler::new(server.app.clone()))
}

async fn get(rollout: &Managed) -> proto::GetRolloutResponse {
    let answer = rollout.manager.ok(proto::GetRolloutRequest { rollout: rollout.key.clone() }).await;
    rollout.keep(answer.rollout.as_ref().unwrap());
    answer
}

async fn states(rollout: &Managed) -> Vec<WaveState> {
    get(rollout).await.rollout.unwrap().waves.iter().map(proto::Wave::state).collect()
}

async fn waits(rollout: &Managed) -> Vec<Kind> {
    get(rollout).await.waiting_for.into_iter().filter_map(|waiting| waiting.kind).collect()
}

async fn revision(rollout: &Managed) -> i64 {
    get(rollout).await.rollout.unwrap().revision
}

fn wire(at: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: at.unix_seconds(), nanos: 0 }
}

/// How often each wave was started, from the events.
async fn starts(server: &TestServer) -> i64 {
    raw::count(server, "SELECT count(*) FROM events WHERE fact LIKE '%wave_started%'").await
}

on_both! {
    async fn a_planned_time_is_kept_to_the_millisecond(server) {
        let (rollout, scheduler) = with(&server, vec![planned("2026-03-09T09:00"), draft("all", 1_000_000, &[])]).await;
        let nine = at("2026-03-09T08:00:00Z");
        server.clock.set(nine.minus(Span::millis(1)));
        scheduler.start_due().await.unwrap();
        assert_eq!(states(&rollout).await, [WaveState::Scheduled, WaveState::Draft]);
        let [Kind::PlannedStart(start)] = &waits(&rollout).await[..] else { panic!("it waits for something else") };
        assert_eq!((start.time, start.offset.as_str()), (Some(wire(nine)), "+01:00"));
        server.clock.set(nine);
        scheduler.start_due().await.unwrap();
        let live = get(&rollout).await;
        let wave = &live.rollout.as_ref().unwrap().waves[0];
        assert_eq!((wave.state(), wave.start_time), (WaveState::Live, Some(wire(nine))));
        assert_eq!((live.next_wave, &live.waiting_for[0].kind), (2, &Some(Kind::Person(true))));
        let history = proto::ListRevisionsRequest { rollout: rollout.key.clone(), ..Default::default() };
        let newest = &rollout.manager.ok(history).await.revisions[0];
        assert_eq!(
            (newest.author.as_str(), newest.reason.as_str()),
            ("worker/scheduler", "planned start 2026-03-09T09:00 Europe/Berlin")
        );
        // Nothing else is planned, and nothing else happens.
        server.pass(Span::days(365));
        scheduler.start_due().await.unwrap();
        assert_eq!(states(&rollout).await, [WaveState::Live, WaveState::Draft]);
    }

    async fn a_wave_waits_until_the_one_before_has_soaked(server) {
        let (rollout, scheduler) =
            with(&server, vec![planned("2026-03-09T09:00"), soaking(3, planned("2026-03-10T09:00"))]).await;
        server.clock.set(at("2026-03-09T10:00:00Z"));
        scheduler.start_due().await.unwrap();
        // The first one came two hours late, so its soak ends two hours later too.
        let end = at("2026-03-12T10:00:00Z");
        server.clock.set(end.minus(Span::millis(1)));
        scheduler.start_due().await.unwrap();
        assert_eq!(waits(&rollout).await, [Kind::SoakEndTime(wire(end))]);
        server.clock.set(end);
        scheduler.start_due().await.unwrap();
        assert_eq!(states(&rollout).await, [WaveState::Done, WaveState::Live]);
    }

    async fn a_gate_holds_until_its_number_is_reached(server) {
        let (rollout, scheduler) =
            with(&server, vec![planned("2026-03-09T09:00"), gated(1, planned("2026-03-10T09:00"))]).await;
        let person = server.operator().person("ann").await;
        server.clock.set(at("2026-03-10T08:00:00Z"));
        scheduler.start_due().await.unwrap();
        scheduler.start_due().await.unwrap();
        assert_eq!(states(&rollout).await, [WaveState::Live, WaveState::Scheduled]);
        let [Kind::Gate(gate)] = &waits(&rollout).await[..] else { panic!("it waits for something else") };
        assert_eq!(gate.count, 0);
        let app = server.actor("app", Role::Frontend).await;
        let session = app.sign_in(&person, "kasa", &Device::new("phone")).await;
        app.enroll(&session, &person).await;
        assert_eq!(waits(&rollout).await, []);
        server.pass(Span::seconds(15));
        scheduler.start_due().await.unwrap();
        assert_eq!(states(&rollout).await, [WaveState::Done, WaveState::Live]);
    }

    /// Second steps are counted from the record, and only those of the wave's accounts.
    async fn a_gate_holds_while_too_many_answers_fail(server) {
        let few_failed = proto::ShareGate {
            measure: GateMeasure::Failed.into(),
            of: GateMeasure::Challenged.into(),
            share_ppm: 340_000,
        };
        let gates = vec![proto::Gate { condition: Some(Condition::ShareAtMost(few_failed)) }];
        let after = WaveDraft { gates, ..planned("2026-03-10T09:00") };
        let (rollout, scheduler) = with(&server, vec![planned("2026-03-09T09:00"), after]).await;
        server.clock.set(at("2026-03-10T08:00:00Z"));
        scheduler.start_due().await.unwrap();
        let frontend = server.actor("frontend", Role::Frontend).await;
        let kasa = Kasa { server: server.clone(), admin: server.operator(), frontend };
        let owner = kasa.owner("ann").await;
        let held = async || {
            server.fold().await;
            match &waits(&rollout).await[..] {
                [] => None,
                [Kind::Gate(gate)] => Some((gate.count, gate.of_count)),
                other => panic!("it waits for {other:?}"),
            }
        };
        // Of nothing there is no share.
        assert_eq!(held().await, Some((0, 0)));
        tried(&kasa, &owner, true).await;
        assert_eq!(held().await, Some((1, 1)));
        tried(&kasa, &owner, false).await;
        assert_eq!(held().await, Some((1, 2)));
        scheduler.start_due().await.unwrap();
        assert_eq!(states(&rollout).await, [WaveState::Live, WaveState::Scheduled]);
        tried(&kasa, &owner, false).await;
        assert_eq!(held().await, None);
        server.pass(Span::seconds(15));
        scheduler.start_due().await.unwrap();
        assert_eq!(states(&rollout).await, [WaveState::Done, WaveState::Live]);
    }

    /// The clocks go forward on Sunday, 29 March.
    async fn a_window_keeps_waves_out_of_nights_and_weekends(server) {
        let (rollout, scheduler) = with(&server, vec![planned("2026-03-27T17:00")]).await;
        rollout.keep_to(workdays()).await;
        let monday = at("2026-03-30T07:00:00Z");
        for closed in ["2026-03-27T16:00:00Z", "2026-03-28T12:00:00Z", "2026-03-30T06:59:59Z"] {
            server.clock.set(at(closed));
            scheduler.start_due().await.unwrap();
            assert_eq!(waits(&rollout).await, [Kind::WindowOpenTime(wire(monday))], "{closed}");
        }
        server.clock.set(monday);
        scheduler.start_due().await.unwrap();
        assert_eq!(states(&rollout).await, [WaveState::Live]);
    }

    /// After an outage, waves with neither soak nor gate start in one revision.
    async fn overdue_waves_are_caught_up_in_one_revision(server) {
        use WaveState::{Done, Live, Scheduled};
        let plain = |day: u32| planned(&format!("2026-03-{day:02}T09:00"));
        let waves = vec![plain(9), plain(10), plain(11), soaking(2, plain(12)), plain(13), plain(30)];
        let (rollout, scheduler) = with(&server, waves).await;
        server.clock.set(at("2026-03-20T08:00:00Z"));
        scheduler.start_due().await.unwrap();
        assert_eq!(states(&rollout).await, [Done, Done, Live, Scheduled, Scheduled, Scheduled]);
        assert_eq!((revision(&rollout).await, starts(&server).await), (2, 3));
        let history = proto::ListRevisionsRequest { rollout: rollout.key.clone(), ..Default::default() };
        let reason = rollout.manager.ok(history).await.revisions[0].reason.clone();
        assert_eq!(reason, "planned starts of waves 1 to 3, the last 2026-03-11T09:00 Europe/Berlin");
        server.pass(Span::days(2));
        scheduler.start_due().await.unwrap();
        assert_eq!(states(&rollout).await, [Done, Done, Done, Live, Scheduled, Scheduled]);
        scheduler.start_due().await.unwrap();
        assert_eq!(states(&rollout).await, [Done, Done, Done, Done, Live, Scheduled]);
        assert_eq!((revision(&rollout).await, starts(&server).await), (4, 5));
    }

    async fn nothing_starts_while_it_is_paused_or_stopped(server) {
        let (rollout, scheduler) =
            with(&server, vec![planned("2026-03-09T09:00"), planned("2026-03-10T09:00"), planned("2026-03-11T09:00")])
                .await;
        server.clock.set(at("2026-03-09T08:00:00Z"));
        scheduler.start_due().await.unwrap();
        get(&rollout).await;
        rollout.pause().await;
        server.clock.set(at("2026-03-10T12:00:00Z"));
        scheduler.start_due().await.unwrap();
        assert_eq!(waits(&rollout).await, [Kind::Resume(true)]);
        rollout.resume().await;
        scheduler.start_due().await.unwrap();
        get(&rollout).await;
        rollout.stop("trouble").await;
        server.clock.set(at("2026-03-11T12:00:00Z"));
        scheduler.start_due().await.unwrap();
        assert_eq!(waits(&rollout).await, [Kind::ClearStop(true)]);
        assert_eq!(states(&rollout).await, [WaveState::Done, WaveState::Live, WaveState::Scheduled]);
    }

    /// A wave that was taken back in haste must not come back by itself a second later.
    async fn a_roll_back_takes_the_plans_of_later_waves(server) {
        let (rollout, scheduler) =
            with(&server, vec![planned("2026-03-09T09:00"), planned("2026-03-10T09:00"), planned("2026-03-11T09:00")])
                .await;
        server.clock.set(at("2026-03-10T08:00:00Z"));
        scheduler.start_due().await.unwrap();
        get(&rollout).await;
        rollout.roll_back(1).await;
        server.pass(Span::days(30));
        scheduler.start_due().await.unwrap();
        assert_eq!(states(&rollout).await, [WaveState::Live, WaveState::RolledBack, WaveState::Draft]);
        assert_eq!(waits(&rollout).await, [Kind::Person(true)]);
        // Planned again, it starts again.
        rollout.plan(2, planned("2026-05-04T09:00")).await;
        server.clock.set(at("2026-05-04T07:00:00Z"));
        scheduler.start_due().await.unwrap();
        assert_eq!(states(&rollout).await, [WaveState::Done, WaveState::Live, WaveState::Draft]);
    }

    /// A person who starts a wave by hand goes before the plan, and the plan goes on from there.
    async fn a_person_may_advance_at_any_time(server) {
        let (rollout, scheduler) =
            with(&server, vec![planned("2026-03-09T09:00"), gated(100, soaking(9, planned("2026-03-10T09:00")))]).await;
        rollout.keep_to(workdays()).await;
        rollout.start().await;
        rollout.advance().await;
        server.clock.set(at("2026-03-11T09:00:00Z"));
        scheduler.start_due().await.unwrap();
        assert_eq!((states(&rollout).await, starts(&server).await), (vec![WaveState::Done, WaveState::Live], 2));
    }

    async fn two_schedulers_take_each_step_once(server) {
        let waves = (9..19).map(|day| soaking(0, planned(&format!("2026-03-{day:02}T09:00")))).collect();
        let (rollout, first) = with(&server, waves).await;
        let replica = server.replica().await;
        let second = Scheduler::new(replica.app.clone());
        for day in 9..19 {
            server.clock.set(at(&format!("2026-03-{day:02}T08:00:00Z")));
            let (one, other, again) = tokio::join!(first.start_due(), second.start_due(), first.start_due());
            for result in [one, other, again] {
                result.unwrap();
            }
            assert_eq!((revision(&rollout).await, starts(&server).await), (day - 7, day - 8));
        }
    }

    /// Whenever a server dies, what it did not commit did not happen, and another one takes the step.
    async fn a_scheduler_that_dies_between_decision_and_write_loses_nothing(server) {
        let (rollout, first) = with(&server, vec![planned("2026-03-09T09:00"), soaking(1, planned("2026-03-10T09:00"))]).await;
        let second = Scheduler::new(server.reopened().await.app.clone());
        server.clock.set(at("2026-03-09T08:00:00Z"));
        let mut deaths = 0;
        // The first reading is that of the scheduler itself, and the others are those of the command.
        for reading in 2.. {
            server.clock.trip(reading);
            let died = first.start_due().await.is_err();
            server.clock.trip(0);
            if !died {
                break;
            }
            deaths += 1;
            assert_eq!((states(&rollout).await[0], starts(&server).await), (WaveState::Scheduled, 0), "{reading}");
        }
        assert!(deaths >= 3, "it died only {deaths} times");
        assert_eq!((revision(&rollout).await, starts(&server).await), (2, 1));

        server.clock.set(at("2026-03-10T08:00:00Z"));
        server.clock.trip(3);
        first.start_due().await.unwrap_err();
        server.clock.trip(0);
        // The lease of the one that died counts no more.
        second.start_due().await.unwrap();
        second.start_due().await.unwrap();
        assert_eq!((states(&rollout).await, starts(&server).await), (vec![WaveState::Done, WaveState::Live], 2));
    }
}
