//! What must not lock an owner out, and what must not give an attacker guesses that are not charged.

use proto::ProofOutcome as Outcome;
use tidegate_core::{Role, Span};
use tidegate_proto as proto;

use crate::{
    owner::{Device, by_code},
    raw,
    setting::{Kasa, wrong},
    test_server::CredentialSpec,
};

const CHARGED: &str = "SELECT COALESCE(SUM(in_row), 0) FROM attempts";

on_both! {
    async fn sign_ins_that_are_given_up_leave_no_challenge_in_the_way(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        for n in 0..5 {
            let (begun, _) = kasa.asked(&owner, &format!("device-{n}")).await;
            let request = proto::CancelSignInRequest { subject: begun.subject(), ..Default::default() };
            kasa.frontend.ok(request).await;
        }
    }

    async fn the_second_of_two_enrollments_ends_without_a_factor(server) {
        let kasa = Kasa::open(&server).await;
        let person = kasa.admin.person("ann").await;
        let mut pending = Vec::new();
        for device in ["phone", "tablet"] {
            let session = kasa.frontend.sign_in(&person, "kasa", &Device::new(device)).await;
            let enrollment = kasa.frontend.begin_enrollment(&session).await;
            let mail = server.mails_to(&person.email).await.pop().unwrap();
            assert_eq!(kasa.frontend.redeem(&mail.token).await, Outcome::Approved);
            let seed = kasa.frontend.continue_enrollment(&session, &enrollment).await;
            pending.push((session, enrollment, seed));
            server.clock.advance(Span::minutes(1));
        }
        let mut outcomes = Vec::new();
        for (session, enrollment, seed) in &pending {
            let done = kasa.frontend.complete_enrollment(session, enrollment, &server.code(seed)).await;
            outcomes.push(done.outcome());
        }
        assert_eq!(outcomes, [Outcome::Approved, Outcome::UsedUp]);
        let (session, enrollment_id, _) = pending.pop().unwrap();
        let request = proto::GetEnrollmentRequest { subject: session.subject(), enrollment_id };
        let state = kasa.frontend.ok(request).await.enrollment.unwrap().state();
        assert_eq!(state, proto::EnrollmentState::UsedUp);
        assert_eq!(raw::count(&server, "SELECT count(*) FROM factors WHERE method = 'totp'").await, 1);
    }

    async fn inv_45_material_that_does_not_open_costs_the_owner_nothing(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        let (begun, challenge_id) = kasa.asked(&owner, "tablet").await;
        let broken = if server.is_sqlite() { "x'0102'" } else { r"'\x0102'" };
        raw::change(&server, &format!("UPDATE factors SET material = {broken} WHERE material IS NOT NULL")).await;
        for _ in 0..12 {
            let request = proto::AnswerChallengeRequest {
                subject: begun.subject(),
                challenge_id: challenge_id.clone(),
                answer: by_code(kasa.code(&owner)),
                ..Default::default()
            };
            assert_eq!(kasa.frontend.refused(request).await.name(), "FACTOR_UNAVAILABLE");
        }
        assert_eq!(raw::count(&server, CHARGED).await, 0);
        assert_eq!(raw::count(&server, "SELECT tries FROM challenges").await, 0);
    }

    async fn inv_06_a_replay_gives_back_its_own_charge_and_no_other(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        let code = kasa.code(&owner);
        let (begun, challenge) = kasa.asked(&owner, "tablet").await;
        kasa.frontend.answer(&begun, &challenge, &code).await;
        let (begun, challenge) = kasa.asked(&owner, "laptop").await;
        for guesses in 1..=3 {
            kasa.frontend.answer(&begun, &challenge, &wrong(&code)).await;
            let outcome = kasa.frontend.answer(&begun, &challenge, &code).await.outcome();
            assert_eq!(outcome, Outcome::Replayed);
            assert_eq!(raw::count(&server, CHARGED).await, guesses);
        }
    }

    async fn a_right_code_for_a_challenge_that_is_over_is_told_so(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        let (begun, challenge_id) = kasa.asked(&owner, "tablet").await;
        let subject = begun.subject();
        let request = proto::CancelChallengeRequest { subject, challenge_id, ..Default::default() };
        let challenge = kasa.frontend.ok(request).await.challenge.unwrap().id;
        let outcome = kasa.frontend.answer(&begun, &challenge, &kasa.code(&owner)).await.outcome();
        assert_eq!(outcome, Outcome::UsedUp);
        let fresh = kasa.frontend.challenge(&begun).await;
        let outcome = kasa.frontend.answer(&begun, &fresh, &kasa.code(&owner)).await.outcome();
        assert_eq!(outcome, Outcome::Approved, "the code was not spent");
    }

    async fn inv_59_a_credential_ends_no_session_of_a_product_it_does_not_name(server) {
        let kasa = Kasa::open(&server).await;
        kasa.admin.product("forum").await;
        let person = kasa.admin.person("ann").await;
        let camera = kasa.frontend.sign_in(&person, "kasa", &Device::new("phone")).await;
        let only = CredentialSpec { products: &["forum"], ..CredentialSpec::of(Role::Frontend) };
        let forum = server.with_credential("forum", only).await.quiet();
        let session = forum.sign_in(&person, "forum", &Device::new("laptop")).await;
        let request = proto::RevokeSessionRequest {
            subject: session.subject(),
            session_id: camera.id,
            ..Default::default()
        };
        assert!(!forum.ok(request).await.ended);
        let request = proto::IntrospectRequest { session_token: camera.token };
        assert!(kasa.frontend.ok(request).await.active);
    }

    async fn an_imported_hash_is_replaced_at_the_first_sign_in(server) {
        let kasa = Kasa::open(&server).await;
        let person = kasa.admin.person("ann").await;
        let foreign = "SELECT count(*) FROM passwords WHERE hash LIKE '%m=8,%'";
        assert_eq!(raw::count(&server, foreign).await, 1);
        kasa.frontend.sign_in(&person, "kasa", &Device::new("phone")).await;
        assert_eq!(raw::count(&server, foreign).await, 0);
        kasa.frontend.sign_in(&person, "kasa", &Device::new("phone")).await;
    }

    async fn inv_47_the_secrets_of_responses_are_swept_out(server) {
        let kasa = Kasa::open(&server).await;
        let person = kasa.admin.person("ann").await;
        let begun = kasa.frontend.begin(&person, "kasa", &Device::new("phone")).await;
        let request = proto::CompleteSignInRequest {
            subject: begun.subject(),
            request_id: "7f0c1a52-5a1e-4d4e-9c7b-3f3b1c2d4e5f".into(),
            ..Default::default()
        };
        kasa.frontend.ok(request).await;
        let kept = "SELECT count(*) FROM requests WHERE secrets IS NOT NULL";
        for (waited, secrets, requests) in [
            (Span::minutes(10).minus(Span::from_micros(1)), 1, 1),
            (Span::from_micros(1), 0, 1),
            (Span::hours(24), 0, 0),
        ] {
            server.clock.advance(waited);
            server.sweep().await;
            assert_eq!(raw::count(&server, kept).await, secrets);
            assert_eq!(raw::count(&server, "SELECT count(*) FROM requests").await, requests);
        }
    }
}
