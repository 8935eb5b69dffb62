//! The set-up inside the sign-in, where a ladder requires two-step of an account that has none.

use proto::{Advice, Level, Method, ProofOutcome as Outcome, Rung, SignInState as State};
use tidegate_core::{Role, Span};
use tidegate_proto as proto;

use crate::{
    actor::Actor,
    arrange::{Address, Person},
    demands,
    ladders::{Setting, everybody, phase},
    owner::{Device, SignIn, confirm_email},
    support::{issue_pass, mailed_pass, reset_factors},
    test_server::TestServer,
    webauthn::{ORIGIN, Token},
};

/// A ladder at kasa that requires two-step of everybody at once.
async fn required(server: &TestServer) -> Setting {
    let it = Setting::at(server, "kasa").await;
    it.rollout.set_ladder(vec![everybody(vec![phase(None, Rung::Required)])]).await;
    it
}

async fn finish(app: &Actor, begun: &SignIn) -> proto::CompleteSignInResponse {
    app.ok(proto::CompleteSignInRequest { subject: begun.subject(), ..Default::default() }).await
}

async fn pending(it: &Setting, person: &Person) -> SignIn {
    let begun = it.begin(person).await;
    assert_eq!((begun.state, begun.offers.len()), (State::PendingEnrollment, 0));
    begun
}

fn level(done: &proto::CompleteSignInResponse) -> Level {
    done.session.as_ref().unwrap().level()
}

fn begin_app(begun: &SignIn) -> proto::BeginEnrollmentRequest {
    proto::BeginEnrollmentRequest {
        subject: begun.subject(),
        method: Method::Totp.into(),
        ..Default::default()
    }
}

