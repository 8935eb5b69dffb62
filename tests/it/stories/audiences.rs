//! Whom a wave is for: by attributes, customers, registered interest, and by name.

use tidegate_core::{Role, Timestamp};
use tidegate_proto::{self as proto, DecisionReason as Why};

use crate::{
    actor::Actor,
    arrange::{Address, row},
    audiences::{all, any, has, labelled, not, test},
    manage::{Managed, mask, ppm},
    owner::Device,
    story::tell,
    test_server::{TestServer, timestamp},
};

fn at(text: &str) -> prost_types::Timestamp {
    timestamp(Timestamp::from_rfc3339(text).unwrap())
}

/// Accounts of two customers and two countries; u-7 belongs to no customer.
async fn people(server: &TestServer) {
    let operator = server.operator();
    for (key, created, tier) in
        [("acme", "2019-01-01T00:00:00Z", "gold"), ("brandnew", "2021-12-06T00:00:00Z", "free")]
    {
        let request = proto::CreateCustomerRequest {
            key: key.into(),
            title: key.into(),
            country: "DE".into(),
            labels: [("tier".to_owned(), tier.to_owned())].into(),
            create_time: Some(at(created)),
            ..Default::default()
        };
        operator.ok(request).await;
    }
    let rows = (1..=7).map(|number: u64| proto::ImportRow {
        country: if number.is_multiple_of(2) { "DE".into() } else { "FR".into() },
        customer: match number {
            1..=3 => "acme".into(),
            4..=6 => "brandnew".into(),
            _ => String::new(),
        },
        labels: [("plan".to_owned(), if number > 4 { "pro" } else { "free" }.to_owned())].into(),
        ..row(
            number,
            &format!("u-{number}"),
            if number == 5 { Address::Unverified } else { Address::Verified },
        )
    });
    operator.import(rows.collect()).await.unwrap();
}

/// The numbers of the accounts that the feature has reached at kasa.
async fn reached(actor: &Actor) -> Vec<usize> {
    let item = |number| proto::EvaluationItem { product: "kasa".into(), account: format!("u-{number}") };
    let items = (1..=7).map(item).collect();
    let answer = actor.quiet().ok(proto::BatchEvaluateRequest { items }).await;
    let visible = answer.results.into_iter().map(|result| match result.result {
        Some(proto::evaluation_result::Result::Decision(decision)) => decision.visible,
        other => panic!("{other:?}"),
    });
    (1..).zip(visible).filter(|(_, visible)| *visible).map(|(number, _)| number).collect()
}

async fn rollout(server: &TestServer, unit: proto::RolloutUnit, edge_ppm: u32) -> Managed {
    let operator = server.operator();
    operator.product("kasa").await;
    people(server).await;
    let request = proto::CreateRolloutRequest {
        key: "two-step".into(),
        title: "Two-step".into(),
        products: vec!["kasa".into()],
        unit: unit.into(),
        waves: vec![proto::WaveDraft { title: "wave".into(), edge: ppm(edge_ppm), ..Default::default() }],
        ..Default::default()
    };
    let draft = operator.ok(request).await.rollout.unwrap();
    Managed::new(&server.actor("manager", Role::RolloutManager).await, &draft)
}

#[tokio::test]
async fn a_wave_is_for_those_of_whom_its_tests_hold() {
    tell("audiences/1_tests", async |server| {
        let rollout = rollout(&server, proto::RolloutUnit::Account, 1_000_000).await;
        let since = proto::AttributeTest {
            attribute: "customer.created".into(),
            from_time: Some(at("2021-12-06T00:00:00Z")),
            ..Default::default()
        };
        let audiences = [
            (has("account.country", &["FR"]), vec![1, 3, 5, 7]),
            (
                all(vec![has("account.country", &["FR", "DE"]), labelled("account.label", "plan", &["pro"])]),
                vec![5, 6, 7],
            ),
            (
                any(vec![has("customer.key", &["acme"]), not(has("account.email_verified", &[]))]),
                vec![1, 2, 3, 5],
            ),
            (test(since), vec![4, 5, 6]),
            (labelled("customer.label", "tier", &[]), vec![1, 2, 3, 4, 5, 6]),
            (not(labelled("customer.label", "tier", &["gold"])), vec![4, 5, 6, 7]),
            (has("account.method", &["totp"]), vec![]),
        ];
        for (audience, expected) in audiences {
            rollout.aim(1, audience).await;
            rollout.quiet().start().await;
            let reached = reached(&rollout.manager).await;
            server.transcript.note(&format!("reached: {reached:?}"));
            assert_eq!(reached, expected);
            rollout.quiet().roll_back(0).await;
        }
    })
    .await;
}

#[tokio::test]
async fn accounts_with_registered_interest_come_first() {
    tell("audiences/2_interest", async |server| {
        let rollout = rollout(&server, proto::RolloutUnit::Account, 1_000_000).await;
        let app = server.actor("app", Role::Frontend).await;
        for number in [2, 5] {
            let person = server.operator().known(&format!("u-{number}")).await;
            let session = app.quiet().sign_in(&person, "kasa", &Device::new("phone")).await;
            app.ok(proto::RegisterInterestRequest { subject: session.subject() }).await;
            app.ok(proto::RegisterInterestRequest { subject: session.subject() }).await;
        }
        let first = proto::ListInterestRequest { product: "kasa".into(), page_size: 1, ..Default::default() };
        let page_token = rollout.manager.ok(first.clone()).await.next_page_token;
        rollout.manager.ok(proto::ListInterestRequest { page_token, ..first }).await;
        rollout.aim(1, has("account.interest", &[])).await;
        rollout.start().await;
        assert_eq!(reached(&rollout.manager).await, [2, 5]);
    })
    .await;
}

