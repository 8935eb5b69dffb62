//! The funnel of rollouts counts every event once, whatever breaks, and watchers see it.

use std::time::Duration;

use proto::FunnelStep as Step;
use tidegate_core::{Role, Span};
use tidegate_grpc::StreamSettings;
use tidegate_proto as proto;
use tidegate_service::rollouts::MAX_WATCHERS;

use crate::{
    actor::Actor,
    arrange::Person,
    owner::Device,
    raw,
    serving::PROMPT,
    setting::{Kasa, Owner, wrong},
    test_server::{CredentialSpec, TestServer},
};

const MONTH: Span = Span::days(30);

async fn stats(actor: &Actor) -> proto::GetStatsResponse {
    actor
        .ok(proto::GetStatsRequest { rollout: "everybody".into(), by_hour: true, ..Default::default() })
        .await
}

fn count(stats: &proto::GetStatsResponse, step: Step) -> i64 {
    stats.funnel.iter().filter(|count| count.step() == step).map(|count| count.count).sum()
}

/// The events that the funnel counts, and those that it has counted. A recovery code counts as two steps, and no test here
/// that compares them uses one.
async fn events_and_counts(server: &TestServer) -> (i64, i64) {
    let kinds =
        ["two_step_shown", "two_step_active", "enrollment_begun", "challenge_created", "challenge_answered"];
    let kinds: Vec<_> = kinds.iter().map(|kind| format!("fact LIKE '%\"{kind}\"%'")).collect();
    let events = format!(
        "SELECT count(*) FROM events WHERE {} OR \
        fact LIKE '%\"factor_activated\"%\"totp\"%'",
        kinds.join(" OR ")
    );
    let counted = raw::count(server, "SELECT COALESCE(SUM(count), 0) FROM rollout_hours").await;
    (raw::count(server, &events).await, counted)
}

/// A right answer of the owner, perhaps after a wrong one. Too many wrong ones would demand a new password.
pub async fn tried(kasa: &Kasa, owner: &Owner, is_wrong_first: bool) {
    let (begun, challenge) = kasa.asked(owner, "tablet").await;
    let code = kasa.code(owner);
    if is_wrong_first {
        kasa.frontend.answer(&begun, &challenge, &wrong(&code)).await;
    }
    kasa.frontend.answer(&begun, &challenge, &code).await;
    kasa.server.clock.advance(Span::seconds(30));
}

fn watch() -> proto::WatchRolloutRequest {
    proto::WatchRolloutRequest { rollout: "everybody".into() }
}