on_both! {
    async fn a_security_key_is_set_up_on_the_way_in(server) {
        let it = required(&server).await;
        it.admin.takes_keys("kasa", "kasa.example", &["https://kasa.example", ORIGIN]).await;
        let ann = it.admin.person("ann").await;
        let begun = pending(&it, &ann).await;
        let (enrollment, options) = it.app.asks_for_a_key(&begun, &ann).await;
        let done = it.app.answers(&begun, &enrollment, Token::new().registers(&options, ORIGIN)).await;
        assert_eq!((done.outcome(), done.recovery_codes.len()), (Outcome::Approved, 10));
        assert_eq!(level(&finish(&it.app, &begun).await), Level::Aal2Phr);
    }

    async fn a_phone_number_is_set_up_on_the_way_in(server) {
        let it = required(&server).await;
        it.admin.texts_first().await;
        let ann = it.admin.person("ann").await;
        let begun = pending(&it, &ann).await;
        it.app.enrolls_number(&begun, &ann, "+4915112345678").await;
        let done = finish(&it.app, &begun).await;
        assert_eq!((level(&done), done.session.unwrap().restricted), (Level::Aal2, true));
    }

    async fn a_device_is_set_up_on_the_way_in(server) {
        let it = required(&server).await;
        it.admin.allows(&[Method::Push, Method::DeviceCode, Method::Totp]).await;
        for (name, method) in [("ann", Method::Push), ("bob", Method::DeviceCode)] {
            let person = it.admin.person(name).await;
            let begun = pending(&it, &person).await;
            it.app.enrolls_phone(&begun, &person, (method, 9)).await;
            assert!(level(&finish(&it.app, &begun).await) >= Level::Aal1Email);
        }
    }

    /// The address is the account's since its creation, and is verified in the sign-in.
    async fn an_address_is_verified_on_the_way_in(server) {
        let it = required(&server).await;
        let ann = it.admin.person_with("ann", Address::Unverified).await;
        let begun = pending(&it, &ann).await;
        assert_eq!(it.app.refused(begin_app(&begun)).await.name(), "EMAIL_NOT_VERIFIED");
        let status = it.app.ok(proto::GetTwoStepStatusRequest { subject: begun.subject() }).await;
        let decision = status.decision.unwrap();
        assert_eq!(decision.missing().collect::<Vec<_>>(), [proto::Missing::VerifiedEmail]);
        let request = proto::RequestEmailVerificationRequest { subject: begun.subject(), ..Default::default() };
        it.app.ok(request).await;
        let token = server.mail_to(&ann.email).await.token;
        let confirm = proto::ConfirmEmailRequest { token, subject: begun.subject(), ..Default::default() };
        assert_eq!(it.app.ok(confirm).await.outcome(), Outcome::Approved);
        it.app.enroll(&begun, &ann).await;
        assert_eq!(level(&finish(&it.app, &begun).await), Level::Aal2);
    }

    /// Where no mail can ask the owner, a device that the account has known for a week does, and only with its token.
    async fn inv_57_a_device_known_for_a_week_may_begin_where_no_mail_can(server) {
        let it = Setting::at(&server, "kasa").await;
        let (ann, phone) = (it.admin.person("ann").await, Device::new("phone"));
        it.app.sign_in(&ann, "kasa", &phone).await;
        server.pass(Span::days(8));
        let session = it.app.sign_in(&ann, "kasa", &phone).await;
        let email = "new@example.com".to_owned();
        let change = proto::RequestEmailChangeRequest {
            subject: session.subject(), email: email.clone(), ..Default::default()
        };
        it.app.ok(change).await;
        let token = server.mail_to(&email).await.token;
        assert_eq!(it.app.ok(confirm_email(&token, &session)).await.outcome(), Outcome::Approved);
        let ann = Person { email, ..ann };
        it.app.sign_in(&ann, "kasa", &phone).await;
        it.rollout.set_ladder(vec![everybody(vec![phase(None, Rung::Required)])]).await;
        let stranger = it.begin(&ann).await;
        assert_eq!(it.app.refused(begin_app(&stranger)).await.name(), "NO_PROOF_OF_ORIGIN");
        let known = it.app.begin(&ann, "kasa", &phone).await;
        assert!(it.app.ok(begin_app(&known)).await.setup.is_some());
        let forged = it.app.begin(&ann, "kasa", &Device::new("phone")).await;
        assert_eq!(it.app.refused(begin_app(&forged)).await.name(), "NO_PROOF_OF_ORIGIN", "an id is no token");
    }

    async fn an_access_pass_leads_in_where_nothing_else_does(server) {
        let it = required(&server).await;
        let support = server.actor("support", Role::Support).await.quiet();
        let ann = it.admin.person("ann").await;
        pending(&it, &ann).await;
        support.ok(issue_pass("ann")).await;
        let pass = mailed_pass(&server, &ann).await;
        let begun = it.begin(&ann).await;
        assert_eq!(begun.state, State::PendingChallenge);
        let challenge = it.app.challenge_of(&begun, &begun.offers[0].factor_id).await;
        assert_eq!(it.app.answer(&begun, &challenge, &pass).await.outcome(), Outcome::Approved);
        let done = finish(&it.app, &begun).await;
        assert_eq!((level(&done), done.advice()), (Level::Recovery, Advice::RebindFactors));
    }

    /// A factor that is gone before the sign-in is completed makes no session.
    async fn inv_17_what_was_enrolled_and_lost_again_makes_no_session(server) {
        let it = required(&server).await;
        let support = server.actor("support", Role::Support).await.quiet();
        let ann = it.admin.person("ann").await;
        let begun = pending(&it, &ann).await;
        it.app.enroll(&begun, &ann).await;
        support.ok(reset_factors("ann")).await;
        let request = proto::CompleteSignInRequest { subject: begun.subject(), ..Default::default() };
        let done = it.app.call(request).await;
        assert!(done.is_err() || done.unwrap().session.is_none());
    }

    /// Decided again whenever it is used: nobody is held by what is not demanded any more.
    async fn a_sign_in_goes_on_once_nothing_is_required_any_more(server) {
        let it = required(&server).await;
        let (ann, bob) = (it.admin.person("ann").await, it.admin.person("bob").await);
        let (begun, other) = (pending(&it, &ann).await, pending(&it, &bob).await);
        it.rollout.set_ladder(vec![]).await;
        let now = it.app.ok(proto::GetSignInRequest { subject: begun.subject() }).await.sign_in.unwrap();
        assert_eq!((now.state(), now.requirement()), (State::Ready, proto::Requirement::None));
        assert!(finish(&it.app, &begun).await.session.is_some());
        // Also where nobody has looked at it before.
        assert!(finish(&it.app, &other).await.session.is_some());
    }

    async fn a_set_up_in_another_sign_in_is_what_this_one_asks_for(server) {
        let it = required(&server).await;
        let ann = it.admin.person("ann").await;
        let (begun, other) = (pending(&it, &ann).await, pending(&it, &ann).await);
        let enrolled = it.app.enroll(&begun, &ann).await;
        let now = it.app.ok(proto::GetSignInRequest { subject: other.subject() }).await.sign_in.unwrap();
        assert_eq!((now.state(), now.offers.len()), (State::PendingChallenge, 2));
        let complete = proto::CompleteSignInRequest { subject: other.subject(), ..Default::default() };
        assert_eq!(it.app.refused(complete).await.name(), "SIGN_IN_STATE");
        let challenge = it.app.challenge_of(&other, &now.offers[0].factor_id).await;
        server.clock.advance(Span::seconds(30));
        let code = server.code(&enrolled.seed);
        assert_eq!(it.app.answer(&other, &challenge, &code).await.outcome(), Outcome::Approved);
        assert_eq!(level(&finish(&it.app, &other).await), Level::Aal2);
    }

    /// The first factor proves who enrolls the stronger one.
    async fn inv_17_a_factor_that_is_too_weak_is_followed_by_one_that_is_not(server) {
        let it = demands::open(&server).await;
        it.admin.takes_keys("kasa", "kasa.example", &["https://kasa.example", ORIGIN]).await;
        it.admin.ok(demands::methods(&it.admin, &[Method::Totp, Method::Webauthn]).await).await;
        it.rollout.set_ladder(vec![demands::strict()]).await;
        let ann = it.admin.person("ann").await;
        let decision = it.app.evaluate(&ann, "kasa").await;
        assert_eq!(decision.methods().collect::<Vec<_>>(), [Method::Webauthn], "what does not help is not named");
        let begun = pending(&it, &ann).await;
        it.app.enroll(&begun, &ann).await;
        let now = it.app.ok(proto::GetSignInRequest { subject: begun.subject() }).await.sign_in.unwrap();
        assert_eq!((now.state(), now.requirement()), (State::PendingEnrollment, proto::Requirement::Aal2Phr));
        let complete = proto::CompleteSignInRequest { subject: begun.subject(), ..Default::default() };
        assert_eq!(it.app.refused(complete).await.name(), "SIGN_IN_STATE");
        let (enrollment, options) = it.app.asks_for_a_key(&begun, &ann).await;
        let done = it.app.answers(&begun, &enrollment, Token::new().registers(&options, ORIGIN)).await;
        assert_eq!(done.outcome(), Outcome::Approved);
        assert_eq!(level(&finish(&it.app, &begun).await), Level::Aal2Phr);
    }
}
