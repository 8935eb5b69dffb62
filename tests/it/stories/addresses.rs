//! An address that is changed, first by its owner and then by somebody else.

use tidegate_core::Span;
use tidegate_proto as proto;

use crate::{
    arrange::NEW_PASSWORD,
    owner::{Device, confirm_email},
    setting::Kasa,
    story::tell,
};

#[tokio::test]
async fn an_address_is_changed_and_taken_back() {
    tell("addresses/changed_and_taken_back", async |server| {
        let kasa = Kasa::open(&server).await;
        let (ann, frontend) = (kasa.admin.person("ann").await, kasa.frontend.aloud());
        server.pass(Span::days(30));
        let session = frontend.quiet().sign_in(&ann, "kasa", &Device::new("strange")).await;
        server.transcript.note("somebody signs in with Ann's password, and changes her address");
        let change = |email: &str| proto::RequestEmailChangeRequest {
            subject: session.subject(),
            email: email.into(),
            ..Default::default()
        };
        frontend.refused(change("no address")).await;
        frontend.refused(change(&ann.email)).await;
        frontend.ok(change("mallory@example.org")).await;
        frontend.refused(change("mallory@example.org")).await;
        let token = server.mail_to("mallory@example.org").await.token;
        frontend.ok(confirm_email(&token, &session)).await;
        server.transcript.note("Ann reads the mail that her former address got");
        let notice = server.mail_to(&ann.email).await.token;
        let not_me =
            |token: String| proto::ReportNotMeRequest { token, product: "kasa".into(), ..Default::default() };
        frontend.ok(not_me(notice.clone())).await;
        frontend.ok(not_me(notice)).await;
        frontend.refused(change("mallory@example.org")).await;
        let token = server.mail_to(&ann.email).await.token;
        let product = "kasa".to_owned();
        let reset = proto::CompleteRecoveryRequest {
            product,
            token,
            password: NEW_PASSWORD.into(),
            ..Default::default()
        };
        frontend.ok(reset).await;
    })
    .await;
}

#[tokio::test]
async fn changes_are_locked_and_an_owner_sees_what_happened() {
    tell("addresses/not_me", async |server| {
        let kasa = Kasa::open(&server).await;
        let (ann, frontend) = (kasa.admin.person("ann").await, kasa.frontend.aloud());
        let phone = Device::new("phone-1");
        let session = frontend.quiet().sign_in(&ann, "kasa", &phone).await;
        frontend.ok(proto::ReportNotMeRequest { subject: session.subject(), ..Default::default() }).await;
        crate::raw::change(&server, "UPDATE passwords SET demanded_at = NULL").await;
        server.transcript.note("somebody has got the password that Ann sets");
        let session = frontend.quiet().sign_in(&ann, "kasa", &phone).await;
        let (subject, email) = (session.subject(), "ann@example.org".to_owned());
        frontend.refused(proto::RequestEmailChangeRequest { subject, email, ..Default::default() }).await;
        server.mails_to(&ann.email).await;
        frontend
            .ok(proto::ListActivityRequest {
                subject: session.subject(),
                page_size: 12,
                ..Default::default()
            })
            .await;
    })
    .await;
}