on_both! {
    async fn workers_that_are_killed_and_race_count_every_event_once(server) {
        let kasa = Kasa::open(&server).await;
        let replica = server.replica().await;
        let owner = kasa.owner("ann").await;
        server.fold().await;
        for round in 0..12_u64 {
            tried(&kasa, &owner, round < 3).await;
            server.seal().await;
            // Each worker is dropped at another moment, or not at all. The lease is free for both.
            let moment = |n: u64| Duration::from_micros((round * 7 + n) % 11 * 400);
            let (one, other) = (server.funnel.fold(), replica.funnel.fold());
            let _ = tokio::join!(tokio::time::timeout(moment(0), one), tokio::time::timeout(moment(5), other));
            server.clock.advance(Span::seconds(6));
        }
        server.fold().await;
        let (events, counted) = events_and_counts(&server).await;
        assert_eq!(counted, events);
        let stats = stats(&kasa.admin).await;
        let steps = [Step::Started, Step::Enrolled, Step::Active, Step::Challenged, Step::Passed, Step::Failed];
        assert_eq!(steps.map(|step| count(&stats, step)), [1, 1, 1, 12, 12, 3]);
        assert_eq!(raw::count(&server, "SELECT count(*) FROM leases WHERE name = 'funnel'").await, 1);
    }

    /// The lease is another server's, until that server is gone for five seconds.
    async fn one_server_counts_at_a_time(server) {
        let kasa = Kasa::open(&server).await;
        let replica = server.replica().await;
        let owner = kasa.owner("ann").await;
        server.fold().await;
        tried(&kasa, &owner, true).await;
        server.clock.advance(Span::seconds(-30));
        server.seal().await;
        let (_, before) = events_and_counts(&server).await;
        replica.funnel.fold().await.unwrap();
        assert_eq!(events_and_counts(&server).await.1, before);
        server.clock.advance(Span::seconds(5));
        replica.funnel.fold().await.unwrap();
        let (events, counted) = events_and_counts(&server).await;
        assert_eq!(counted, events);
    }

    /// The place in the log and the counts change together: a fold that fails leaves both as they were.
    async fn a_fold_that_fails_is_done_again_as_a_whole(server) {
        let kasa = Kasa::open(&server).await;
        kasa.owner("ann").await;
        server.seal().await;
        raw::alter(&server, "ALTER TABLE rollout_hours RENAME TO hidden").await;
        server.funnel.fold().await.unwrap_err();
        assert_eq!(raw::count(&server, "SELECT count(*) FROM rollout_folds").await, 0);
        raw::alter(&server, "ALTER TABLE hidden RENAME TO rollout_hours").await;
        server.funnel.fold().await.unwrap();
        let (events, counted) = events_and_counts(&server).await;
        assert_eq!(counted, events);
    }

    async fn counts_outlive_the_account_and_not_their_retention(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        tried(&kasa, &owner, true).await;
        server.fold().await;
        let before = stats(&kasa.admin).await.funnel;
        let (account, product, reason) = ("ann".to_owned(), "kasa".to_owned(), "asked to".to_owned());
        server.operator().ok(proto::DeleteAccountRequest { account, product, reason, ..Default::default() }).await;
        server.clock.advance(MONTH);
        server.app.purge_deleted().await.unwrap();
        server.fold().await;
        let after = stats(&kasa.admin).await;
        assert_eq!((after.funnel, after.products[0].active_count), (before, 0));
        server.clock.advance(Span::days(369));
        server.sweep().await;
        assert!(!stats(&kasa.admin).await.funnel.is_empty());
        server.clock.advance(Span::days(2));
        server.sweep().await;
        assert_eq!(stats(&kasa.admin).await.funnel, []);
    }

    /// What happens at a product without a rollout, and in another realm, is no part of a funnel.
    async fn events_without_a_rollout_are_not_counted(server) {
        let kasa = Kasa::open(&server).await;
        kasa.admin.product("tapo").await;
        kasa.owner("ann").await;
        server.fold().await;
        let before = stats(&kasa.admin).await.funnel;
        let person: Person = kasa.admin.person("bob").await;
        kasa.frontend.sign_in(&person, "tapo", &Device::new("phone")).await;
        server.fold().await;
        assert_eq!(stats(&kasa.admin).await.funnel, before);
    }

    async fn a_watcher_hears_of_changes_and_of_nothing_else(server) {
        let kasa = Kasa::open(&server).await;
        let (channel, _open) = server.streaming(StreamSettings { heartbeat: Duration::from_hours(1), ..PROMPT }).await;
        let manager = server.held("manager", Role::RolloutManager, "Mara Lind").await.quiet();
        let mut watched = manager.at(channel).stream(watch()).await.unwrap();
        let first = watched.one().await;
        let (revision, numbers) = (first.revision.unwrap(), first.stats.unwrap());
        assert_eq!((revision.author_name.as_str(), numbers.funnel), ("Ann", vec![]));
        assert_eq!(revision.rollout.unwrap().state(), proto::RolloutState::Live);
        // An account that no rollout concerns, and then one that enrolls: the first message is about the second.
        kasa.admin.product("tapo").await;
        server.fold().await;
        kasa.owner("ann").await;
        server.fold().await;
        let next = watched.one().await.stats.unwrap();
        assert_eq!((count(&next, Step::Enrolled), next.products[0].active_count), (1, 1));
        let pause = proto::PauseRolloutRequest { rollout: "everybody".into(), reason: "holidays".into(), ..Default::default() };
        manager.ok(pause).await;
        let next = watched.one().await.revision.unwrap();
        assert_eq!((next.author_name.as_str(), next.reason.as_str()), ("Mara Lind", "holidays"));
        assert_eq!(next.rollout.unwrap().state(), proto::RolloutState::Paused);
    }

    /// The author of a revision is told also where the credential is of another realm.
    async fn revisions_name_their_authors(server) {
        server.realm("acme").await;
        let operator = server.operator().in_realm("acme");
        operator.product("kasa").await;
        operator.rollout("everybody", &["kasa"], &[]).await;
        let spec = CredentialSpec { realm: "acme", ..CredentialSpec::of(Role::RolloutManager) };
        let manager = server.with_credential("manager", spec).await.quiet();
        let revisions = manager.ok(proto::ListRevisionsRequest { rollout: "everybody".into(), ..Default::default() }).await;
        assert_eq!(revisions.revisions[0].author_name, "Main");
    }
}

#[tokio::test]
async fn a_watcher_hears_when_nothing_happens() {
    let server = TestServer::sqlite().await;
    Kasa::open(&server).await;
    let (channel, _open) = server.streaming(StreamSettings { heartbeat: Duration::ZERO, ..PROMPT }).await;
    let mut watched = server.operator().at(channel).stream(watch()).await.unwrap();
    for _ in 0..3 {
        assert_eq!(watched.one().await.revision.unwrap().rollout.unwrap().key, "everybody");
    }
}

#[tokio::test]
async fn a_server_has_a_limited_number_of_watchers() {
    let server = TestServer::sqlite().await;
    Kasa::open(&server).await;
    let operator = server.operator();
    let mut watchers = Vec::new();
    for _ in 0..MAX_WATCHERS {
        let mut watched = operator.stream(watch()).await.unwrap();
        watched.one().await;
        watchers.push(watched);
    }
    let refused = operator.stream(watch()).await.err().unwrap();
    assert_eq!(refused.name(), "BUSY");
    assert!(refused.retry_after.is_some());
    // Whoever hangs up makes room, as soon as the server has heard of it.
    drop(watchers);
    while operator.stream(watch()).await.is_err() {
        tokio::task::yield_now().await;
    }
}
