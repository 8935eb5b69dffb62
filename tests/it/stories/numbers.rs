//! How far a rollout has come, as its manager reads it.

use tidegate_core::{Role, Span};
use tidegate_proto as proto;

use crate::{
    arrange::{Address, row},
    manage::Managed,
    owner::{Device, by_code},
    setting::wrong,
    story::tell,
    test_server::TestServer,
};

/// A rollout at kasa and tapo: a first wave at kasa has started, and a draft is for tapo alone.
async fn managed(server: &TestServer) -> Managed {
    let operator = server.operator();
    operator.product("kasa").await;
    operator.product("tapo").await;
    let rows = (1..=3).map(|number| row(number, &format!("u-{number}"), Address::Verified));
    operator.import(rows.collect()).await.unwrap();
    let rollout = operator.rollout("two-step", &["kasa"], &[1_000_000]).await;
    let manager = server.held("manager", Role::RolloutManager, "Mara Lind").await;
    let rollout = Managed::new(&manager, &rollout);
    rollout.quiet().add_wave("tapo follows", 1_000_000, &["tapo"]).await;
    rollout
}

fn stats() -> proto::GetStatsRequest {
    proto::GetStatsRequest { rollout: "two-step".into(), ..Default::default() }
}

#[tokio::test]
async fn the_funnel_counts_what_happens() {
    tell("numbers/1_funnel", async |server| {
        let rollout = managed(&server).await;
        let app = server.actor("app", Role::Frontend).await.quiet();
        rollout.quiet().start().await;
        let (ann, bob) = (server.operator().known("u-1").await, server.operator().known("u-2").await);
        let session = app.sign_in(&ann, "kasa", &Device::new("phone")).await;
        let enrolled = app.enroll(&session, &ann).await;
        let other = app.sign_in(&bob, "kasa", &Device::new("phone")).await;
        app.begin_enrollment(&other).await;
        server.pass(Span::hours(1));
        let begun = app.begin(&ann, "kasa", &Device::new("tablet")).await;
        let challenge_id = app.challenge(&begun).await;
        let answer = |code: String| proto::AnswerChallengeRequest {
            subject: begun.subject(),
            challenge_id: challenge_id.clone(),
            answer: by_code(code),
            ..Default::default()
        };
        let code = server.code(&enrolled.seed);
        app.ok(answer(wrong(&code))).await;
        app.ok(answer(code)).await;
        let begun = app.begin(&ann, "kasa", &Device::new("laptop")).await;
        let challenge = app.challenge_of(&begun, &begun.offers.last().unwrap().factor_id).await;
        app.answer(&begun, &challenge, &enrolled.recovery_codes[0]).await;
        rollout.manager.ok(stats()).await;
        server.fold().await;
        server.transcript.note("the server has counted");
        rollout.manager.ok(proto::GetStatsRequest { by_hour: true, ..stats() }).await;
        let from_time = Some(crate::test_server::timestamp(server.now()));
        let method = proto::Method::Totp.into();
        rollout.manager.ok(proto::GetStatsRequest { from_time, method, wave: 1, ..stats() }).await;
        rollout
            .manager
            .ok(proto::GetStatsRequest { before_time: from_time, product: "tapo".into(), ..stats() })
            .await;
        rollout
            .manager
            .refused(proto::GetStatsRequest { from_time, before_time: from_time, method: 99, ..stats() })
            .await;
    })
    .await;
}

#[tokio::test]
async fn a_wave_has_a_line_of_its_own() {
    tell("numbers/2_waves", async |server| {
        let rollout = managed(&server).await;
        let counted = || proto::GetStatsRequest { count_reached: true, ..stats() };
        server.transcript.note("both waves are drafts");
        rollout.manager.ok(counted()).await;
        rollout.start().await;
        rollout.manager.ok(counted()).await;
        rollout.advance().await;
        rollout.manager.ok(counted()).await;
    })
    .await;
}

#[tokio::test]
async fn a_manager_watches_a_rollout_and_sees_who_changed_it() {
    tell("numbers/3_watch", async |server| {
        let rollout = managed(&server).await;
        let request = proto::WatchRolloutRequest { rollout: rollout.key.clone() };
        let mut watched = rollout.manager.stream(request).await.unwrap();
        watched.one().await;
        rollout.quiet().start().await;
        server.transcript.note("the first wave starts");
        watched.one().await;
        let app = server.actor("app", Role::Frontend).await.quiet();
        let ann = server.operator().known("u-1").await;
        let session = app.sign_in(&ann, "kasa", &Device::new("phone")).await;
        app.enroll(&session, &ann).await;
        server.pass(Span::seconds(10));
        server.fold().await;
        watched.one().await;
        rollout
            .manager
            .ok(proto::ListRevisionsRequest { rollout: rollout.key.clone(), ..Default::default() })
            .await;
        let unknown = proto::WatchRolloutRequest { rollout: "nothing".into() };
        assert_eq!(rollout.manager.stream(unknown).await.err().unwrap().name(), "ROLLOUT_NOT_FOUND");
    })
    .await;
}
