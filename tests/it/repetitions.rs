//! Refusals that repeat: one event for each counter and minute, with its count. What a stranger can make the server store is
//! bounded.

use proto::ProofOutcome as Outcome;
use tidegate_core::Span;
use tidegate_proto as proto;

use crate::{
    arrange::PASSWORD,
    owner::{Device, by_password},
    raw,
    setting::{Kasa, wrong},
    test_server::TestServer,
};

const MINUTE: Span = Span::minutes(1);

fn guess(identifier: &str, password: &str) -> proto::BeginSignInRequest {
    proto::BeginSignInRequest {
        product: "kasa".into(),
        identifier: identifier.to_owned(),
        first_factor: by_password(password),
        client: Some(Device::new("phone").client()),
        ..Default::default()
    }
}

/// The kind, the account and the fields of each event whose fact contains this.
async fn events(server: &TestServer, what: &str) -> Vec<String> {
    raw::rows(server, &format!("SELECT fact FROM events WHERE fact LIKE '%{what}%' ORDER BY event_id")).await
}

async fn size(server: &TestServer) -> i64 {
    let (events, requests) = ("SELECT count(*) FROM events", "SELECT count(*) FROM requests");
    raw::count(server, events).await + raw::count(server, requests).await
}

/// Guesses until the identifier is slowed.
async fn slow(kasa: &Kasa, identifier: &str) {
    for _ in 0..4 {
        kasa.frontend.ok(guess(identifier, "wrong horse")).await;
    }
}

async fn over(server: &TestServer) {
    server.app.record_refusals(false).await.unwrap();
}