#[tokio::test]
async fn an_organisation_moves_together() {
    tell("audiences/3_customers", async |server| {
        let rollout = rollout(&server, proto::RolloutUnit::Customer, 1_000_000).await;
        let mut seen = Vec::new();
        for edge_ppm in (0..=10).map(|tenth| tenth * 100_000) {
            rollout.quiet().update_wave(1, "wave", edge_ppm).await;
            rollout.quiet().start().await;
            let now = reached(&rollout.manager).await;
            for customer in [[1, 2, 3], [4, 5, 6]] {
                let of_it = customer.iter().filter(|number| now.contains(number)).count();
                assert!(of_it == 0 || of_it == 3, "{now:?}");
            }
            if seen.last() != Some(&now) {
                server.transcript.note(&format!("at {} %: {now:?}", edge_ppm / 10_000));
                seen.push(now);
            }
            rollout.quiet().roll_back(0).await;
        }
        assert_eq!(seen.len(), 4, "three units, one after the other");
        let admin = server.actor("admin", Role::Admin).await;
        let customer =
            admin.ok(proto::GetCustomerRequest { customer: "acme".into() }).await.customer.unwrap();
        admin
            .ok(proto::UpdateCustomerRequest {
                customer: "acme".into(),
                etag: customer.etag,
                title: "Acme Ltd".into(),
                country: "FR".into(),
                labels: [("tier".to_owned(), "silver".to_owned())].into(),
                update_mask: Some(prost_types::FieldMask {
                    paths: ["title", "country", "labels"].map(str::to_owned).into(),
                }),
                ..Default::default()
            })
            .await;
        let first = admin.ok(proto::ListCustomersRequest { page_size: 1, ..Default::default() }).await;
        admin
            .ok(proto::ListCustomersRequest { page_token: first.next_page_token, ..Default::default() })
            .await;
        let request =
            proto::CreateCustomerRequest { key: "third".into(), title: "Third".into(), ..Default::default() };
        admin.ok(request).await;
        let request = proto::UpdateAccountRequest {
            account: "u-7".into(),
            customer: "third".into(),
            update_mask: mask("customer"),
            ..Default::default()
        };
        admin.ok(request).await;
    })
    .await;
}

#[tokio::test]
async fn some_are_named_and_some_are_held_out() {
    tell("audiences/4_named", async |server| {
        let rollout = rollout(&server, proto::RolloutUnit::Account, 0).await;
        let app = server.actor("app", Role::Frontend).await.quiet();
        rollout.allow(&["u-1", "u-2"]).await;
        server.transcript.note("nobody before a wave has started");
        assert_eq!(reached(&rollout.manager).await, [0; 0]);
        rollout.start().await;
        assert_eq!(reached(&rollout.manager).await, [1, 2]);
        let shown = server.operator().known("u-1").await;
        app.sign_in(&shown, "kasa", &Device::new("phone")).await;
        rollout.deny(&["u-1", "u-2"]).await;
        server.transcript.note("u-1 was shown it, u-2 was not");
        assert_eq!(reached(&rollout.manager).await, [1]);
        let denied = server.operator().known("u-2").await;
        assert_eq!(rollout.manager.evaluate(&denied, "kasa").await.reason(), Why::Denied);
        rollout.hold_out_refused(500_000).await;
    })
    .await;
}

#[tokio::test]
async fn a_holdout_is_reached_by_no_wave() {
    tell("audiences/5_holdout", async |server| {
        let rollout = rollout(&server, proto::RolloutUnit::Account, 1_000_000).await;
        rollout.hold_out(500_000).await;
        rollout.start().await;
        let reached = reached(&rollout.manager).await;
        server.transcript.note(&format!("reached: {reached:?}"));
        assert!(!reached.is_empty() && reached.len() < 7);
        let left = (1..=7).find(|number| !reached.contains(number)).unwrap();
        let left = server.operator().known(&format!("u-{left}")).await;
        let decision = rollout.manager.evaluate(&left, "kasa").await;
        assert_eq!(decision.reason(), Why::HeldOut);
    })
    .await;
}

on_both! {
    /// When an attribute changes, an account that was shown the feature stays reached; one that was not does
    /// not.
    async fn inv_42_shown_outlives_the_attribute(server) {
        let rollout = rollout(&server, proto::RolloutUnit::Account, 1_000_000).await.quiet();
        let (operator, app) = (server.operator(), server.actor("app", Role::Frontend).await.quiet());
        rollout.aim(1, has("account.country", &["DE"])).await;
        rollout.start().await;
        let shown = operator.known("u-2").await;
        app.sign_in(&shown, "kasa", &Device::new("phone")).await;
        for account in ["u-2", "u-4"] {
            let (account, country) = (account.to_owned(), "FR".to_owned());
            let update_mask = mask("country");
            operator.ok(proto::UpdateAccountRequest { account, country, update_mask, ..Default::default() }).await;
        }
        assert_eq!(reached(&rollout.manager).await, [2, 6]);
    }
}
