//! Codes by mail: the mailbox as the second step, and what is told of its messages.

use tidegate_core::{Role, Span};
use tidegate_proto as proto;

use crate::{
    email_codes::resend,
    owner::Device,
    setting::{Kasa, wrong},
    story::tell,
};

#[tokio::test]
async fn a_sign_in_by_mailed_code() {
    tell("email_codes/sign_in", async |server| {
        let kasa = Kasa::by_mail(&server).await;
        let (ann, frontend) = (kasa.admin.person("ann").await, kasa.frontend.aloud());
        let phone = Device::new("phone-1");
        let session = frontend.quiet().sign_in(&ann, "kasa", &phone).await;
        server.transcript.note("her mailbox proves the change, and is the second step from then on");
        let factor = frontend.switch_on_by_mail(&session, &ann).await;
        frontend.ok(proto::GetTwoStepStatusRequest { subject: session.subject() }).await;
        let tablet = Device::new("tablet-1");
        let begun = frontend.begin(&ann, "kasa", &tablet).await;
        let first = frontend.challenge_of(&begun, &factor).await;
        let code = server.mail_to(&ann.email).await.code;
        frontend.answer(&begun, &first, &wrong(&code)).await;
        server.pass(Span::minutes(1));
        let second = frontend.ok(resend(&begun, &first)).await.challenge.unwrap().id;
        let newer = server.mail_to(&ann.email).await.code;
        server.transcript.note("the earlier code is void");
        frontend.answer(&begun, &first, &code).await;
        frontend.answer(&begun, &second, &newer).await;
        frontend.finish(&begun, &tablet).await.unwrap();
        let support = server.actor("support", Role::Support).await;
        support
            .ok(proto::ListDeliveriesRequest { account: ann.id, page_size: 2, ..Default::default() })
            .await;
    })
    .await;
}

#[tokio::test]
async fn what_is_not_sent_again() {
    tell("email_codes/refused", async |server| {
        let kasa = Kasa::by_mail(&server).await;
        let (owner, frontend) = (kasa.mail_owner("ann").await, kasa.frontend.aloud());
        let begun = frontend.quiet().begin(&owner.person, "kasa", &Device::new("tablet-1")).await;
        let challenge = frontend.quiet().challenge_of(&begun, &owner.factor).await;
        let code = server.mail_to(&owner.person.email).await.code;
        server.transcript.note("one a minute: the code that was sent still counts");
        frontend.refused(resend(&begun, &challenge)).await;
        frontend.answer(&begun, &challenge, &code).await;
        frontend.refused(resend(&begun, &challenge)).await;
        let bob = kasa.owner("bob").await;
        let (begun, challenge) = kasa.asked(&bob, "laptop-1").await;
        server.transcript.note("an authenticator app sends nothing");
        frontend.refused(resend(&begun, &challenge)).await;
        let change = kasa.frontend.change_challenge(&owner.session, &owner.factor).await;
        let request = proto::ResendChallengeRequest {
            subject: owner.session.subject(),
            challenge_id: change,
            ..Default::default()
        };
        server.pass(Span::minutes(10));
        frontend.refused(request).await;
    })
    .await;
}
