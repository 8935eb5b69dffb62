//! From a password to a session, and everything that is no session.

use tidegate_core::Span;
use tidegate_proto as proto;

use crate::{
    owner::{Device, by_password},
    setting::Kasa,
    story::tell,
};

#[tokio::test]
async fn a_denied_sign_in_does_not_say_why() {
    tell("sign_ins/denied", async |server| {
        let kasa = Kasa::open(&server).await;
        let (ann, frontend, phone) =
            (kasa.admin.person("ann").await, kasa.frontend.aloud(), Device::new("phone-1"));
        let right = frontend.begin_request(&ann, "kasa", &phone);
        let wrong = proto::BeginSignInRequest {
            first_factor: by_password("correct horse battery stapler"),
            ..right.clone()
        };
        let unknown = proto::BeginSignInRequest { identifier: "nobody@example.com".into(), ..right.clone() };
        frontend.ok(unknown.clone()).await;
        frontend.ok(wrong.clone()).await;
        server
            .transcript
            .note("three more of each; then the right one comes too soon, and a second later in time");
        for _ in 0..3 {
            frontend.quiet().ok(unknown.clone()).await;
            frontend.quiet().ok(wrong.clone()).await;
        }
        frontend.quiet().ok(right.clone()).await;
        frontend.ok(right.clone()).await;
        kasa.admin.aloud().ok(proto::ListEventsRequest { page_size: 4, ..Default::default() }).await;
    })
    .await;
}

#[tokio::test]
async fn a_sign_in_is_looked_at_and_given_up() {
    tell("sign_ins/given_up", async |server| {
        let kasa = Kasa::open(&server).await;
        let (owner, frontend) = (kasa.owner("ann").await, kasa.frontend.aloud());
        let asked = frontend.begin(&owner.person, "kasa", &Device::new("tablet-1")).await;
        frontend.ok(proto::GetSignInRequest { subject: asked.subject() }).await;
        let challenge = frontend.challenge(&asked).await;
        let request = proto::CancelChallengeRequest {
            subject: asked.subject(),
            challenge_id: challenge.clone(),
            ..Default::default()
        };
        frontend.ok(request.clone()).await;
        frontend.ok(request).await;
        frontend
            .ok(proto::GetChallengeRequest { subject: asked.subject(), challenge_id: challenge.clone() })
            .await;
        frontend.answer(&asked, &challenge, &kasa.code(&owner)).await;
        frontend.ok(proto::CancelSignInRequest { subject: asked.subject(), ..Default::default() }).await;
        frontend.refused(proto::CancelSignInRequest { subject: asked.subject(), ..Default::default() }).await;
        frontend.ok(proto::GetSignInRequest { subject: asked.subject() }).await;
        server.pass(Span::minutes(10));
        frontend.refused(proto::GetSignInRequest { subject: asked.subject() }).await;
    })
    .await;
}

#[tokio::test]
async fn a_challenge_takes_five_wrong_answers() {
    tell("sign_ins/wrong_codes", async |server| {
        let kasa = Kasa::open(&server).await;
        let (owner, frontend) = (kasa.owner("ann").await, kasa.frontend.aloud());
        let asked = frontend.begin(&owner.person, "kasa", &Device::new("tablet-1")).await;
        let (older, newer) = (frontend.challenge(&asked).await, frontend.challenge(&asked).await);
        frontend.answer(&asked, &older, &kasa.code(&owner)).await;
        for _ in 0..4 {
            frontend.quiet().answer(&asked, &newer, "000000").await;
        }
        server.transcript.note("four wrong answers later");
        frontend
            .ok(proto::GetChallengeRequest { subject: asked.subject(), challenge_id: newer.clone() })
            .await;
        frontend.answer(&asked, &newer, "000000").await;
        frontend.answer(&asked, &newer, &kasa.code(&owner)).await;
        let third = frontend.challenge(&asked).await;
        server.pass(Span::minutes(5));
        frontend.answer(&asked, &third, &kasa.code(&owner)).await;
        let fourth = frontend.challenge(&asked).await;
        frontend.answer(&asked, &fourth, &kasa.code(&owner)).await;
    })
    .await;
}

#[tokio::test]
async fn more_is_required_at_the_end_than_at_the_beginning() {
    tell("sign_ins/held_back", async |server| {
        let kasa = Kasa::open(&server).await;
        let (ann, frontend, tablet) =
            (kasa.admin.person("ann").await, kasa.frontend.aloud(), Device::new("tablet-1"));
        let begun = frontend.begin(&ann, "kasa", &tablet).await;
        server.transcript.note("meanwhile two-step is set up on another device");
        let session = frontend.quiet().sign_in(&ann, "kasa", &Device::new("phone-1")).await;
        let enrolled = frontend.quiet().enroll(&session, &ann).await;
        let held = frontend
            .ok(proto::CompleteSignInRequest { subject: begun.subject(), ..Default::default() })
            .await;
        let begun = crate::owner::SignIn { offers: held.sign_in.unwrap().offers, ..begun };
        server.pass(Span::seconds(30));
        let challenge = frontend.challenge(&begun).await;
        frontend.answer(&begun, &challenge, &server.code(&enrolled.seed)).await;
        frontend.finish(&begun, &tablet).await.unwrap();
    })
    .await;
}

/// "Remember this device" gives no trust to a device that passed no second step.
#[tokio::test]
async fn a_device_that_passed_nothing_is_not_trusted() {
    tell("sign_ins/nothing_to_trust", async |server| {
        let kasa = Kasa::open(&server).await;
        let (ann, frontend) = (kasa.admin.person("ann").await, kasa.frontend.aloud());
        let (phone, tablet) = (Device::new("phone-1"), Device::remembered("tablet-1"));
        frontend.sign_in(&ann, "kasa", &tablet).await;
        let session = frontend.quiet().sign_in(&ann, "kasa", &phone).await;
        frontend.quiet().enroll(&session, &ann).await;
        frontend.begin(&ann, "kasa", &tablet).await;
    })
    .await;
}
