//! Codes by SMS: a security vendor's policy, where the phone number comes before the authenticator app, and stays.

use tidegate_core::Span;
use tidegate_proto as proto;

use crate::{
    owner::Device,
    recovery::{begin, remove},
    setting::Kasa,
    sms_codes::{NUMBER, OTHER, begin_phone, change_phone, confirm_phone},
    story::tell,
};

#[tokio::test]
async fn s5_sms_before_the_authenticator_app() {
    tell("sms_codes/s5", async |server| {
        let kasa = Kasa::by_sms(&server).await;
        let (ann, frontend) = (kasa.admin.person("ann").await, kasa.frontend.aloud());
        let phone = Device::new("phone-1");
        let session = frontend.quiet().sign_in(&ann, "kasa", &phone).await;
        server.transcript.note("the authenticator app comes after the phone number");
        frontend.refused(begin(&session, "")).await;
        let enrollment = frontend.ok(begin_phone(&session, NUMBER)).await.enrollment.unwrap().id;
        let mail = server.mail_to(&ann.email).await;
        frontend.quiet().redeem(&mail.token).await;
        let go_on = proto::ContinueEnrollmentRequest {
            subject: session.subject(),
            enrollment_id: enrollment.clone(),
            ..Default::default()
        };
        frontend.ok(go_on).await;
        let code = server.texted(NUMBER).await;
        let done = frontend.complete_enrollment(&session, &enrollment, &code).await;
        let number = done.factor.unwrap().id;
        server.pass(Span::minutes(16));
        server.transcript.note("a sign-in with a code by SMS: its session is marked");
        let tablet = Device::new("tablet-1");
        let begun = frontend.begin(&ann, "kasa", &tablet).await;
        let challenge = frontend.challenge_of(&begun, &number).await;
        let code = server.texted(NUMBER).await;
        frontend.answer(&begun, &challenge, &code).await;
        let session = frontend.finish(&begun, &tablet).await.unwrap();
        server.transcript.note("now the app can be set up, and the number still stays");
        frontend.quiet().add(&session, "app").await;
        frontend.ok(proto::ListFactorsRequest { subject: session.subject() }).await;
        frontend.refused(remove(&session, &number)).await;
        server.transcript.note("but it follows its owner");
        let change = frontend.ok(change_phone(&session, OTHER)).await.enrollment_id;
        let code = server.texted(OTHER).await;
        frontend.ok(confirm_phone(&session, &change, &code)).await;
    })
    .await;
}

#[tokio::test]
async fn what_is_refused() {
    tell("sms_codes/refused", async |server| {
        let kasa = Kasa::by_sms(&server).await;
        let frontend = kasa.frontend.aloud();
        let ann = kasa.sms_owner("ann").await;
        frontend.refused(begin_phone(&ann.session, OTHER)).await;
        let bob = kasa.admin.person("bob").await;
        let session = kasa.frontend.sign_in(&bob, "kasa", &Device::new("phone-2")).await;
        frontend.refused(change_phone(&session, OTHER)).await;
        frontend.refused(begin_phone(&session, "+49 30 901820")).await;
        frontend.refused(begin_phone(&session, "+1 202 555 0143")).await;
    })
    .await;
}
