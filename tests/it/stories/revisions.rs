//! The revisions of a rollout, its statistics, and why an account got its answer.

use tidegate_core::{Role, Span};
use tidegate_proto as proto;

use crate::{
    arrange::{Address, row},
    audiences::{all, has, labelled},
    manage::Managed,
    owner::Device,
    story::tell,
    test_server::{TestServer, timestamp},
};

async fn rollout(server: &TestServer) -> Managed {
    let operator = server.operator();
    operator.product("kasa").await;
    operator.product("tapo").await;
    let draft = operator.rollout("two-step", &["kasa"], &[10_000, 1_000_000]).await;
    Managed::new(&server.actor("manager", Role::RolloutManager).await, &draft)
}

#[tokio::test]
async fn every_change_is_on_record_and_can_be_reverted() {
    tell("revisions/one", async |server| {
        let rollout = rollout(&server).await;
        let manager = &rollout.manager;
        rollout.quiet().retitle("Two steps").await;
        rollout.quiet().aim(2, has("account.country", &["DE"])).await;
        rollout.quiet().start().await;
        rollout.quiet().pause().await;
        let first =
            proto::ListRevisionsRequest { rollout: "two-step".into(), page_size: 2, ..Default::default() };
        let page_token = manager.ok(first.clone()).await.next_page_token;
        manager.ok(proto::ListRevisionsRequest { page_token, ..first }).await;
        let diff = |from_revision, to_revision| proto::DiffRevisionsRequest {
            rollout: "two-step".into(),
            from_revision,
            to_revision,
        };
        manager.ok(diff(1, 5)).await;
        manager.ok(diff(5, 1)).await;
        manager.refused(diff(1, 6)).await;
        server.transcript.note("back to the first, as far as it is not done; it stays started and paused");
        let reverted = rollout.revert(1).await;
        assert_eq!((reverted.revision, reverted.title.as_str()), (6, "Two step"));
        assert_eq!(reverted.state(), proto::RolloutState::Paused);
        manager.ok(diff(1, 6)).await;
        rollout.revert_refused(7).await;
    })
    .await;
}

#[tokio::test]
async fn how_far_it_has_come_is_counted() {
    tell("revisions/stats", async |server| {
        let rollout = rollout(&server).await;
        let (operator, app) = (server.operator(), server.actor("app", Role::Frontend).await.quiet());
        let rows = (1..=6).map(|number| row(number, &format!("u-{number}"), Address::Verified));
        operator.import(rows.collect()).await.unwrap();
        rollout.quiet().start().await;
        rollout.quiet().advance().await;
        rollout.quiet().add_wave("tapo", 1_000_000, &["tapo"]).await;
        let people = [operator.known("u-1").await, operator.known("u-2").await, operator.known("u-3").await];
        let first = app.sign_in(&people[0], "kasa", &Device::new("phone")).await;
        app.enroll(&first, &people[0]).await;
        let second = app.sign_in(&people[1], "kasa", &Device::new("phone")).await;
        app.begin_enrollment(&second).await;
        app.sign_in(&people[2], "kasa", &Device::new("phone")).await;
        let wish = app.sign_in(&people[2], "tapo", &Device::new("phone")).await;
        app.ok(proto::RegisterInterestRequest { subject: wish.subject() }).await;
        let stats = |count_reached| proto::GetStatsRequest {
            rollout: "two-step".into(),
            count_reached,
            ..Default::default()
        };
        rollout.manager.ok(stats(false)).await;
        rollout.manager.ok(stats(true)).await;
        rollout.quiet().roll_back(1).await;
        server.transcript.note("rolled back to the first wave: nothing that was shown by the second counts");
        rollout.manager.ok(stats(true)).await;
    })
    .await;
}

#[tokio::test]
async fn why_an_account_got_its_answer_is_told_rule_by_rule() {
    tell("revisions/explain", async |server| {
        let rollout = rollout(&server).await;
        let (operator, manager) = (server.operator(), &rollout.manager);
        let person = operator.person("ann").await;
        let audience =
            all(vec![has("account.country", &["DE"]), labelled("account.label", "plan", &["pro", "team"])]);
        rollout.quiet().aim(2, audience).await;
        let explain = || proto::ExplainRequest {
            product: "kasa".into(),
            account: person.external_id.clone(),
            ..Default::default()
        };
        manager.ok(explain()).await;
        rollout.quiet().start().await;
        let before = server.now();
        server.pass(Span::hours(1));
        rollout.quiet().advance().await;
        manager.ok(explain()).await;
        let update = proto::UpdateAccountRequest {
            account: person.id.clone(),
            country: "DE".into(),
            labels: [("plan".to_owned(), "pro".to_owned())].into(),
            update_mask: Some(prost_types::FieldMask {
                paths: ["country", "labels"].map(str::to_owned).into(),
            }),
            ..Default::default()
        };
        operator.aloud().ok(update).await;
        manager.ok(explain()).await;
        server.transcript.note("an hour ago; and under the first revision");
        manager.ok(proto::ExplainRequest { at_time: Some(timestamp(before)), ..explain() }).await;
        manager.ok(proto::ExplainRequest { rollout: "two-step".into(), revision: 1, ..explain() }).await;
        let app = server.actor("app", Role::Frontend).await.quiet();
        let session = app.sign_in(&person, "kasa", &Device::new("phone")).await;
        manager.ok(explain()).await;
        app.enroll(&session, &person).await;
        manager.ok(explain()).await;
        manager.refused(proto::ExplainRequest { rollout: "two-step".into(), revision: 9, ..explain() }).await;
        manager.refused(proto::ExplainRequest { rollout: "other".into(), revision: 1, ..explain() }).await;
    })
    .await;
}
