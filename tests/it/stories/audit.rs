//! What the log tells of one account.

use proto::tail_events_request::Start;
use tidegate_core::{Role, Span};
use tidegate_proto as proto;

use crate::{
    owner::{Device, by_password},
    raw,
    setting::Kasa,
    story::tell,
    test_server::CredentialSpec,
};

#[tokio::test]
async fn every_change_has_its_event() {
    tell("audit/one_account", async |server| {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        let frontend = kasa.frontend.aloud().quiet();
        let client = proto::ClientContext {
            ip: "192.0.2.7".into(),
            user_agent: "Kasa/3.1".into(),
            device_id: "tablet-1".into(),
            ..Default::default()
        };
        let request = frontend.begin_request(&owner.person, "kasa", &Device::new("tablet-1"));
        frontend
            .ok(proto::BeginSignInRequest {
                client: Some(client),
                first_factor: by_password("wrong password"),
                ..request
            })
            .await;
        server.pass(Span::seconds(1));
        frontend
            .sign_in_with(&owner.person, "kasa", &Device::remembered("tablet-1"), &owner.enrolled.seed)
            .await;
        let auditor = server.actor("auditor", Role::Auditor).await;
        let filter = Some(proto::EventFilter { account: "ann".into(), ..Default::default() });
        let events = auditor
            .quiet()
            .ok(proto::ListEventsRequest { filter: filter.clone(), ..Default::default() })
            .await
            .events;
        for event in events.iter().rev() {
            server
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

#[tokio::test]
async fn the_record_is_followed_and_a_break_is_no_loss() {
    tell("audit/followed", async |server| {
        let admin = server.actor("admin", Role::Admin).await;
        let auditor = server.actor("auditor", Role::Auditor).await;
        server.seal().await;
        let filter = Some(proto::EventFilter {
            kinds: vec!["product_created".into(), "account_created".into()],
            ..Default::default()
        });
        let tail = |start| proto::TailEventsRequest { filter: filter.clone(), start: Some(start) };
        let mut stream = auditor.stream(tail(Start::FromNow(true))).await.unwrap();
        let token = stream.one().await.resume_token;
        admin.product("kasa").await;
        server.transcript.note("the auditor's connection breaks");
        drop(stream);
        let request = proto::CreateAccountRequest { external_id: "u-1".into(), ..Default::default() };
        admin.ok(request).await;
        server.seal().await;
        let mut stream = auditor.stream(tail(Start::ResumeToken(token))).await.unwrap();
        stream.one().await;
        let token = stream.one().await.resume_token;

        server.transcript.note("a token of something else, and one that is too old");
        let wrong = auditor.stream(tail(Start::ResumeToken("00ff".repeat(20)))).await;
        assert!(wrong.is_err());
        admin.quiet().product("tapo").await;
        server.seal().await;
        server.pass(Span::days(401));
        server.sealer.cut(Span::days(400)).await.unwrap();
        let late = auditor.stream(tail(Start::ResumeToken(token))).await;
        assert!(late.is_err());
    })
    .await;
}

#[tokio::test]
async fn who_read_accounts_stands_in_the_record() {
    tell("audit/read", async |server| {
        let admin = server.actor("admin", Role::Admin).await;
        admin.quiet().person("ann").await;
        let support = server.actor("support", Role::Support).await;
        support.ok(proto::LookupAccountRequest { email: "Ann@example.com".into() }).await;
        support.ok(proto::ListAccountsRequest::default()).await;
        let auditor = server.actor("auditor", Role::Auditor).await;
        let filter = Some(proto::EventFilter { actor: support.credential.clone(), ..Default::default() });
        auditor.ok(proto::ListEventsRequest { filter, ..Default::default() }).await;
        let limited = CredentialSpec { products: &["kasa"], ..CredentialSpec::of(Role::Auditor) };
        admin.quiet().product("kasa").await;
        admin.quiet().product("tapo").await;
        let limited = server.with_credential("auditor of kasa", limited).await;
        limited.ok(proto::ListEventsRequest::default()).await;
        let filter = Some(proto::EventFilter { product: "tapo".into(), ..Default::default() });
        limited.refused(proto::ListEventsRequest { filter, ..Default::default() }).await;
    })
    .await;
}

#[tokio::test]
async fn the_record_is_exported_and_verified() {
    tell("audit/proved", async |server| {
        let admin = server.actor("admin", Role::Admin).await;
        admin.quiet().product("kasa").await;
        admin.quiet().person("ann").await;
        server.seal().await;
        let auditor = server.actor("auditor", Role::Auditor).await;
        let mut export = auditor.stream(proto::ExportEventsRequest::default()).await.unwrap();
        let lines = String::from_utf8(export.one().await.lines).unwrap();
        for line in lines.lines().filter(|line| !line.contains("batch")) {
            server.transcript.note(line);
        }
        let verified = auditor.ok(proto::VerifyChainRequest::default()).await;
        server.transcript.note("somebody changes what the database holds");
        raw::change(&server, "UPDATE events SET account_id = NULL WHERE sequence = 5").await;
        auditor.ok(proto::VerifyChainRequest { anchor: verified.head, ..Default::default() }).await;
    })
    .await;
}
