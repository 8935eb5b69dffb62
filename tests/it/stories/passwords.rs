//! Passwords: changed, forgotten, and set where there was none.

use tidegate_core::Span;
use tidegate_proto as proto;

use crate::{
    arrange::{NEW_PASSWORD, PASSWORD},
    owner::{Device, by_password},
    raw,
    setting::Kasa,
    story::tell,
};

#[tokio::test]
async fn a_password_is_changed_and_forgotten() {
    tell("passwords/changed_and_forgotten", async |server| {
        let kasa = Kasa::open(&server).await;
        let (ann, frontend) = (kasa.admin.person("ann").await, kasa.frontend.aloud());
        let (phone, tablet) = (Device::new("phone-1"), Device::new("tablet-1"));
        let session = frontend.quiet().sign_in(&ann, "kasa", &phone).await;
        frontend.quiet().sign_in(&ann, "kasa", &tablet).await;
        let change = |current: &str, new: &str| proto::ChangePasswordRequest {
            subject: session.subject(),
            current_password: current.into(),
            new_password: new.into(),
            ..Default::default()
        };
        frontend.refused(change(PASSWORD, "short")).await;
        frontend.ok(change("a wrong passphrase", NEW_PASSWORD)).await;
        frontend.ok(change(PASSWORD, NEW_PASSWORD)).await;
        server.mail_to(&ann.email).await;
        frontend.ok(proto::ListSessionsRequest { subject: session.subject() }).await;

        server.transcript.note("a month later the password is forgotten");
        server.pass(Span::days(30));
        let begin = |identifier: &str| proto::BeginRecoveryRequest {
            product: "kasa".into(),
            identifier: identifier.into(),
            ..Default::default()
        };
        frontend.ok(begin("nobody@example.com")).await;
        frontend.ok(begin(&ann.email)).await;
        frontend.refused(begin(&ann.email)).await;
        let token = server.mail_to(&ann.email).await.token;
        let reset = proto::CompleteRecoveryRequest {
            product: "kasa".into(),
            token,
            password: "another long passphrase of hers".into(),
            ..Default::default()
        };
        frontend.ok(reset.clone()).await;
        frontend.ok(reset).await;
        server.mail_to(&ann.email).await;
        let right = proto::BeginSignInRequest {
            first_factor: by_password("another long passphrase of hers"),
            ..frontend.begin_request(&ann, "kasa", &phone)
        };
        frontend.ok(right).await;
        kasa.admin.aloud().ok(proto::ListEventsRequest { page_size: 6, ..Default::default() }).await;
    })
    .await;
}

#[tokio::test]
async fn an_account_without_a_password_gets_one() {
    tell("passwords/set", async |server| {
        let kasa = Kasa::open(&server).await;
        let (ann, frontend) = (kasa.admin.person("ann").await, kasa.frontend.aloud());
        let session = frontend.quiet().sign_in(&ann, "kasa", &Device::new("phone-1")).await;
        let set = proto::SetPasswordRequest {
            subject: session.subject(),
            password: NEW_PASSWORD.into(),
            ..Default::default()
        };
        frontend.refused(set.clone()).await;
        server.transcript.note("the password is taken away");
        raw::change(&server, "DELETE FROM passwords").await;
        let change = proto::ChangePasswordRequest {
            subject: session.subject(),
            current_password: PASSWORD.into(),
            new_password: NEW_PASSWORD.into(),
            ..Default::default()
        };
        frontend.refused(change).await;
        frontend.ok(set).await;
    })
    .await;
}

#[tokio::test]
async fn an_owner_looks_at_devices_and_signs_out_everywhere() {
    tell("sessions/everywhere", async |server| {
        let kasa = Kasa::open(&server).await;
        let (owner, frontend) = (kasa.owner("ann").await, kasa.frontend.aloud());
        let tablet = Device::remembered("tablet-1");
        frontend.quiet().sign_in_with(&owner.person, "kasa", &tablet, &owner.enrolled.seed).await;
        let subject = owner.session.subject();
        frontend.ok(proto::ListSessionsRequest { subject: subject.clone() }).await;
        frontend.ok(proto::ListTrustedDevicesRequest { subject: subject.clone() }).await;
        let forget = proto::RevokeTrustedDeviceRequest {
            subject: subject.clone(),
            product: "kasa".into(),
            device_id: "tablet-1".into(),
            ..Default::default()
        };
        frontend.ok(forget).await;
        let everywhere = proto::RevokeAllSessionsRequest { subject: subject.clone(), ..Default::default() };
        frontend.ok(everywhere).await;
        frontend.refused(proto::ListSessionsRequest { subject }).await;
    })
    .await;
}
