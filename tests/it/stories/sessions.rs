//! What sessions are worth, and how they end.

use tidegate_core::Span;
use tidegate_proto as proto;

use crate::{
    owner::{Device, Session},
    setting::Kasa,
    story::tell,
};

fn introspect(session: &Session) -> proto::IntrospectRequest {
    proto::IntrospectRequest { session_token: session.token.clone() }
}

#[tokio::test]
async fn sessions_end_by_will_by_replacement_and_by_themselves() {
    tell("sessions/ends", async |server| {
        let kasa = Kasa::open(&server).await;
        let (ann, frontend) = (kasa.admin.person("ann").await, kasa.frontend.aloud());
        let (phone, tablet) = (Device::new("phone-1"), Device::new("tablet-1"));
        let first = frontend.quiet().sign_in(&ann, "kasa", &phone).await;
        frontend.ok(introspect(&first)).await;
        let second = frontend.quiet().sign_in(&ann, "kasa", &phone).await;
        server.transcript.note("signed in again on the same device, and on another");
        frontend.ok(introspect(&first)).await;
        let other = frontend.quiet().sign_in(&ann, "kasa", &tablet).await;
        let revoke = proto::RevokeSessionRequest {
            subject: second.subject(),
            session_id: other.id.clone(),
            ..Default::default()
        };
        frontend.ok(revoke.clone()).await;
        frontend.ok(revoke).await;
        frontend.ok(introspect(&other)).await;
        server.pass(Span::minutes(59));
        frontend.ok(introspect(&second)).await;
        server.pass(Span::minutes(59));
        frontend.quiet().ok(introspect(&second)).await;
        server.pass(Span::hours(1));
        server.transcript.note("unused for an hour");
        frontend.ok(introspect(&second)).await;
        let own = frontend.quiet().sign_in(&ann, "kasa", &phone).await;
        frontend.ok(proto::RevokeSessionRequest { subject: own.subject(), ..Default::default() }).await;
        frontend.refused(proto::RevokeSessionRequest { subject: own.subject(), ..Default::default() }).await;
    })
    .await;
}

/// An app stays signed in for weeks with sessions that end after an hour, until a copy of its token shows up.
#[tokio::test]
async fn an_app_stays_signed_in_until_its_token_is_copied() {
    tell("sessions/refreshed", async |server| {
        let kasa = Kasa::open(&server).await;
        let (admin, frontend) = (kasa.admin.aloud(), kasa.frontend.aloud());
        admin.refreshing("kasa", Span::days(30)).await;
        let ann = kasa.admin.person("ann").await;
        let phone = Device::new("phone-1");
        let begun = frontend.quiet().begin(&ann, "kasa", &phone).await;
        let first = frontend.finish(&begun, &phone).await.unwrap();
        let refresh = |token: &str| proto::RefreshSessionRequest {
            refresh_token: token.to_owned(),
            client: Some(phone.client()),
            ..Default::default()
        };
        server.pass(Span::days(3));
        frontend.ok(introspect(&first)).await;
        let second = frontend.ok(refresh(&first.answer.refresh_token)).await;
        frontend.ok(proto::IntrospectRequest { session_token: second.session_token }).await;
        server.transcript.note("the reply was lost, so the app calls again");
        let third = frontend.ok(refresh(&first.answer.refresh_token)).await;
        server.pass(Span::minutes(2));
        server.transcript.note("somebody else has a copy of the first token");
        frontend.refused(refresh(&first.answer.refresh_token)).await;
        frontend.ok(proto::IntrospectRequest { session_token: third.session_token }).await;
        frontend.refused(refresh(&third.refresh_token)).await;
        server.mail_to(&ann.email).await;
    })
    .await;
}

/// What a service needs to check assertions by itself, and how the key changes.
#[tokio::test]
async fn a_service_gets_assertions_and_the_keys_that_verify_them() {
    tell("sessions/assertions", async |server| {
        let kasa = Kasa::open(&server).await;
        let (ann, frontend) = (kasa.admin.person("ann").await, kasa.frontend.aloud());
        let session = frontend.quiet().sign_in(&ann, "kasa", &Device::new("phone-1")).await;
        let issue = || proto::IssueAssertionRequest {
            subject: session.subject(),
            audience: "https://api.kasa.example".into(),
            ..Default::default()
        };
        frontend.ok(issue()).await;
        frontend.ok(proto::GetJwksRequest {}).await;
        let minutes = |minutes: i64| Some(prost_types::Duration { seconds: minutes * 60, nanos: 0 });
        frontend.ok(proto::IssueAssertionRequest { lifetime: minutes(5), ..issue() }).await;
        frontend.refused(proto::IssueAssertionRequest { lifetime: minutes(6), ..issue() }).await;
        let admin = kasa.admin.aloud();
        admin.ok(proto::RotateSigningKeyRequest::default()).await;
        frontend.ok(proto::GetJwksRequest {}).await;
        server.pass(Span::minutes(15));
        frontend.ok(proto::GetJwksRequest {}).await;
        admin.ok(proto::RotateSigningKeyRequest { at_once: true, ..Default::default() }).await;
        frontend.ok(proto::GetJwksRequest {}).await;
        frontend
            .quiet()
            .ok(proto::RevokeSessionRequest { subject: session.subject(), ..Default::default() })
            .await;
        frontend.refused(issue()).await;
    })
    .await;
}

/// A session may live for weeks; its level falls after a day.
#[tokio::test]
async fn a_level_falls_after_a_day() {
    tell("sessions/level", async |server| {
        let kasa = Kasa::open(&server).await;
        let month = Some(prost_types::Duration { seconds: 30 * 86_400, nanos: 0 });
        let settings =
            proto::ProductSettings { session_idle: month, session_absolute: month, ..Default::default() };
        let paths = ["settings.session_idle", "settings.session_absolute"].map(str::to_owned).to_vec();
        let request = proto::UpdateProductRequest {
            product: "kasa".into(),
            etag: "r1".into(),
            settings: Some(settings),
            update_mask: Some(prost_types::FieldMask { paths }),
            ..Default::default()
        };
        kasa.admin.ok(request).await;
        let (owner, frontend) = (kasa.owner("ann").await, kasa.frontend.aloud());
        let session = frontend
            .quiet()
            .sign_in_with(&owner.person, "kasa", &Device::new("tablet-1"), &owner.enrolled.seed)
            .await;
        frontend.ok(introspect(&session)).await;
        server.pass(Span::hours(24));
        frontend.ok(introspect(&session)).await;
        server.transcript.note("the session in which two-step was set up met less, and has some days");
        frontend.ok(introspect(&owner.session)).await;
        server.pass(Span::days(7));
        frontend.ok(introspect(&owner.session)).await;
        server.pass(Span::days(22));
        frontend.ok(introspect(&session)).await;
    })
    .await;
}