on_both! {
    async fn what_is_slowed_is_recorded_once_and_then_counted(server) {
        let kasa = Kasa::open(&server).await;
        let person = kasa.admin.person("ann").await;
        for identifier in [person.email.as_str(), "nobody@example.com"] {
            slow(&kasa, identifier).await;
            for _ in 0..10 {
                let slowed = kasa.frontend.ok(guess(identifier, PASSWORD)).await;
                assert!(slowed.retry_time.is_some());
            }
        }
        let slowed = "sign_in_denied%slowed";
        let one = r#"{"kind":"sign_in_denied","data":{"why":"slowed"}}"#;
        let more = r#"{"kind":"sign_in_denied","data":{"why":"slowed","count":9}}"#;
        assert_eq!(events(&server, slowed).await, [one, one]);
        server.clock.advance(MINUTE.minus(Span::from_micros(1)));
        over(&server).await;
        assert_eq!(events(&server, slowed).await, [one, one]);
        server.clock.advance(Span::from_micros(1));
        over(&server).await;
        assert_eq!(events(&server, slowed).await, [one, one, more, more]);
        let of_account = "SELECT count(*) FROM events WHERE fact LIKE '%slowed%count%' AND account_id IS NOT NULL";
        assert_eq!(raw::count(&server, of_account).await, 1, "the other identifier has no account");
        // A minute without any, and the next one is recorded at once.
        server.clock.advance(MINUTE);
        over(&server).await;
        slow(&kasa, "nobody@example.com").await;
        assert_eq!(events(&server, slowed).await.len(), 5);
    }

    async fn an_accounts_wrong_passwords_are_recorded_each_and_strangers_together(server) {
        let kasa = Kasa::open(&server).await;
        let person = kasa.admin.person("ann").await;
        slow(&kasa, &person.email).await;
        for n in 0..8 {
            kasa.frontend.ok(guess(&format!("nobody{n}@example.com"), "wrong horse")).await;
        }
        server.clock.advance(MINUTE);
        over(&server).await;
        assert_eq!(events(&server, "sign_in_denied%wrong_password").await.len(), 4);
        let strangers = events(&server, "sign_in_denied%unknown_identifier").await;
        assert_eq!(strangers.len(), 2);
        assert!(strangers[1].contains(r#""count":7"#), "{strangers:?}");
    }

    async fn what_refused_callers_make_the_server_store_has_a_bound(server) {
        let kasa = Kasa::open(&server).await;
        kasa.admin.person("ann").await;
        slow(&kasa, "ann@example.com").await;
        kasa.frontend.ok(guess("ann@example.com", PASSWORD)).await;
        let before = size(&server).await;
        for n in 0_u128..200 {
            let request_id = uuid::Uuid::from_u128(n).to_string();
            let request = proto::BeginSignInRequest { request_id, ..guess("ann@example.com", PASSWORD) };
            kasa.frontend.ok(request).await;
        }
        assert_eq!(size(&server).await, before, "neither an event nor an outcome is stored");
        server.clock.advance(MINUTE);
        over(&server).await;
        assert_eq!(size(&server).await, before + 1);
    }

    /// Each identifier is asked for once, so that no budget refuses it.
    async fn resets_that_are_asked_for_are_counted_together(server) {
        let kasa = Kasa::open(&server).await;
        let person = kasa.admin.person("ann").await;
        for identifier in (0..20).map(|n| format!("nobody{n}@example.com")).chain([person.email]) {
            let (product, client) = ("kasa".to_owned(), Some(Device::new("phone").client()));
            let request = proto::BeginRecoveryRequest { product, identifier, client, ..Default::default() };
            kasa.frontend.ok(request).await;
        }
        server.app.send_resets().await.unwrap();
        server.clock.advance(MINUTE);
        over(&server).await;
        let begun = events(&server, "recovery_begun").await;
        assert_eq!(begun.len(), 2);
        assert!(begun[1].contains(r#""count":20"#), "{begun:?}");
        assert_eq!(events(&server, "password_reset_requested").await.len(), 1, "the account has an event of its own");
    }

    async fn funnels_count_every_answer_that_is_refused(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        let (begun, challenge) = kasa.asked(&owner, "phone").await;
        kasa.frontend.answer(&begun, &challenge, &wrong(&kasa.code(&owner))).await;
        raw::change(&server, "UPDATE attempts SET in_hour = 10 WHERE counter_id IN (SELECT factor_id FROM factors)").await;
        for n in 0..5 {
            let (begun, challenge) = kasa.asked(&owner, &format!("tablet{n}")).await;
            let answer = kasa.frontend.answer(&begun, &challenge, &kasa.code(&owner)).await;
            assert_eq!(answer.outcome(), Outcome::Slowed);
        }
        server.clock.advance(MINUTE);
        over(&server).await;
        assert_eq!(events(&server, "challenge_answered%slowed").await.len(), 2);
        server.fold().await;
        let slowed = "SELECT sum(count) FROM rollout_hours WHERE step = 'failed' AND reason = 'slowed'";
        assert_eq!(raw::count(&server, slowed).await, 5);
    }

    async fn a_stop_records_what_was_counted(server) {
        let kasa = Kasa::open(&server).await;
        for n in 0..8 {
            kasa.frontend.ok(guess(&format!("nobody{n}@example.com"), "wrong horse")).await;
        }
        server.app.record_refusals(true).await.unwrap();
        let strangers = events(&server, "unknown_identifier").await;
        assert_eq!(strangers.len(), 2);
        assert!(strangers[1].contains(r#""count":7"#), "{strangers:?}");
    }

    async fn counts_that_cannot_be_recorded_are_recorded_later(server) {
        let kasa = Kasa::open(&server).await;
        for n in 0..8 {
            kasa.frontend.ok(guess(&format!("nobody{n}@example.com"), "wrong horse")).await;
        }
        server.clock.advance(MINUTE);
        raw::alter(&server, "ALTER TABLE events RENAME TO hidden").await;
        server.app.record_refusals(false).await.unwrap_err();
        raw::alter(&server, "ALTER TABLE hidden RENAME TO events").await;
        server.clock.advance(MINUTE);
        over(&server).await;
        let strangers = events(&server, "unknown_identifier").await;
        assert!(strangers.len() == 2 && strangers[1].contains(r#""count":7"#), "{strangers:?}");
    }

    async fn a_replayed_code_is_recorded_once_and_then_counted(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        let (begun, challenge) = kasa.asked(&owner, "phone").await;
        let code = kasa.code(&owner);
        assert_eq!(kasa.frontend.answer(&begun, &challenge, &code).await.outcome(), Outcome::Approved);
        let (begun, challenge) = kasa.asked(&owner, "tablet").await;
        for _ in 0..30 {
            assert_eq!(kasa.frontend.answer(&begun, &challenge, &code).await.outcome(), Outcome::Replayed);
        }
        server.clock.advance(MINUTE);
        over(&server).await;
        let replayed = events(&server, "challenge_answered%replayed").await;
        assert!(replayed.len() == 2 && replayed[1].contains(r#""count":29"#), "{replayed:?}");
    }
}
