//! Why an account got its answer, as a product manager reads it: the summary, then a sentence for each rule.

use tidegate_core::{Role, Span, Timestamp};
use tidegate_proto as proto;

use crate::{
    arrange::{Address, Person, row},
    audiences::{all, any, has, labelled, not, test},
    ladders::{local, phase},
    manage::{Managed, ppm},
    owner::Device,
    raw,
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

/// Contractors, a product of its own, those whom a wave has reached, and everybody in four steps.
fn rules(begins: Timestamp) -> Vec<proto::LadderRule> {
    use proto::Rung;
    let days = |days: i64| prost_types::Duration { seconds: days * 86_400, nanos: 0 };
    let rule = |title: &str, phases| proto::LadderRule {
        title: title.to_owned(),
        phases,
        grace: Some(proto::Grace::default()),
        ..Default::default()
    };
    let zone = "Europe/Berlin";
    let grace = proto::Grace {
        days: 14,
        cap_time: Some(timestamp(begins.plus(Span::days(50)))),
        skips: 3,
        skip_spacing: Some(days(1)),
    };
    vec![
        proto::LadderRule {
            audience: Some(labelled("account.label", "team", &["contractor"])),
            demands: proto::Requirement::Aal2.into(),
            ..rule("Contractors", vec![phase(Some(begins), Rung::Locked)])
        },
        proto::LadderRule {
            products: vec!["tapo".into()],
            ..rule("Cameras first", vec![phase(Some(begins), Rung::Required)])
        },
        proto::LadderRule {
            within_waves: true,
            audience: Some(has("account.country", &["NO"])),
            ..rule("Norway, by waves", vec![phase(Some(begins), Rung::Required)])
        },
        proto::LadderRule {
            grace: Some(grace),
            postponement: Some(days(7)),
            reminder_days: vec![0, 7],
            ..rule(
                "Everybody",
                vec![
                    phase(Some(begins), Rung::Optional),
                    local("2026-03-12T09:00", zone, Rung::Nudge),
                    local("2026-03-20T00:00", zone, Rung::Required),
                    local("2026-06-01T00:00", zone, Rung::Locked),
                ],
            )
        },
    ]
}

/// An instant in a statement.
fn sql_instant(server: &TestServer, at: Timestamp) -> String {
    let micros = at.unix_micros();
    if server.is_sqlite() {
        micros.to_string()
    } else {
        format!("TIMESTAMPTZ 'epoch' + {micros} * INTERVAL '1 microsecond'")
    }
}

#[tokio::test]
async fn a_manager_reads_what_a_ladder_says_of_an_account() {
    tell("explain/4_ladder", async |server| {
        let wave = |title: &str, audience| proto::WaveDraft {
            title: title.to_owned(),
            edge: ppm(1_000_000),
            audience,
            ..Default::default()
        };
        let waves = vec![wave("Norway", Some(has("account.country", &["NO"])))];
        let rollout = rollout(&server, proto::RolloutUnit::Account, waves).await;
        let (operator, app) = (server.operator(), server.actor("app", Role::Frontend).await.quiet());
        let rows = vec![
            proto::ImportRow {
                labels: [("team".to_owned(), "contractor".to_owned())].into(),
                ..row(1, "bob", Address::Verified)
            },
            proto::ImportRow { country: "NO".into(), ..row(2, "ola", Address::Unverified) },
            row(3, "ann", Address::Verified),
        ];
        operator.import(rows).await.unwrap();
        let ann: Person = operator.known("ann").await;
        let read = async |what: &str, account: &str, product: &str| {
            server.transcript.note(&format!("== {what}"));
            rollout.explains(&server, account, product).await;
        };
        let mark = async |column: &str, value: &str| {
            raw::change(&server, &format!("UPDATE ledger SET {column} = {value}")).await;
        };
        let in_days = |days: i64| sql_instant(&server, server.now().plus(Span::days(days)));
        let sign_in = async || app.begin(&ann, "kasa", &Device::new("phone")).await;
        let begins = server.now().plus(Span::days(1));
        rollout.set_ladder(rules(begins)).await;
        read("before its first date", "ann", "kasa").await;
        server.clock.advance(Span::days(1));
        read("optional", "ann", "kasa").await;
        read("a product of another rule", "ann", "tapo").await;
        read("a product that the rollout does not name", "ann", "deco").await;
        read("of all, locked for contractors", "bob", "kasa").await;
        read("no wave has reached Norway, so it is in the last rule", "ola", "kasa").await;
        rollout.start().await;
        read("the wave has reached Norway", "ola", "kasa").await;
        rollout.deny(&["ola"]).await;
        read("left out by name", "ola", "kasa").await;
        server.clock.advance(Span::days(11));
        read("a nudge", "ann", "kasa").await;
        server.clock.advance(Span::days(8));
        read("required, and not told yet", "ann", "kasa").await;
        app.sign_in(&ann, "kasa", &Device::new("phone")).await;
        read("told by a sign-in", "ann", "kasa").await;
        mark("skips", "2").await;
        mark("skipped_at", &in_days(0)).await;
        read("two skips used", "ann", "kasa").await;
        mark("extension", &Span::days(3).micros().to_string()).await;
        server.clock.advance(Span::days(2));
        read("extended by support", "ann", "kasa").await;
        rollout.pause().await;
        server.clock.advance(Span::days(2));
        read("paused for two days", "ann", "kasa").await;
        rollout.resume().await;
        read("resumed", "ann", "kasa").await;
        mark("exempt_until", &in_days(30)).await;
        read("exempted by support", "ann", "kasa").await;
        mark("exempt_until", "NULL").await;
        server.clock.advance(Span::days(20));
        read("after its last day", "ann", "kasa").await;
        assert_eq!(sign_in().await.state, proto::SignInState::PendingEnrollment);
        mark("postponed_until", &in_days(7)).await;
        read("put off by the owner", "ann", "kasa").await;
        server.clock.advance(Span::days(60));
        read("locked", "ann", "kasa").await;
        server.transcript.note("== as of the nudge, before anything was told");
        let request = proto::ExplainRequest {
            product: "kasa".into(),
            account: "ann".into(),
            at_time: Some(timestamp(begins.plus(Span::days(12)))),
            ..Default::default()
        };
        server.transcript.note(&rollout.manager.ok(request).await.summary);
        server.transcript.note("== with the revision before the ladder");
        let request = proto::ExplainRequest {
            product: "kasa".into(),
            account: "ann".into(),
            rollout: rollout.key.clone(),
            revision: 1,
            ..Default::default()
        };
        server.transcript.note(&rollout.manager.ok(request).await.summary);
    })
    .await;
}
