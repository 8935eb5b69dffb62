//! The owner loses the phone, and keeps the account.

use tidegate_core::Span;
use tidegate_proto as proto;

use crate::{
    owner::{Device, by_code},
    recovery::{begin, generate, remove, rename},
    setting::Kasa,
    story::tell,
};

#[tokio::test]
async fn a_lost_phone_is_replaced() {
    tell("recovery/lost_phone", async |server| {
        let kasa = Kasa::open(&server).await;
        let (owner, frontend) = (kasa.owner("ann").await, kasa.frontend.aloud());
        let phone = Device::new("new-phone");
        let begun = frontend.begin(&owner.person, "kasa", &phone).await;
        let challenge = frontend.challenge_of(&begun, &begun.offers.last().unwrap().factor_id).await;
        frontend.answer(&begun, &challenge, &owner.enrolled.recovery_codes[0]).await;
        let session = frontend.finish(&begun, &phone).await.unwrap();
        server.transcript.note("no product serves what a recovery code gives; it only re-binds");
        frontend.ok(proto::IntrospectRequest { session_token: session.token.clone() }).await;
        let (factor, seed) = frontend.add(&session, "new phone").await;
        frontend.ok(remove(&session, &owner.enrolled.factor)).await;
        frontend.ok(generate(&session)).await;
        frontend.ok(proto::ListFactorsRequest { subject: session.subject() }).await;
        server.pass(Span::seconds(30));
        let full = frontend.sign_in_with(&owner.person, "kasa", &phone, &seed).await;
        frontend.ok(rename(&full, &factor, "phone")).await;
        let filter = Some(proto::EventFilter { account: owner.person.id, ..Default::default() });
        kasa.admin.aloud().ok(proto::ListEventsRequest { filter, page_size: 20, ..Default::default() }).await;
    })
    .await;
}

#[tokio::test]
async fn what_is_refused_on_the_way_back() {
    tell("recovery/refused", async |server| {
        let kasa = Kasa::open(&server).await;
        let (owner, frontend) = (kasa.owner("ann").await, kasa.frontend.aloud());
        let (begun, challenge_id) = kasa.lost(&owner).await;
        let answer = |code: &str| proto::AnswerChallengeRequest {
            subject: begun.subject(),
            challenge_id: challenge_id.clone(),
            answer: by_code(code),
            ..Default::default()
        };
        frontend.refused(answer("not a code")).await;
        frontend.ok(answer("000000-000000-000000-000000")).await;
        let session = kasa.recovered(&owner, 1).await;
        frontend.disable(&session).await.unwrap_err();
        server.transcript.note("the lost one is the last one: another one comes first");
        frontend.refused(remove(&session, &owner.enrolled.factor)).await;
        for number in 2..=10 {
            kasa.frontend.add(&session, &format!("device {number}")).await;
        }
        frontend.refused(begin(&session, "one more")).await;
        server.pass(Span::minutes(30));
        frontend.refused(generate(&session)).await;
    })
    .await;
}
