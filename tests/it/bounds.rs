//! What a subject, a credential and a product may not reach.

use proto::ProofOutcome as Outcome;
use tidegate_core::Role;
use tidegate_proto::{self as proto, subject::Who};

use crate::{
    owner::{Device, by_code, subject},
    raw,
    setting::Kasa,
    test_server::CredentialSpec,
};

on_both! {
    async fn inv_03_a_challenge_answers_to_its_own_sign_in_only(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        let (begun, challenge) = kasa.asked(&owner, "tablet").await;
        let (other, _) = kasa.asked(&owner, "laptop").await;
        let code = kasa.code(&owner);
        let request = |subject| proto::AnswerChallengeRequest {
            subject,
            challenge_id: challenge.clone(),
            answer: by_code(code.clone()),
            ..Default::default()
        };
        let refused = kasa.frontend.refused(request(other.subject())).await;
        assert_eq!(refused.name(), "CHALLENGE_NOT_FOUND");
        let refused = kasa.frontend.refused(request(owner.session.subject())).await;
        assert_eq!(refused.name(), "CHALLENGE_NOT_FOUND");
        let answered = kasa.frontend.ok(request(begun.subject())).await;
        assert_eq!(answered.outcome(), Outcome::Approved);
    }

    async fn inv_05_a_newer_challenge_ends_the_older_one_of_its_sign_in(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        let (begun, older) = kasa.asked(&owner, "tablet").await;
        let (other, elsewhere) = kasa.asked(&owner, "laptop").await;
        let newer = kasa.frontend.challenge(&begun).await;
        let code = kasa.code(&owner);
        let outcome = kasa.frontend.answer(&begun, &older, &code).await.outcome();
        assert_eq!(outcome, Outcome::Superseded);
        let outcome = kasa.frontend.answer(&begun, &newer, &code).await.outcome();
        assert_eq!(outcome, Outcome::Approved);
        let outcome = kasa.frontend.answer(&other, &elsewhere, &code).await.outcome();
        assert_eq!(outcome, Outcome::Replayed, "another sign-in's challenge was not ended");
    }

    async fn inv_06_a_replay_takes_no_guess_and_no_try(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        let code = kasa.code(&owner);
        let (begun, challenge) = kasa.asked(&owner, "tablet").await;
        kasa.frontend.answer(&begun, &challenge, &code).await;
        let (begun, challenge) = kasa.asked(&owner, "laptop").await;
        for _ in 0..30 {
            let outcome = kasa.frontend.answer(&begun, &challenge, &code).await.outcome();
            assert_eq!(outcome, Outcome::Replayed);
        }
        let charged = "SELECT COALESCE(SUM(in_row), 0) FROM attempts";
        assert_eq!(raw::count(&server, charged).await, 0);
    }

    async fn inv_17_what_is_required_is_decided_again_at_the_end(server) {
        let kasa = Kasa::open(&server).await;
        let person = kasa.admin.person("ann").await;
        let early = kasa.frontend.begin(&person, "kasa", &Device::new("tablet")).await;
        assert_eq!(early.state, proto::SignInState::Ready);
        let session = kasa.frontend.sign_in(&person, "kasa", &Device::new("phone")).await;
        let enrolled = kasa.frontend.enroll(&session, &person).await;
        let request = proto::CompleteSignInRequest { subject: early.subject(), ..Default::default() };
        let held = kasa.frontend.ok(request.clone()).await;
        assert_eq!(held.sign_in.as_ref().unwrap().state(), proto::SignInState::PendingChallenge);
        assert_eq!((held.session, held.session_token.as_str()), (None, ""));
        assert_eq!(held.sign_in.unwrap().offers[0].factor_id, enrolled.factor);
        assert_eq!(kasa.frontend.refused(request).await.name(), "SIGN_IN_STATE");
    }

    async fn inv_26_a_sign_in_on_the_same_device_ends_the_former_session(server) {
        let kasa = Kasa::open(&server).await;
        let person = kasa.admin.person("ann").await;
        let former = kasa.frontend.sign_in(&person, "kasa", &Device::new("phone")).await;
        let beside = kasa.frontend.sign_in(&person, "kasa", &Device::new("tablet")).await;
        kasa.frontend.sign_in(&person, "kasa", &Device::new("phone")).await;
        for (session, active) in [(former, false), (beside, true)] {
            let request = proto::IntrospectRequest { session_token: session.token };
            assert_eq!(kasa.frontend.ok(request).await.active, active);
        }
    }

    async fn inv_27_a_suspended_account_yields_and_keeps_no_session(server) {
        let kasa = Kasa::open(&server).await;
        let person = kasa.admin.person("ann").await;
        let session = kasa.frontend.sign_in(&person, "kasa", &Device::new("phone")).await;
        let begun = kasa.frontend.begin(&person, "kasa", &Device::new("tablet")).await;
        raw::change(&server, "UPDATE accounts SET state = 'suspended'").await;
        let request = proto::IntrospectRequest { session_token: session.token.clone() };
        assert!(!kasa.frontend.ok(request).await.active);
        let refused = kasa.frontend.finish(&begun, &Device::new("tablet")).await.unwrap_err();
        assert_eq!(refused.name(), "ACCOUNT_NOT_USABLE");
        let request = kasa.frontend.begin_request(&person, "kasa", &Device::new("phone"));
        let denied = kasa.frontend.ok(request).await.sign_in.unwrap();
        assert_eq!(denied.state(), proto::SignInState::Denied);
    }

    async fn inv_45_a_factor_that_does_not_open_is_not_taken_for_absent(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        let broken = if server.is_sqlite() { "x'0102'" } else { r"'\x0102'" };
        raw::change(&server, &format!("UPDATE factors SET material = {broken} WHERE material IS NOT NULL")).await;
        let begun = kasa.frontend.begin(&owner.person, "kasa", &Device::new("tablet")).await;
        let request = proto::GetSignInRequest { subject: begun.subject() };
        let sign_in = kasa.frontend.ok(request).await.sign_in.unwrap();
        assert_eq!(sign_in.state(), proto::SignInState::PendingChallenge);
        let offered: Vec<_> = sign_in.offers.iter().map(proto::Offer::method).collect();
        assert_eq!(offered, [proto::Method::RecoveryCodes], "an answer to the other could not be verified");
        let request = proto::CreateChallengeRequest {
            subject: begun.subject(),
            purpose: proto::ChallengePurpose::SignIn.into(),
            factor_id: owner.enrolled.factor.clone(),
            ..Default::default()
        };
        assert_eq!(kasa.frontend.refused(request).await.name(), "FACTOR_UNAVAILABLE");
        let recorded = "SELECT count(*) FROM events WHERE fact LIKE '%factor_unreadable%'";
        assert_eq!(raw::count(&server, recorded).await, 1);
        let refused = kasa.frontend.finish(&begun, &Device::new("tablet")).await.unwrap_err();
        assert_eq!(refused.name(), "SIGN_IN_STATE");
    }

    async fn inv_57_a_password_alone_binds_no_first_factor(server) {
        let kasa = Kasa::open(&server).await;
        let person = kasa.admin.person("ann").await;
        let session = kasa.frontend.sign_in(&person, "kasa", &Device::new("thief")).await;
        let request = proto::BeginEnrollmentRequest {
            subject: session.subject(),
            method: proto::Method::Totp.into(),
            ..Default::default()
        };
        let begun = kasa.frontend.ok(request).await;
        let enrollment = begun.enrollment.unwrap();
        assert_eq!(enrollment.state(), proto::EnrollmentState::AwaitingConfirmation);
        assert_eq!(begun.setup, None);
        let request = proto::ContinueEnrollmentRequest {
            subject: session.subject(),
            enrollment_id: enrollment.id,
            ..Default::default()
        };
        assert_eq!(kasa.frontend.refused(request).await.name(), "ENROLLMENT_STATE");
    }

    async fn inv_59_a_credential_acts_at_the_products_it_names(server) {
        let kasa = Kasa::open(&server).await;
        kasa.admin.product("forum").await;
        let person = kasa.admin.person("ann").await;
        let session = kasa.frontend.sign_in(&person, "kasa", &Device::new("phone")).await;
        let only = CredentialSpec { products: &["forum"], ..CredentialSpec::of(Role::Frontend) };
        let forum = server.with_credential("forum", only).await.quiet();
        let refused = forum.refused(forum.begin_request(&person, "kasa", &Device::new("phone"))).await;
        assert_eq!(refused.name(), "PRODUCT_NOT_PERMITTED");
        let request = proto::IntrospectRequest { session_token: session.token.clone() };
        assert!(!forum.ok(request).await.active);
        let request = proto::RevokeSessionRequest { subject: session.subject(), ..Default::default() };
        assert_eq!(forum.refused(request).await.name(), "SUBJECT_NOT_VALID");
        let request = proto::EvaluateRequest { product: "kasa".into(), account: person.id };
        assert_eq!(forum.refused(request).await.name(), "PRODUCT_NOT_PERMITTED");
    }

    async fn support_sees_with_a_reason_and_changes_nothing(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        let support = server.actor("support", Role::Support).await.quiet();
        let on_behalf = || subject(Who::OnBehalf(proto::OnBehalf {
            account: owner.person.id.clone(),
            product: "kasa".into(),
            reason: "ticket 7".into(),
        }));
        let factors = support.ok(proto::ListFactorsRequest { subject: on_behalf() }).await.factors;
        assert_eq!(factors.len(), 2);
        let seen = "SELECT count(*) FROM events WHERE fact LIKE '%seen_on_behalf%ticket 7%'";
        assert_eq!(raw::count(&server, seen).await, 1);
        let refused = kasa.frontend.refused(proto::ListFactorsRequest { subject: on_behalf() }).await;
        assert_eq!(refused.name(), "PERMISSION_DENIED");
    }
}
