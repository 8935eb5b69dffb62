//! Why an account got its answer, as a product manager reads it: the summary, then a sentence for each rule.

use tidegate_core::{Role, Timestamp};
use tidegate_proto as proto;

use crate::{
    arrange::{Address, Person, row},
    audiences::{all, any, has, labelled, not, test},
    manage::{Managed, ppm},
    owner::Device,
    story::tell,
    test_server::{TestServer, timestamp},
};

/// The waves: staff, a tenth of Germany, tapo by a wave of its own, all accounts.
fn waves() -> Vec<proto::WaveDraft> {
    let wave = |title: &str, edge_ppm, audience| {
        let title = title.to_owned();
        proto::WaveDraft { title, edge: ppm(edge_ppm), audience, allow_tiny: true, ..Default::default() }
    };
    let tapo = proto::WaveDraft { products: vec!["tapo".into()], ..wave("tapo", 1_000_000, None) };
    vec![
        wave("staff", 1_000_000, Some(labelled("account.label", "team", &["security", "support"]))),
        wave("Germany", 100_000, Some(has("account.country", &["DE"]))),
        tapo,
        wave("all", 1_000_000, None),
    ]
}

async fn rollout(server: &TestServer, unit: proto::RolloutUnit, waves: Vec<proto::WaveDraft>) -> Managed {
    let operator = server.operator();
    for product in ["kasa", "tapo", "deco"] {
        operator.product(product).await;
    }
    let request = proto::CreateRolloutRequest {
        key: "kasa-waves".into(),
        title: "Two-step at Kasa".into(),
        products: vec!["kasa".into()],
        holdout: Some(proto::create_rollout_request::Holdout::HoldoutPpm(25_000)),
        unit: unit.into(),
        waves,
        ..Default::default()
    };
    let draft = operator.ok(request).await.rollout.unwrap();
    Managed::new(&server.actor("manager", Role::RolloutManager).await.quiet(), &draft)
}

impl Managed {
    /// Writes the answer of `Explain` to the transcript.
    async fn explains(&self, server: &TestServer, account: &str, product: &str) {
        let (product, account) = (product.to_owned(), account.to_owned());
        let request = proto::ExplainRequest { product, account: account.clone(), ..Default::default() };
        let explained = self.manager.ok(request).await;
        server.transcript.note(&format!("{account}: {}", explained.summary));
        for asked in explained.rules {
            server.transcript.note(&format!("  {}", asked.sentence));
        }
    }
}

#[tokio::test]
async fn a_manager_reads_why_at_each_turn_of_a_rollout() {
    tell("explain/1_life", async |server| {
        let rollout = rollout(&server, proto::RolloutUnit::Account, waves()).await;
        let (operator, app) = (server.operator(), server.actor("app", Role::Frontend).await.quiet());
        let ann: Person = operator.person("ann").await;
        let read = async |what: &str, product: &str| {
            server.transcript.note(&format!("== {what}"));
            rollout.explains(&server, "ann", product).await;
        };
        read("a draft", "kasa").await;
        read("a product that it does not name", "deco").await;
        rollout.start().await;
        rollout.pause().await;
        read("started and paused", "kasa").await;
        rollout.resume().await;
        rollout.deny(&["ann"]).await;
        read("left out by name", "kasa").await;
        rollout.deny(&[]).await;
        rollout.allow(&["ann"]).await;
        read("let in by name", "kasa").await;
        rollout.allow(&[]).await;
        for _ in 2..=4 {
            rollout.advance().await;
        }
        read("every wave has started", "kasa").await;
        app.sign_in(&ann, "kasa", &Device::new("phone")).await;
        read("shown at a sign-in", "kasa").await;
        rollout.roll_back(1).await;
        read("rolled back to the first wave", "kasa").await;
        rollout.stop("codes arrive late").await;
        read("stopped", "kasa").await;
        rollout.clear(&server.actor("approver", Role::RolloutApprover).await.quiet()).await;
        read("cleared by one of two", "kasa").await;
    })
    .await;
}

#[tokio::test]
async fn a_manager_reads_what_two_step_that_has_acted_does() {
    tell("explain/2_active", async |server| {
        let rollout = rollout(&server, proto::RolloutUnit::Account, waves()).await;
        let (operator, app) = (server.operator(), server.actor("app", Role::Frontend).await.quiet());
        let ann = operator.person("ann").await;
        for _ in 0..4 {
            if rollout.etag() == "r1" {
                rollout.start().await
            } else {
                rollout.advance().await
            };
        }
        let session = app.sign_in(&ann, "kasa", &Device::new("phone")).await;
        app.enroll(&session, &ann).await;
        rollout.roll_back(0).await;
        server.transcript.note("every wave was rolled back after ann had enrolled");
        for product in ["kasa", "tapo"] {
            rollout.explains(&server, "ann", product).await;
        }
        server.transcript.note("before the rollout named kasa, as far as today tells");
        let request = proto::ExplainRequest {
            product: "kasa".into(),
            account: "ann".into(),
            at_time: Some(timestamp(Timestamp::from_unix_micros(0))),
            ..Default::default()
        };
        rollout.manager.aloud().ok(request).await;
    })
    .await;
}

#[tokio::test]
async fn a_manager_reads_how_accounts_move_with_their_customer() {
    tell("explain/3_customers", async |server| {
        let gold = all(vec![
            labelled("customer.label", "tier", &["gold"]),
            test(proto::AttributeTest {
                attribute: "customer.created".into(),
                before_time: Some(timestamp(Timestamp::from_rfc3339("2021-12-06T00:00:00Z").unwrap())),
                ..Default::default()
            }),
            any(vec![has("account.interest", &[]), not(has("account.method", &["totp"]))]),
        ]);
        let wave = |title: &str, edge_ppm, audience| proto::WaveDraft {
            title: title.to_owned(),
            edge: ppm(edge_ppm),
            allow_tiny: true,
            audience,
            ..Default::default()
        };
        let waves = vec![wave("gold", 700_000, Some(gold)), wave("a few", 100, None)];
        let rollout = rollout(&server, proto::RolloutUnit::Customer, waves).await;
        let operator = server.operator();
        for (key, tier) in [("acme", "gold"), ("bolt", "free")] {
            let request = proto::CreateCustomerRequest {
                key: key.into(),
                title: key.into(),
                labels: [("tier".to_owned(), tier.to_owned())].into(),
                create_time: Some(timestamp(Timestamp::from_rfc3339("2019-01-01T00:00:00Z").unwrap())),
                ..Default::default()
            };
            operator.ok(request).await;
        }
        let customers = ["acme", "acme", "bolt", ""];
        let rows = (1..).zip(customers).map(|(number, customer)| proto::ImportRow {
            customer: customer.to_owned(),
            ..row(number, &format!("u-{number}"), Address::Verified)
        });
        operator.import(rows.collect()).await.unwrap();
        rollout.start().await;
        rollout.advance().await;
        for number in 1..=customers.len() {
            rollout.explains(&server, &format!("u-{number}"), "kasa").await;
        }
    })
    .await;
}
