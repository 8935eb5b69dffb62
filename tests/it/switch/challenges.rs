//! Challenges of a session: where they may be answered, and what they share with those of sign-ins.

use proto::ProofOutcome as Outcome;
use tidegate_core::Span;
use tidegate_proto as proto;

use super::proves;
use crate::{
    owner::{Device, by_code},
    raw,
    setting::{Kasa, wrong},
};

on_both! {
    async fn inv_02_a_code_that_was_accepted_once_is_worth_nothing_for_the_other_purpose(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        let (begun, to_sign_in) = kasa.asked(&owner, "tablet").await;
        let to_change = kasa.frontend.change_challenge(&owner.session, &owner.enrolled.factor).await;
        let code = kasa.code(&owner);
        assert_eq!(kasa.frontend.answer_change(&owner.session, &to_change, &code).await, Outcome::Approved);
        assert_eq!(kasa.frontend.answer(&begun, &to_sign_in, &code).await.outcome(), Outcome::Replayed);
        server.clock.advance(Span::seconds(30));
        let to_change = kasa.frontend.change_challenge(&owner.session, &owner.enrolled.factor).await;
        let code = kasa.code(&owner);
        assert_eq!(kasa.frontend.answer(&begun, &to_sign_in, &code).await.outcome(), Outcome::Approved);
        assert_eq!(kasa.frontend.answer_change(&owner.session, &to_change, &code).await, Outcome::Replayed);
        assert_eq!(raw::count(&server, "SELECT COALESCE(SUM(in_row), 0) FROM attempts").await, 0);
    }

    async fn inv_03_a_challenge_for_a_change_answers_to_its_own_session_only(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        let challenge_id = kasa.frontend.change_challenge(&owner.session, &owner.enrolled.factor).await;
        let (begun, _) = kasa.asked(&owner, "tablet").await;
        let other = kasa.frontend.sign_in(&kasa.admin.person("eva").await, "kasa", &Device::new("e")).await;
        kasa.frontend.answer(&begun, &kasa.frontend.challenge(&begun).await, &kasa.code(&owner)).await;
        let same_owners = kasa.frontend.finish(&begun, &Device::new("tablet")).await.unwrap();
        server.clock.advance(Span::seconds(30));
        let (begun, _) = kasa.asked(&owner, "laptop").await;
        let code = kasa.code(&owner);
        for subject in [begun.subject(), other.subject(), same_owners.subject()] {
            let id = challenge_id.clone();
            let request = proto::GetChallengeRequest { subject: subject.clone(), challenge_id: id.clone() };
            assert_eq!(kasa.frontend.refused(request).await.name(), "CHALLENGE_NOT_FOUND");
            let (code, request_id) = (code.clone(), String::new());
            let request = proto::AnswerChallengeRequest { subject: subject.clone(), challenge_id: id.clone(), answer: by_code(code), request_id };
            assert_eq!(kasa.frontend.refused(request).await.name(), "CHALLENGE_NOT_FOUND");
            let request = proto::CancelChallengeRequest { subject, challenge_id: id, ..Default::default() };
            assert_eq!(kasa.frontend.refused(request).await.name(), "CHALLENGE_NOT_FOUND");
        }
        let own = kasa.frontend.answer_change(&owner.session, &challenge_id, &code).await;
        assert_eq!(own, Outcome::Approved);
    }

    async fn inv_05_a_newer_challenge_ends_the_older_one_of_its_session(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        let (begun, to_sign_in) = kasa.asked(&owner, "tablet").await;
        let older = kasa.frontend.change_challenge(&owner.session, &owner.enrolled.factor).await;
        let newer = kasa.frontend.change_challenge(&owner.session, &owner.enrolled.factor).await;
        let code = kasa.code(&owner);
        assert_eq!(kasa.frontend.answer_change(&owner.session, &older, &code).await, Outcome::Superseded);
        assert_eq!(kasa.frontend.answer_change(&owner.session, &newer, &code).await, Outcome::Approved);
        let outcome = kasa.frontend.answer(&begun, &to_sign_in, &code).await.outcome();
        assert_eq!(outcome, Outcome::Replayed, "a sign-in's challenge was not ended");
    }

    async fn inv_11_guesses_of_both_purposes_are_counted_together(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        let challenge = kasa.frontend.change_challenge(&owner.session, &owner.enrolled.factor).await;
        for _ in 0..4 {
            kasa.frontend.answer_change(&owner.session, &challenge, &wrong(&kasa.code(&owner))).await;
        }
        for guesses in [5, 1] {
            let (begun, challenge) = kasa.asked(&owner, "tablet").await;
            for _ in 0..guesses {
                kasa.frontend.answer(&begun, &challenge, &wrong(&kasa.code(&owner))).await;
            }
        }
        assert_eq!(proves(&kasa, &owner, &owner.session).await, Outcome::Slowed, "ten an hour");
    }

    async fn a_session_that_ended_leaves_no_challenge(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        for n in 0..5 {
            let tablet = Device::new(&format!("tablet-{}", n / 2));
            let session = kasa.frontend.sign_in_with(&owner.person, "kasa", &tablet, &owner.enrolled.seed).await;
            let challenge_id = kasa.frontend.change_challenge(&session, &owner.enrolled.factor).await;
            server.clock.advance(Span::seconds(30));
            if n % 2 == 0 {
                // The next sign-in on the device ends it.
                continue;
            }
            let subject = session.subject();
            kasa.frontend.ok(proto::RevokeSessionRequest { subject: subject.clone(), ..Default::default() }).await;
            let (code, request_id) = (kasa.code(&owner), String::new());
            let request = proto::AnswerChallengeRequest { subject, challenge_id, answer: by_code(code), request_id };
            assert_eq!(kasa.frontend.refused(request).await.name(), "SUBJECT_NOT_VALID");
        }
        let open = "SELECT count(*) FROM challenges WHERE purpose = 'change' AND state = 'open'";
        assert_eq!(raw::count(&server, open).await, 1, "the last one's");
    }
}
