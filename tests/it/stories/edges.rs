//! Shares, masks, names, the end of a rollout, and values that look right.

use proto::{create_rollout_request::Holdout, preview_rollout_request::Change, wave_draft::Edge};
use tidegate_core::Role;
use tidegate_proto::{self as proto, DecisionReason as Why};

use crate::{
    audiences::{all, any, has, labelled, not},
    ladders::{everybody, phase},
    manage::{Managed, mask, ppm},
    owner::Device,
    previews::preview,
    story::tell,
    test_server::TestServer,
};

async fn managed(server: &TestServer, edges: &[u32]) -> Managed {
    let operator = server.operator();
    operator.product("kasa").await;
    operator.product("tapo").await;
    let draft = operator.rollout("two-step", &["kasa", "tapo"], edges).await;
    Managed::new(&server.actor("manager", Role::RolloutManager).await, &draft)
}

#[expect(clippy::unnecessary_wraps, reason = "a draft's edge may be absent")]
fn per_cent(text: &str) -> Option<Edge> {
    Some(Edge::EdgePercent(text.to_owned()))
}

#[tokio::test]
async fn a_share_is_given_in_per_cent_or_in_parts_per_million() {
    tell("edges/1_shares", async |server| {
        server.operator().product("kasa").await;
        let manager = server.actor("manager", Role::RolloutManager).await;
        let create = |key: &str, edge, holdout: &str, allow_tiny| proto::CreateRolloutRequest {
            key: key.into(),
            title: "Two-step".into(),
            products: vec!["kasa".into()],
            waves: vec![proto::WaveDraft { title: "some".into(), edge, allow_tiny, ..Default::default() }],
            holdout: Some(Holdout::HoldoutPercent(holdout.into())),
            ..Default::default()
        };
        let made = manager.ok(create("two-step", per_cent("2.5"), "0.5", false)).await.rollout.unwrap();
        assert_eq!((made.holdout_ppm, made.waves[0].edge_ppm), (5_000, 25_000));
        server.transcript.note("a fraction of 1, and a number of per cent, are mistakes of the unit");
        for (edge, holdout) in [(per_cent("0.05"), "0.02"), (ppm(50), "0"), (ppm(999), "0")] {
            let refused = manager.refused(create("other", edge, holdout, false)).await;
            assert_eq!(refused.name(), "EDGE_TINY");
        }
        let tiny = manager.ok(create("tiny", per_cent("0.05"), "0", true)).await.rollout.unwrap();
        assert_eq!((tiny.waves[0].edge_ppm, tiny.waves[0].edge_percent.as_str()), (500, "0.05"));
        server.transcript.note("no share, and none that can be read");
        manager.refused(create("other", None, "101", false)).await;
        manager.refused(create("other", per_cent("5,5"), "-1", false)).await;
        server.transcript.note("what may not be meant is said");
        let nothing = manager.ok(create("nothing", per_cent("0"), "100", false)).await;
        assert_eq!(nothing.warnings.len(), 2);
        let nothing = Managed::new(&manager, &nothing.rollout.unwrap());
        let (rollout, etag) = (nothing.key.clone(), nothing.etag());
        let wave = Some(proto::WaveDraft { title: "none".into(), edge: ppm(0), ..Default::default() });
        let added = manager.ok(proto::AddWaveRequest { rollout, etag, wave, ..Default::default() }).await;
        assert_eq!(added.warnings.len(), 3);
    })
    .await;
}

#[tokio::test]
async fn a_wave_is_changed_field_by_field() {
    tell("edges/2_mask", async |server| {
        let rollout = managed(&server, &[10_000, 500_000]).await;
        rollout.quiet().aim(2, has("account.country", &["DE"])).await;
        let change = |path: &str, wave| proto::UpdateWaveRequest {
            rollout: rollout.key.clone(),
            etag: rollout.etag(),
            ordinal: 2,
            wave: Some(wave),
            update_mask: if path.is_empty() { None } else { mask(path) },
            ..Default::default()
        };
        let edge = proto::WaveDraft { edge: per_cent("75"), ..Default::default() };
        let answer = rollout.manager.ok(change("edge", edge.clone())).await.rollout.unwrap();
        let second = &answer.waves[1];
        assert_eq!(
            (second.edge_ppm, second.audience.is_some(), second.title.as_str()),
            (750_000, true, "wave")
        );
        rollout.keep(&answer);
        server.transcript.note("no mask, a field that there is not, and an edge that is named and missing");
        rollout.manager.refused(change("", edge.clone())).await;
        rollout.manager.refused(change("ordinal", edge.clone())).await;
        rollout.manager.refused(change("edge", proto::WaveDraft::default())).await;
        let update = |path: &str| {
            let (ordinal, wave) = (2, Some(edge.clone()));
            Change::UpdateWave(proto::PlannedWaveUpdate { ordinal, wave, update_mask: mask(path) })
        };
        rollout.manager.preview(preview(&rollout.key, update("edge"))).await.unwrap();
        rollout.manager.preview(preview(&rollout.key, update("wave"))).await.unwrap_err();
        server.transcript.note("an audience that is named and absent is every account");
        let answer = rollout.manager.ok(change("audience", proto::WaveDraft::default())).await;
        assert_eq!(answer.rollout.unwrap().waves[1].audience, None);
    })
    .await;
}

