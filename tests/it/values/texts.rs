//! Text that people read, and base decisions on.

use tidegate_core::Role;
use tidegate_proto as proto;

use super::{credential, product, wrong};
use crate::{arrange::PASSWORD, owner::by_password, test_server::TestServer};

on_both! {
    async fn what_people_read_is_kept_in_one_form_and_readable(server) {
        let operator = server.operator();
        for unseen in ["", " \u{3000}", "Ka\u{200b}sa", "\u{202e}asaK", "Ka\nsa", "\u{3164}", &"ä".repeat(201)] {
            let title = operator.refused(product(unseen, "https://kasa.example/")).await;
            assert_eq!(wrong(&title).0, "title", "{unseen:?}");
            let holder = operator.refused(credential(unseen, None)).await;
            assert_eq!(wrong(&holder).0, "holder", "{unseen:?}");
        }
        let made = operator.ok(product(" Ka\u{308}sa: home ", "https://kasa.example/")).await.product.unwrap();
        assert_eq!(made.title, "Käsa: home");
        let label = |text: &str| proto::CreateAccountRequest {
            external_id: "ann".into(),
            labels: [("tier".to_owned(), text.to_owned())].into(),
            ..Default::default()
        };
        assert_eq!(wrong(&operator.refused(label("go\u{200d}ld")).await).0, "labels[0]");
        let made = operator.ok(label(" gu\u{308}ld")).await.account.unwrap();
        assert_eq!(made.labels["tier"], "güld");
    }

    /// Other spellings of a name are the same person, who cannot be the second one to clear a stop.
    async fn a_stop_is_not_cleared_by_one_person_with_two_spellings(server) {
        let operator = server.operator();
        operator.product("kasa").await;
        let rollout = operator.start(&operator.rollout("two-step", &["kasa"], &[1_000_000]).await).await;
        let stop = proto::StopRolloutRequest { rollout: rollout.key.clone(), ..Default::default() };
        let mut etag = operator.ok(stop).await.rollout.unwrap().etag;
        let approver = |holder: &str| proto::CreateCredentialRequest {
            role: proto::RoleType::RolloutApprover.into(),
            ..credential(holder, None)
        };
        let names = ["Bob Łąk", "bob  łąk", "Bob\u{2009}Łąk", "Bob\u{3000}ŁĄK", "BobŁa\u{328}k"];
        for (place, name) in names.into_iter().enumerate() {
            let token = operator.ok(approver(name)).await.token;
            let clear = proto::ClearStopRequest { rollout: rollout.key.clone(), etag: etag.clone(), ..Default::default() };
            match operator.with(&token).call(clear).await {
                Ok(answer) if place == 0 => etag = answer.rollout.unwrap().etag,
                answer => assert_eq!(answer.unwrap_err().name(), "SECOND_PERSON_NEEDED", "{name}"),
            }
        }
    }
}

/// A user agent is only a hint, so its invisible characters are left out, and it is not refused.
#[tokio::test]
async fn a_user_agent_is_kept_without_invisible_characters() {
    let server = TestServer::sqlite().await;
    let operator = server.operator();
    operator.product("kasa").await;
    let ann = operator.person("ann").await;
    let frontend = server.actor("frontend", Role::Frontend).await;
    let begin = proto::BeginSignInRequest {
        product: "kasa".into(),
        identifier: ann.email.clone(),
        first_factor: by_password(PASSWORD),
        client: Some(proto::ClientContext {
            user_agent: "Kasa\u{202e}/1.0\n\u{200b}(phone)".into(),
            ..Default::default()
        }),
        ..Default::default()
    };
    frontend.ok(begin).await;
    let filter = proto::EventFilter { account: ann.id.clone(), ..Default::default() };
    let events = operator.ok(proto::ListEventsRequest { filter: Some(filter), ..Default::default() }).await;
    let agents: Vec<_> = events.events.iter().map(|event| event.user_agent.as_str()).collect();
    assert!(agents.contains(&"Kasa/1.0(phone)"), "{agents:?}");
}
