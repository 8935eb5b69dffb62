//! A manager asks what a change would do before it is made, and who is reached.

use proto::{planned_update::Holdout, preview_rollout_request::Change};
use tidegate_core::Role;
use tidegate_proto as proto;

use crate::{
    arrange::{Address, row},
    audiences::has,
    manage::{Managed, draft, mask, named, whole_wave},
    owner::Device,
    previews::preview,
    story::tell,
    test_server::TestServer,
};

/// Six accounts in two countries, two of them without a verified address, and a draft of two waves at kasa: those in
/// France, then all.
async fn managed(server: &TestServer) -> Managed {
    let operator = server.operator();
    operator.product("kasa").await;
    let rows = (1..=6).map(|number: u64| proto::ImportRow {
        country: if number.is_multiple_of(2) { "DE".into() } else { "FR".into() },
        ..row(
            number,
            &format!("u-{number}"),
            if number.is_multiple_of(3) { Address::Unverified } else { Address::Verified },
        )
    });
    operator.import(rows.collect()).await.unwrap();
    let rollout = operator.rollout("kasa-two-step", &["kasa"], &[1_000_000, 1_000_000]).await;
    let managed = Managed::new(&server.actor("manager", Role::RolloutManager).await, &rollout);
    managed.quiet().aim(1, has("account.country", &["FR"])).await;
    managed
}

#[tokio::test]
async fn a_wave_is_previewed_before_it_starts() {
    tell("previews/1_advance", async |server| {
        let rollout = managed(&server).await;
        let manager = &rollout.manager;
        manager.preview(preview(&rollout.key, Change::Start(true))).await.unwrap();
        rollout.start().await;
        manager.preview(preview(&rollout.key, Change::Advance(true))).await.unwrap();
        rollout.advance().await;
        let wave = draft("three", 1_000_000, &[]);
        let request = preview(&rollout.key, Change::AddWave(wave));
        manager.preview(proto::PreviewRolloutRequest { then_start: true, ..request }).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_roll_back_keeps_who_enrolled() {
    tell("previews/2_roll_back", async |server| {
        let rollout = managed(&server).await;
        rollout.quiet().start().await;
        rollout.quiet().advance().await;
        let app = server.actor("app", Role::Frontend).await.quiet();
        for (name, enrolls) in [("u-1", true), ("u-2", true), ("u-4", false)] {
            let person = server.operator().known(name).await;
            let session = app.sign_in(&person, "kasa", &Device::new("phone")).await;
            app.ok(proto::GetTwoStepStatusRequest { subject: session.subject() }).await;
            if enrolls {
                app.enroll(&session, &person).await;
            }
        }
        let manager = &rollout.manager;
        for to in [1, 0] {
            manager.preview(preview(&rollout.key, Change::RollBackToWave(to))).await.unwrap();
        }
        manager.preview(preview(&rollout.key, Change::Stop(true))).await.unwrap();
        let list = |wave| proto::ListReachedRequest {
            rollout: rollout.key.clone(),
            product: "kasa".into(),
            wave,
            page_size: 2,
            ..Default::default()
        };
        let first = manager.ok(list(0)).await;
        manager.ok(proto::ListReachedRequest { page_token: first.next_page_token, ..list(0) }).await;
        manager.ok(proto::ListReachedRequest { page_size: 0, ..list(2) }).await;
        rollout.roll_back(0).await;
        manager.ok(list(0)).await;
    })
    .await;
}

#[tokio::test]
async fn an_edit_of_a_draft_is_previewed() {
    tell("previews/3_draft", async |server| {
        let rollout = managed(&server).await;
        let manager = &rollout.manager;
        let german = proto::WaveDraft {
            audience: Some(has("account.country", &["DE"])),
            ..draft("Germany", 500_000, &[])
        };
        let update = proto::PlannedWaveUpdate { ordinal: 1, wave: Some(german), update_mask: whole_wave() };
        let update = preview(&rollout.key, Change::UpdateWave(update));
        manager.preview(update.clone()).await.unwrap();
        let all =
            proto::WaveDraft { audience: Some(has("account.country", &[])), ..draft("all", 1_000_000, &[]) };
        let all = proto::PlannedWaveUpdate { ordinal: 1, wave: Some(all), update_mask: whole_wave() };
        let request = preview(&rollout.key, Change::UpdateWave(all));
        manager.preview(proto::PreviewRolloutRequest { then_start: true, ..request }).await.unwrap();
        let planned = |path: &str, holdout_ppm, names: &[&str]| {
            let (allow, deny) = (named(names), named(names));
            let update_mask = mask(path);
            Change::Update(proto::PlannedUpdate {
                holdout: Some(Holdout::HoldoutPpm(holdout_ppm)),
                allow_tiny: true,
                allow: Some(allow),
                deny: Some(deny),
                update_mask,
                ..Default::default()
            })
        };
        let request = preview(&rollout.key, planned("holdout_ppm", 1_000_000, &[]));
        manager.preview(proto::PreviewRolloutRequest { then_start: true, ..request }).await.unwrap();
        rollout.quiet().start().await;
        manager.preview(preview(&rollout.key, planned("allow", 0, &["u-2", "u-6"]))).await.unwrap();
        manager.preview(preview(&rollout.key, planned("deny", 0, &["u-1"]))).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_change_that_would_be_refused_is_refused() {
    tell("previews/4_refused", async |server| {
        let rollout = managed(&server).await;
        let manager = &rollout.manager;
        let ask = async |request| drop(manager.preview(request).await.unwrap_err());
        let key = &rollout.key;
        ask(preview(key, Change::Advance(true))).await;
        ask(preview(key, Change::RollBackToWave(0))).await;
        ask(proto::PreviewRolloutRequest { etag: "r1".into(), ..preview(key, Change::Start(true)) }).await;
        ask(proto::PreviewRolloutRequest { product: "tapo".into(), ..preview(key, Change::Start(true)) })
            .await;
        ask(preview(key, Change::AddWave(draft("elsewhere", 1, &["deco"])))).await;
        rollout.start().await;
        ask(preview(key, Change::Start(true))).await;
        let update = proto::PlannedWaveUpdate {
            ordinal: 1,
            wave: Some(draft("less", 1, &[])),
            update_mask: whole_wave(),
        };
        ask(preview(key, Change::UpdateWave(update))).await;
        let holdout_ppm = 10_000;
        let update = proto::PlannedUpdate {
            holdout: Some(Holdout::HoldoutPpm(holdout_ppm)),
            update_mask: mask("holdout_ppm"),
            ..Default::default()
        };
        ask(preview(key, Change::Update(update))).await;
        rollout.stop("sign-ins fail").await;
        ask(preview(key, Change::Advance(true))).await;
        ask(preview("nothing", Change::Advance(true))).await;
        ask(preview(key, Change::Advance(false))).await;
        let nothing = proto::PreviewRolloutRequest { rollout: key.clone(), ..Default::default() };
        ask(nothing).await;
        let reached = proto::ListReachedRequest {
            rollout: key.clone(),
            product: "kasa".into(),
            wave: 3,
            ..Default::default()
        };
        manager.refused(reached).await;
    })
    .await;
}
