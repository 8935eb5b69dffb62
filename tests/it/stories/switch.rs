//! The owner switches two-step off and on again, with a fresh proof.

use tidegate_core::Span;
use tidegate_proto as proto;

use crate::{
    arrange::Address,
    owner::{Device, Session, subject},
    setting::{Kasa, wrong},
    story::tell,
};

fn introspect(session: &Session) -> proto::IntrospectRequest {
    proto::IntrospectRequest { session_token: session.token.clone() }
}

#[tokio::test]
async fn it_is_switched_off_and_on_again_after_a_sign_in() {
    tell("switch/off_and_on_again", async |server| {
        let kasa = Kasa::open(&server).await;
        let (owner, frontend) = (kasa.owner("ann").await, kasa.frontend.aloud());
        let (tablet, laptop) = (Device::new("tablet-1"), Device::new("laptop-1"));
        let session = frontend.sign_in_with(&owner.person, "kasa", &tablet, &owner.enrolled.seed).await;
        frontend.disable(&session).await.unwrap();
        frontend.disable(&session).await.unwrap();
        server.transcript.note("a password is enough now, and the app may offer two-step");
        frontend.sign_in(&owner.person, "kasa", &laptop).await;
        frontend.enable(&session).await.unwrap();
        frontend.enable(&session).await.unwrap();
        frontend.begin(&owner.person, "kasa", &laptop).await;
        let filter = Some(proto::EventFilter { account: owner.person.id, ..Default::default() });
        kasa.admin.aloud().ok(proto::ListEventsRequest { filter, page_size: 5, ..Default::default() }).await;
    })
    .await;
}

#[tokio::test]
async fn a_session_that_proved_nothing_lately_is_asked_for_a_code() {
    tell("switch/by_a_challenge", async |server| {
        let kasa = Kasa::open(&server).await;
        let (owner, frontend) = (kasa.owner("ann").await, kasa.frontend.aloud());
        let (session, factor) = (&owner.session, owner.enrolled.factor.as_str());
        frontend.disable(session).await.unwrap_err();
        frontend.quiet().change_challenge(session, factor).await;
        let challenge = frontend.change_challenge(session, factor).await;
        frontend.answer_change(session, &challenge, &wrong(&kasa.code(&owner))).await;
        let (subject, challenge_id) = (session.subject(), challenge.clone());
        frontend.ok(proto::GetChallengeRequest { subject, challenge_id }).await;
        frontend.answer_change(session, &challenge, &kasa.code(&owner)).await;
        server.transcript.note("the session is worth what it was");
        frontend.ok(introspect(session)).await;
        frontend.disable(session).await.unwrap();
        server.pass(Span::minutes(5));
        frontend.enable(session).await.unwrap_err();
        let given_up = frontend.quiet().change_challenge(session, factor).await;
        let (subject, challenge_id) = (session.subject(), given_up);
        frontend.ok(proto::CancelChallengeRequest { subject, challenge_id, ..Default::default() }).await;
        let challenge = frontend.quiet().change_challenge(session, factor).await;
        frontend.answer_change(session, &challenge, &kasa.code(&owner)).await;
        frontend.enable(session).await.unwrap();
        server.transcript.note("its sign-in was not asked for a code: it has some days");
        frontend.ok(introspect(session)).await;
    })
    .await;
}

/// A request for a challenge of the given purpose.
fn create(
    subject: Option<proto::Subject>,
    purpose: proto::ChallengePurpose,
    factor: &str,
) -> proto::CreateChallengeRequest {
    let (purpose, factor_id) = (purpose.into(), factor.to_owned());
    proto::CreateChallengeRequest { subject, purpose, factor_id, request_id: String::new() }
}

#[tokio::test]
async fn it_is_not_switched() {
    tell("refusals/switch", async |server| {
        let kasa = Kasa::open(&server).await;
        let frontend = kasa.frontend.aloud();
        kasa.admin.product("tapo").await;
        let owner = kasa.owner("ann").await;
        let sign_in =
            async |person, product| frontend.quiet().sign_in(person, product, &Device::new("phone-1")).await;
        let bob = kasa.admin.person_with("bob", Address::Unverified).await;
        frontend.enable(&sign_in(&bob, "kasa").await).await.unwrap_err();
        let cat = kasa.admin.person("cat").await;
        let cats = sign_in(&cat, "kasa").await;
        frontend.enable(&cats).await.unwrap_err();
        frontend.disable(&cats).await.unwrap();
        server.transcript.note("where two-step has not reached the account");
        let elsewhere = sign_in(&owner.person, "tapo").await;
        frontend.enable(&elsewhere).await.unwrap_err();
        frontend.disable(&elsewhere).await.unwrap_err();
        server.transcript.note("a sign-in changes nothing, and a session signs nobody in");
        let asked = frontend.quiet().begin(&owner.person, "kasa", &Device::new("tablet-1")).await;
        let subject_ = asked.subject();
        frontend.refused(proto::DisableTwoStepRequest { subject: subject_, ..Default::default() }).await;
        let (change, to_sign_in) = (proto::ChallengePurpose::Change, proto::ChallengePurpose::SignIn);
        frontend.refused(create(asked.subject(), change, &asked.factor())).await;
        frontend.refused(create(owner.session.subject(), to_sign_in, &asked.factor())).await;
        frontend.refused(create(cats.subject(), change, &asked.factor())).await;
        server.transcript.note("support neither");
        let on = proto::OnBehalf { account: "ann".into(), product: "kasa".into(), reason: "ticket 7".into() };
        let on_behalf = subject(proto::subject::Who::OnBehalf(on));
        let operator = server.operator().aloud();
        operator
            .refused(proto::DisableTwoStepRequest { subject: on_behalf.clone(), ..Default::default() })
            .await;
        operator.refused(create(on_behalf.clone(), change, &asked.factor())).await;
        let challenge_id = frontend.quiet().challenge(&asked).await;
        operator.refused(proto::GetChallengeRequest { subject: on_behalf, challenge_id }).await;
    })
    .await;
}
