//! Sign-ins and challenges that do not go on.

use tidegate_proto::{self as proto, subject::Who};

use crate::{
    owner::{Device, SignIn, by_code, subject},
    raw,
    setting::Kasa,
    story::tell,
};

fn complete(sign_in: &SignIn) -> proto::CompleteSignInRequest {
    proto::CompleteSignInRequest { subject: sign_in.subject(), ..Default::default() }
}

fn create(sign_in: &SignIn, factor_id: &str) -> proto::CreateChallengeRequest {
    proto::CreateChallengeRequest {
        subject: sign_in.subject(),
        purpose: proto::ChallengePurpose::SignIn.into(),
        factor_id: factor_id.to_owned(),
        request_id: String::new(),
    }
}

#[tokio::test]
async fn sign_ins() {
    tell("refusals/sign_ins", async |server| {
        let kasa = Kasa::open(&server).await;
        let (owner, frontend) = (kasa.owner("ann").await, kasa.frontend.aloud());
        let asked = frontend.quiet().begin(&owner.person, "kasa", &Device::new("tablet-1")).await;
        frontend.refused(complete(&asked)).await;
        let session = owner.session.subject();
        frontend
            .refused(proto::CompleteSignInRequest { subject: session.clone(), ..Default::default() })
            .await;
        frontend.refused(proto::GetTwoStepStatusRequest { subject: asked.subject() }).await;
        frontend
            .refused(proto::RevokeSessionRequest { subject: asked.subject(), ..Default::default() })
            .await;
        let nobodys = subject(Who::SignInToken(format!("tgi_{}", "0".repeat(64))));
        frontend.refused(proto::GetSignInRequest { subject: nobodys }).await;
        let challenge = frontend.quiet().challenge(&asked).await;
        frontend.quiet().answer(&asked, &challenge, &kasa.code(&owner)).await;
        server.transcript.note("the code was right");
        frontend.refused(create(&asked, &asked.factor())).await;
        frontend.quiet().finish(&asked, &Device::new("tablet-1")).await.unwrap();
        server.transcript.note("the sign-in is complete");
        frontend.refused(complete(&asked)).await;
        frontend.refused(proto::CancelSignInRequest { subject: asked.subject(), ..Default::default() }).await;
        let asked = frontend.quiet().begin(&owner.person, "kasa", &Device::new("tablet-1")).await;
        server.transcript.note("what no call can do yet: the account is suspended");
        raw::change(&server, "UPDATE accounts SET state = 'suspended'").await;
        frontend.refused(proto::GetSignInRequest { subject: asked.subject() }).await;
        frontend.refused(proto::GetTwoStepStatusRequest { subject: session }).await;
    })
    .await;
}

#[tokio::test]
async fn challenges() {
    tell("refusals/challenges", async |server| {
        let kasa = Kasa::open(&server).await;
        let (owner, frontend) = (kasa.owner("ann").await, kasa.frontend.aloud());
        let begin =
            async |device: &str| frontend.quiet().begin(&owner.person, "kasa", &Device::new(device)).await;
        let (one, two) = (begin("tablet-1").await, begin("tablet-2").await);
        frontend.refused(create(&one, "fac_01h2xcejqtf2nbrexx3vqjhp41")).await;
        let challenge_id = frontend.quiet().challenge(&two).await;
        server.transcript.note("another sign-in's challenge");
        frontend
            .refused(proto::GetChallengeRequest {
                subject: one.subject(),
                challenge_id: challenge_id.clone(),
            })
            .await;
        let answer = proto::AnswerChallengeRequest {
            subject: one.subject(),
            challenge_id: challenge_id.clone(),
            answer: by_code(kasa.code(&owner)),
            ..Default::default()
        };
        frontend.refused(answer).await;
        frontend
            .refused(proto::CancelChallengeRequest {
                subject: one.subject(),
                challenge_id,
                ..Default::default()
            })
            .await;
        for device in ["tablet-3", "tablet-4"] {
            frontend.quiet().challenge(&begin(device).await).await;
        }
        server.transcript.note("three sign-ins wait for a code: the fourth takes the place of the oldest");
        frontend.ok(create(&one, &one.factor())).await;
        frontend.ok(create(&two, &two.factor())).await;
    })
    .await;
}