#[tokio::test]
async fn a_rollout_ends() {
    tell("edges/3_archive", async |server| {
        let rollout = managed(&server, &[1_000_000]).await;
        let (operator, app) = (server.operator(), server.actor("app", Role::Frontend).await.quiet());
        let (ann, bob) = (operator.person("ann").await, operator.person("bob").await);
        rollout.quiet().start().await;
        let session = app.sign_in(&ann, "kasa", &Device::new("phone-1")).await;
        app.enroll(&session, &ann).await;
        rollout.archive_refused().await;
        rollout.quiet().roll_back(0).await;
        let optional = everybody(vec![phase(None, proto::Rung::Optional)]);
        rollout.quiet().set_ladder(vec![optional]).await;
        rollout.archive_refused().await;
        rollout.quiet().set_ladder(vec![]).await;
        assert_eq!(operator.evaluate(&bob, "kasa").await.reason(), Why::NotYet);
        let ended = rollout.archive().await;
        assert_eq!((ended.state(), rollout.archive().await), (proto::RolloutState::Ended, ended));
        server.transcript.note("it gives no reason, and takes nothing");
        assert_eq!(operator.evaluate(&bob, "kasa").await.reason(), Why::NoRollout);
        let kept = operator.evaluate(&ann, "kasa").await;
        assert_eq!((kept.reason(), kept.requirement()), (Why::Active, proto::Requirement::SecondStep));
        let explained =
            proto::ExplainRequest { product: "kasa".into(), account: bob.id.clone(), ..Default::default() };
        rollout.manager.ok(explained).await;
        server.transcript.note("it is listed on demand, and not changed");
        let list = |include_archived| proto::ListRolloutsRequest { include_archived, ..Default::default() };
        assert_eq!(rollout.manager.ok(list(false)).await.rollouts, []);
        assert_eq!(rollout.manager.ok(list(true)).await.rollouts.len(), 1);
        rollout.start_refused().await;
        rollout.stop_refused("").await;
        rollout.retitle_refused("Two steps").await;
        rollout.manager.preview(preview(&rollout.key, Change::Start(true))).await.unwrap_err();
        rollout.unarchive().await;
        rollout.unarchive_refused().await;
        rollout.start().await;
        assert_eq!(operator.evaluate(&bob, "kasa").await.reason(), Why::Wave);
    })
    .await;
}

#[tokio::test]
async fn accounts_are_answered_as_they_were_named() {
    tell("edges/4_names", async |server| {
        let rollout = managed(&server, &[0]).await;
        let (ann, bob) = (server.operator().person("ann").await, server.operator().person("bob").await);
        let answer = rollout.allow(&[&ann.external_id, &bob.id]).await;
        let mut names = vec![ann.external_id.clone(), bob.id.clone()];
        names.sort();
        let mut answered = answer.allow.unwrap().accounts;
        answered.sort();
        assert_eq!(answered, names);
        rollout.start().await;
        for person in [&ann, &bob] {
            assert_eq!(server.operator().evaluate(person, "kasa").await.reason(), Why::Allowed);
        }
        let (from_revision, to_revision) = (1, 2);
        let diff = proto::DiffRevisionsRequest { rollout: rollout.key.clone(), from_revision, to_revision };
        let fields = rollout.manager.ok(diff).await.differences;
        assert_eq!(fields.iter().map(|one| one.field.as_str()).collect::<Vec<_>>(), ["allow.accounts"]);
    })
    .await;
}

