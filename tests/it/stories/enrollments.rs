//! Enrollments with detours.

use tidegate_core::Span;
use tidegate_proto as proto;

use crate::{
    origins::from_client,
    owner::{Device, Session},
    setting::{Kasa, wrong},
    story::tell,
};

fn get(session: &Session, enrollment: &str) -> proto::GetEnrollmentRequest {
    proto::GetEnrollmentRequest { subject: session.subject(), enrollment_id: enrollment.to_owned() }
}

fn cancel(session: &Session, enrollment: &str) -> proto::CancelEnrollmentRequest {
    proto::CancelEnrollmentRequest {
        subject: session.subject(),
        enrollment_id: enrollment.to_owned(),
        request_id: String::new(),
    }
}

#[tokio::test]
async fn one_is_given_up_and_another_one_begun() {
    tell("enrollments/given_up", async |server| {
        let kasa = Kasa::open(&server).await;
        let (ann, frontend) = (kasa.admin.person("ann").await, kasa.frontend.aloud());
        let session = frontend.quiet().sign_in(&ann, "kasa", &Device::new("phone-1")).await;
        let first = frontend.begin_enrollment(&session).await;
        let link = server.mail_to(&ann.email).await.token;
        frontend.ok(cancel(&session, &first)).await;
        frontend.redeem(&link).await;
        frontend.redeem(&link).await;
        frontend.redeem(&format!("tgl_{}", "0".repeat(64))).await;
        server.pass(Span::minutes(1));
        let second = frontend.begin_enrollment(&session).await;
        let link = server.mail_to(&ann.email).await.token;
        server.pass(Span::hours(2));
        frontend.redeem(&link).await;
        frontend.refused(cancel(&session, &second)).await;
        frontend.quiet().call(get(&session, &second)).await.unwrap_err();
    })
    .await;
}

#[tokio::test]
async fn the_first_code_is_typed_wrong() {
    tell("enrollments/wrong_codes", async |server| {
        let kasa = Kasa::open(&server).await;
        let (ann, frontend) = (kasa.admin.person("ann").await, kasa.frontend.aloud());
        let session = frontend.quiet().sign_in(&ann, "kasa", &Device::new("phone-1")).await;
        let enrollment = frontend.quiet().begin_enrollment(&session).await;
        let link = server.mail_to(&ann.email).await.token;
        frontend.ok(get(&session, &enrollment)).await;
        frontend.redeem(&link).await;
        frontend.ok(get(&session, &enrollment)).await;
        let seed = frontend.continue_enrollment(&session, &enrollment).await;
        for _ in 0..3 {
            frontend.quiet().complete_enrollment(&session, &enrollment, &wrong(&server.code(&seed))).await;
        }
        server.transcript.note("three wrong codes later");
        frontend.complete_enrollment(&session, &enrollment, &wrong(&server.code(&seed))).await;
        frontend.complete_enrollment(&session, &enrollment, &wrong(&server.code(&seed))).await;
        frontend.complete_enrollment(&session, &enrollment, &server.code(&seed)).await;
        frontend.ok(proto::ListFactorsRequest { subject: session.subject() }).await;
        frontend.ok(get(&session, &enrollment)).await;
    })
    .await;
}

/// A session that is seven days old proves the owner, without a mailed link: a thief with the password would
/// not have waited that long.
#[tokio::test]
async fn an_old_session_needs_no_mail_where_the_address_is_new() {
    tell("enrollments/old_session", async |server| {
        let kasa = Kasa::open(&server).await;
        let month = Some(prost_types::Duration { seconds: 30 * 86_400, nanos: 0 });
        let request = proto::UpdateProductRequest {
            product: "kasa".into(),
            etag: "r1".into(),
            settings: Some(proto::ProductSettings {
                session_idle: month,
                session_absolute: month,
                ..Default::default()
            }),
            update_mask: Some(prost_types::FieldMask {
                paths: ["settings.session_idle", "settings.session_absolute"].map(str::to_owned).to_vec(),
            }),
            ..Default::default()
        };
        kasa.admin.ok(request).await;
        let (ann, frontend) = (kasa.admin.person("ann").await, kasa.frontend.aloud());
        let session = frontend.quiet().sign_in(&ann, "kasa", &Device::new("phone-1")).await;
        server.pass(Span::days(6));
        let young = frontend.quiet().sign_in(&ann, "kasa", &Device::new("tablet-1")).await;
        kasa.change_email(&young, "ann@example.org").await;
        server.pass(Span::days(1));
        let (subject, method) = (young.subject(), proto::Method::Totp.into());
        frontend.refused(proto::BeginEnrollmentRequest { subject, method, ..Default::default() }).await;
        let request = proto::BeginEnrollmentRequest {
            subject: session.subject(),
            method: proto::Method::Totp.into(),
            request_id: "7f0c1a52-5a1e-4d4e-9c7b-3f3b1c2d4e5f".into(),
            ..Default::default()
        };
        let begun = frontend.ok(request.clone()).await;
        assert_eq!(frontend.ok(request.clone()).await, begun);
        server.pass(Span::minutes(10));
        frontend.ok(request).await;
        let seed = crate::owner::Seed::scan(begun.setup);
        frontend.complete_enrollment(&session, &begun.enrollment.unwrap().id, &server.code(&seed)).await;
        let mails = server.mails_to(&ann.email).await;
        assert!(mails.iter().all(|mail| mail.link.contains("#not-me=")), "notices alone");
    })
    .await;
}

#[tokio::test]
async fn an_owner_sees_where_factors_were_added() {
    tell("enrollments/origins", async |server| {
        let kasa = Kasa::by_mail(&server).await;
        let (ann, frontend) = (kasa.admin.person("ann").await, kasa.frontend.aloud());
        let session = frontend.quiet().sign_in(&ann, "kasa", &Device::new("phone-1")).await;
        let (enrollment, seed) = frontend.quiet().scanned(&session, &ann).await;
        let subject = from_client(&session, "192.0.2.7", "Kasa/3.1 (Android 16; Pixel 9)");
        frontend.completes(subject, &enrollment, &seed).await;
        server.transcript.note("the address was verified before; the factor of it only has its date");
        frontend.ok(proto::ListFactorsRequest { subject: session.subject() }).await;
    })
    .await;
}

on_both! {
    async fn inv_31_a_mailed_link_opens_the_products_page(server) {
        let kasa = Kasa::open(&server).await;
        let ann = kasa.admin.person("ann").await;
        let session = kasa.frontend.sign_in(&ann, "kasa", &Device::new("phone-1")).await;
        kasa.frontend.begin_enrollment(&session).await;
        let mail = server.mail_to(&ann.email).await;
        assert_eq!(mail.link, format!("https://kasa.example/confirm#confirm={}", mail.token));
        assert!(mail.text.contains("Kasa account of ann@example.com") && mail.text.contains("2 March 2026, 11:00 UTC"));
    }
}
