//! A phone that the owner has enrolled: prompts with a number, and codes that it shows.

use tidegate_core::{Clock as _, Span};
use tidegate_proto::{self as proto, Method};

use crate::{
    devices::{Decides, PhoneOwner, asks},
    owner::{Device, by_code},
    setting::Kasa,
    story::tell,
};

#[tokio::test]
async fn a_number_is_typed_on_the_phone() {
    tell("devices/push", async |server| {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.phone_owner("ann", Method::Push, 1).await;
        let kasa = Kasa { frontend: kasa.frontend.aloud(), ..kasa };
        let owner = PhoneOwner { app: owner.app.aloud(), ..owner };
        let asked = kasa.prompted(&owner, "tablet").await;
        let push = owner.pushes().await.remove(0);
        owner.decides(&push, Decides::Approves(&asked.number)).await;
        kasa.frontend.finish(&asked.begun, &Device::new("tablet")).await.unwrap();
        server.transcript.note("somebody else has the password; Ann denies");
        let denied = kasa.denied(&owner, Decides::Reports).await;
        let subject = denied.begun.subject();
        kasa.frontend.ok(proto::GetChallengeRequest { subject, challenge_id: denied.challenge }).await;
        let begun = kasa.frontend.begin(&owner.person, "kasa", &Device::new("thief")).await;
        kasa.frontend.refused(asks(&begun, &owner.phone.factor)).await;
        let device = owner.phone.proof("ListPushes", server.clock.now().minus(Span::hours(1)), "");
        owner.app.refused(proto::ListPushesRequest { device, ..Default::default() }).await;
    })
    .await;
}

/// The default of the app that Kasa had in 2021.
#[tokio::test]
async fn a_code_is_shown_by_the_phone() {
    tell("devices/code", async |server| {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.phone_owner("ann", Method::DeviceCode, 1).await;
        let (frontend, app) = (kasa.frontend.aloud(), owner.app.aloud());
        let begun = frontend.begin(&owner.person, "kasa", &Device::new("tablet")).await;
        let challenge = frontend.ok(asks(&begun, &owner.phone.factor)).await.challenge.unwrap();
        let device = owner.phone.proof("WatchPushes", server.clock.now(), "");
        let watch = proto::WatchPushesRequest { device, ..Default::default() };
        let push = app.stream(watch).await.unwrap().one().await.pushes.remove(0);
        let answer = proto::AnswerChallengeRequest {
            subject: begun.subject(),
            challenge_id: challenge.id,
            answer: by_code(push.code),
            ..Default::default()
        };
        frontend.ok(answer).await;
        frontend.finish(&begun, &Device::new("tablet")).await.unwrap();
    })
    .await;
}
