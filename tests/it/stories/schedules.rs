//! Waves that are planned, and start by themselves.

use tidegate_core::{Role, Span};
use tidegate_proto as proto;
use tidegate_service::rollouts::Scheduler;

use crate::{
    manage::{Managed, draft},
    schedules::{gated, planned, soaking, workdays},
    story::tell,
};

fn request(waves: Vec<proto::WaveDraft>) -> proto::CreateRolloutRequest {
    proto::CreateRolloutRequest {
        key: "two-step".into(),
        title: "Two-step".into(),
        products: vec!["kasa".into()],
        waves,
        ..Default::default()
    }
}

#[tokio::test]
async fn waves_start_as_they_are_planned() {
    tell("schedules/1_waves", async |server| {
        server.operator().quiet().product("kasa").await;
        let manager = server.actor("manager", Role::RolloutManager).await;
        let scheduler = Scheduler::new(server.app.clone());
        let waves = vec![
            planned("2026-03-09T09:00"),
            gated(100, soaking(2, planned("2026-03-11T09:00"))),
            draft("all", 1_000_000, &[]),
        ];
        let create = proto::CreateRolloutRequest { advance_window: Some(workdays()), ..request(waves) };
        let rollout = manager.ok(create).await.rollout.unwrap();
        let rollout = Managed::new(&manager, &rollout);
        let get = proto::GetRolloutRequest { rollout: rollout.key.clone() };
        manager.ok(get.clone()).await;
        server.pass(Span::days(7));
        scheduler.start_due().await.unwrap();
        manager.ok(get.clone()).await;
        server.pass(Span::days(2));
        scheduler.start_due().await.unwrap();
        rollout.keep(&manager.ok(get).await.rollout.unwrap());
        rollout.advance().await;
        manager
            .ok(proto::ListRevisionsRequest {
                rollout: rollout.key.clone(),
                page_size: 1,
                ..Default::default()
            })
            .await;
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_planned() {
    tell("schedules/2_refused", async |server| {
        server.operator().quiet().product("kasa").await;
        let manager = server.actor("manager", Role::RolloutManager).await;
        // MORNING is 2 March 2026, 10:00 in Berlin.
        manager.refused(request(vec![planned("2026-03-02T09:59:59")])).await;
        manager.refused(request(vec![planned("2026-03-10T09:00"), planned("2026-03-09T09:00")])).await;
        manager.refused(request(vec![planned("2026-03-29T02:30")])).await;
        manager.refused(request(vec![planned("2026-10-25T02:30")])).await;
        let atlantis = |mut wave: proto::WaveDraft| {
            wave.planned_start.as_mut().unwrap().zone = "Europe/Atlantis".into();
            wave
        };
        manager.refused(request(vec![atlantis(planned("2026-03-09T09:00"))])).await;
        let window = proto::AdvanceWindow {
            days: vec![0],
            opens: "16:00".into(),
            closes: "09:00".into(),
            zone: "here".into(),
        };
        let gates = vec![
            proto::Gate::default(),
            proto::Gate { condition: Some(proto::gate::Condition::AtLeast(proto::CountGate::default())) },
            proto::Gate {
                condition: Some(proto::gate::Condition::ShareAtMost(proto::ShareGate {
                    measure: 1,
                    of: 1,
                    share_ppm: 1_000_001,
                })),
            },
        ];
        let wave = proto::WaveDraft { gates, ..soaking(366, planned("9 in the morning")) };
        let many =
            proto::WaveDraft { gates: vec![proto::Gate::default(); 11], ..planned("2026-03-09T09:00") };
        let create = request(vec![wave, many]);
        manager.refused(proto::CreateRolloutRequest { advance_window: Some(window), ..create }).await;
    })
    .await;
}
