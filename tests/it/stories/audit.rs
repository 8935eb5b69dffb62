//! What the log tells of one account.

use tidegate_core::{Role, Span};
use tidegate_proto as proto;

use crate::{owner::Device, setting::Kasa, story::tell};

#[tokio::test]
async fn every_change_has_its_event() {
    tell("audit/one_account", async |stage| {
        let kasa = Kasa::open(&stage).await;
        let owner = kasa.owner("ann").await;
        let frontend = kasa.frontend.aloud().quiet();
        let client = proto::ClientContext {
            ip: "192.0.2.7".into(),
            user_agent: "Kasa/3.1".into(),
            device_id: "tablet-1".into(),
        };
        let request = frontend.begin_request(&owner.person, "kasa", &Device::new("tablet-1"));
        frontend
            .ok(proto::BeginSignInRequest {
                client: Some(client),
                password: "wrong password".into(),
                ..request
            })
            .await;
        stage.pass(Span::seconds(1));
        frontend
            .sign_in_with(&owner.person, "kasa", &Device::remembered("tablet-1"), &owner.enrolled.seed)
            .await;
        let auditor = stage.actor("auditor", Role::Auditor).await;
        let filter = Some(proto::EventFilter { account: "ann".into() });
        let events = auditor
            .quiet()
            .ok(proto::ListEventsRequest { filter: filter.clone(), ..Default::default() })
            .await
            .events;
        for event in events.iter().rev() {
            stage
                .transcript
                .note(&format!("{} by {} at {:?}: {}", event.kind, event.actor, event.product, event.data));
        }
        let denied = events.iter().position(|event| event.kind == "sign_in_denied").unwrap();
        let before = auditor
            .quiet()
            .ok(proto::ListEventsRequest {
                filter: filter.clone(),
                page_size: i32::try_from(denied).unwrap(),
                ..Default::default()
            })
            .await;
        auditor
            .ok(proto::ListEventsRequest { filter, page_size: 1, page_token: before.next_page_token })
            .await;
    })
    .await;
}