#[tokio::test]
async fn values_that_match_nothing_are_refused() {
    tell("edges/5_look_right", async |server| {
        let rollout = managed(&server, &[500_000]).await;
        let (german, british) = (has("account.country", &["DE"]), has("customer.country", &["GB"]));
        rollout.aim_refused(1, has("account.country", &["DE", "UK"])).await;
        rollout.aim_refused(1, has("customer.country", &["JA"])).await;
        rollout.aim_refused(1, all(vec![german.clone(), has("account.country", &["FR"])])).await;
        rollout.aim_refused(1, not(all(vec![german.clone(), not(german.clone())]))).await;
        let plans = |plan| labelled("account.label", "plan", &[plan]);
        rollout.aim_refused(1, any(vec![british.clone(), all(vec![plans("pro"), plans("free")])])).await;
        rollout.aim_refused(1, labelled("account.label", " plan", &["pro"])).await;
        for (wrong, near) in
            [("account.contry", "account.country"), ("country", "account.country"), ("age", "")]
        {
            let refused = rollout.aim_refused(1, has(wrong, &["DE"])).await;
            assert!(refused.violations[0].description.contains(near), "{refused}");
        }
        server.transcript.note("blanks around a value are no part of it");
        rollout.aim(1, all(vec![plans(" pro "), any(vec![german, has("account.country", &["XK"])])])).await;
    })
    .await;
}

#[tokio::test]
async fn a_roll_back_can_be_of_one_product() {
    tell("edges/6_product", async |server| {
        let rollout = managed(&server, &[1_000_000]).await;
        let (operator, app) = (server.operator(), server.actor("app", Role::Frontend).await.quiet());
        let bob = operator.person("bob").await;
        rollout.quiet().start().await;
        for product in ["kasa", "tapo"] {
            app.sign_in(&bob, product, &Device::new("phone")).await;
            assert_eq!(operator.evaluate(&bob, product).await.reason(), Why::Shown);
        }
        let back = |at: &[&str]| proto::PreviewRolloutRequest {
            roll_back_products: at.iter().map(ToString::to_string).collect(),
            ..preview(&rollout.key, Change::RollBackToWave(0))
        };
        rollout.manager.preview(back(&["kasa"])).await.unwrap();
        rollout.roll_back_at_refused(0, &["kasa", "deco"]).await;
        rollout.roll_back_at(0, &["kasa"]).await;
        rollout.roll_back_at_refused(0, &["kasa"]).await;
        assert_eq!(operator.evaluate(&bob, "kasa").await.reason(), Why::NotYet);
        assert_eq!(operator.evaluate(&bob, "tapo").await.reason(), Why::Shown);
        let request = proto::GetStatsRequest {
            rollout: rollout.key.clone(),
            count_reached: true,
            ..Default::default()
        };
        rollout.manager.ok(request).await;
        server.transcript.note("another wave brings the product back");
        rollout.add_wave("kasa again", 1_000_000, &["kasa"]).await;
        rollout.quiet().advance().await;
        assert_eq!(operator.evaluate(&bob, "kasa").await.reason(), Why::Wave);
        rollout.roll_back(0).await;
        assert_eq!(operator.evaluate(&bob, "tapo").await.reason(), Why::NotYet);
    })
    .await;
}

on_both! {
    /// A rollout says why an account is not reached only where it reaches accounts.
    async fn reasons_come_from_rollouts_that_act(server) {
        let rollout = managed(&server, &[1]).await.quiet();
        let operator = server.operator();
        let (ann, bob) = (operator.person("ann").await, operator.person("bob").await);
        rollout.deny(&["ann"]).await;
        let why = async |person| operator.evaluate(person, "kasa").await.reason();
        assert_eq!((why(&ann).await, why(&bob).await), (Why::NotYet, Why::NotYet), "a draft denies nobody");
        rollout.start().await;
        assert_eq!((why(&ann).await, why(&bob).await), (Why::Denied, Why::NotYet));
        rollout.stop("").await;
        assert_eq!((why(&ann).await, why(&bob).await), (Why::Denied, Why::Stopped));
        rollout.roll_back(0).await;
        assert_eq!((why(&ann).await, why(&bob).await), (Why::NotYet, Why::NotYet), "stopped, and taken back");
        let other = operator.rollout("other", &["kasa"], &[1]).await;
        let other = Managed::new(&operator, &other).quiet();
        other.start().await;
        other.stop("").await;
        assert_eq!(why(&bob).await, Why::Stopped);
    }
}
