//! The owner's switch and the proofs of a session: what they are worth, for whom, and for how long.

use proto::ProofOutcome as Outcome;
use tidegate_core::Span;
use tidegate_proto as proto;

use crate::{
    owner::{Device, Session},
    raw,
    setting::{Kasa, Owner, wrong},
};

const MOMENT: Span = Span::from_micros(1);
const LIFE: Span = Span::minutes(5);

async fn session(kasa: &Kasa, session: &Session) -> Option<proto::Session> {
    let request = proto::IntrospectRequest { session_token: session.token.clone() };
    kasa.frontend.ok(request).await.session
}

/// A session whose sign-in was asked for a code, just now.
async fn fresh(kasa: &Kasa, owner: &Owner, device: &str) -> Session {
    kasa.frontend.sign_in_with(&owner.person, "kasa", &Device::new(device), &owner.enrolled.seed).await
}

async fn proves(kasa: &Kasa, owner: &Owner, session: &Session) -> Outcome {
    let challenge = kasa.frontend.change_challenge(session, &owner.enrolled.factor).await;
    kasa.frontend.answer_change(session, &challenge, &kasa.code(owner)).await
}

async fn begun(kasa: &Kasa, owner: &Owner, product: &str) -> proto::SignInState {
    kasa.frontend.begin(&owner.person, product, &Device::new("new")).await.state
}

fn needs_proof(answer: Result<proto::Decision, tidegate_client::Refused>) {
    let refused = answer.unwrap_err();
    assert_eq!((refused.name(), refused.metadata["level"].as_str()), ("FRESH_PROOF_NEEDED", "aal2"));
}

on_both! {
    async fn inv_20_the_proof_of_a_sign_in_counts_five_minutes(stage) {
        let kasa = Kasa::open(&stage).await;
        let owner = kasa.owner("ann").await;
        let session = fresh(&kasa, &owner, "tablet").await;
        stage.clock.advance(LIFE);
        assert!(!kasa.frontend.disable(&session).await.unwrap().on);
        stage.clock.advance(MOMENT);
        needs_proof(kasa.frontend.enable(&session).await);
    }

    async fn inv_20_the_proof_of_a_challenge_counts_five_minutes(stage) {
        let kasa = Kasa::open(&stage).await;
        let owner = kasa.owner("ann").await;
        assert_eq!(proves(&kasa, &owner, &owner.session).await, Outcome::Approved);
        stage.clock.advance(LIFE);
        assert!(!kasa.frontend.disable(&owner.session).await.unwrap().on);
        assert!(kasa.frontend.enable(&owner.session).await.unwrap().on);
        stage.clock.advance(MOMENT);
        needs_proof(kasa.frontend.disable(&owner.session).await);
    }

    async fn inv_20_neither_a_password_nor_a_trusted_device_is_a_proof(stage) {
        let kasa = Kasa::open(&stage).await;
        let owner = kasa.owner("ann").await;
        let tablet = Device::remembered("tablet");
        kasa.frontend.sign_in_with(&owner.person, "kasa", &tablet, &owner.enrolled.seed).await;
        stage.clock.advance(LIFE.minus(Span::seconds(1)));
        let trusted = kasa.frontend.sign_in(&owner.person, "kasa", &tablet).await;
        assert!(trusted.answer.session.as_ref().unwrap().trusted);
        needs_proof(kasa.frontend.disable(&trusted).await);
        needs_proof(kasa.frontend.disable(&owner.session).await);
        proves(&kasa, &owner, &trusted).await;
        kasa.frontend.disable(&trusted).await.unwrap();
        let password = kasa.frontend.sign_in(&owner.person, "kasa", &Device::new("new")).await;
        stage.clock.advance(LIFE.minus(MOMENT));
        needs_proof(kasa.frontend.enable(&password).await);
    }

    async fn inv_20_a_proof_counts_in_its_own_session_only(stage) {
        let kasa = Kasa::open(&stage).await;
        let owner = kasa.owner("ann").await;
        fresh(&kasa, &owner, "tablet").await;
        stage.clock.advance(Span::seconds(30));
        let other = fresh(&kasa, &owner, "laptop").await;
        stage.clock.advance(LIFE);
        assert_eq!(proves(&kasa, &owner, &owner.session).await, Outcome::Approved);
        stage.clock.advance(MOMENT);
        needs_proof(kasa.frontend.disable(&other).await);
    }

    async fn inv_15_a_later_proof_raises_no_level(stage) {
        let kasa = Kasa::open(&stage).await;
        let owner = kasa.owner("ann").await;
        let before = session(&kasa, &owner.session).await.unwrap();
        assert_eq!((before.level(), before.proofs.len()), (proto::Level::Aal1, 1));
        assert_eq!(proves(&kasa, &owner, &owner.session).await, Outcome::Approved);
        assert_eq!(session(&kasa, &owner.session).await.unwrap(), before, "INV-26");
        let strong = fresh_later(&kasa, &owner).await;
        stage.clock.advance(Span::seconds(30));
        let before = session(&kasa, &strong).await.unwrap();
        assert_eq!((before.level(), before.proofs.len()), (proto::Level::Aal2, 2));
        assert_eq!(proves(&kasa, &owner, &strong).await, Outcome::Approved);
        assert_eq!(session(&kasa, &strong).await.unwrap(), before);
    }

    async fn inv_02_a_code_that_was_accepted_once_is_worth_nothing_for_the_other_purpose(stage) {
        let kasa = Kasa::open(&stage).await;
        let owner = kasa.owner("ann").await;
        let (begun, to_sign_in) = kasa.asked(&owner, "tablet").await;
        let to_change = kasa.frontend.change_challenge(&owner.session, &owner.enrolled.factor).await;
        let code = kasa.code(&owner);
        assert_eq!(kasa.frontend.answer_change(&owner.session, &to_change, &code).await, Outcome::Approved);
        assert_eq!(kasa.frontend.answer(&begun, &to_sign_in, &code).await.outcome(), Outcome::Replayed);
        stage.clock.advance(Span::seconds(30));
        let to_change = kasa.frontend.change_challenge(&owner.session, &owner.enrolled.factor).await;
        let code = kasa.code(&owner);
        assert_eq!(kasa.frontend.answer(&begun, &to_sign_in, &code).await.outcome(), Outcome::Approved);
        assert_eq!(kasa.frontend.answer_change(&owner.session, &to_change, &code).await, Outcome::Replayed);
        assert_eq!(raw::count(&stage, "SELECT COALESCE(SUM(in_row), 0) FROM attempts").await, 0);
    }

    async fn inv_03_a_challenge_for_a_change_answers_to_its_own_session_only(stage) {
        let kasa = Kasa::open(&stage).await;
        let owner = kasa.owner("ann").await;
        let challenge_id = kasa.frontend.change_challenge(&owner.session, &owner.enrolled.factor).await;
        let (begun, _) = kasa.asked(&owner, "tablet").await;
        let other = kasa.frontend.sign_in(&kasa.admin.person("eva").await, "kasa", &Device::new("e")).await;
        kasa.frontend.answer(&begun, &kasa.frontend.challenge(&begun).await, &kasa.code(&owner)).await;
        let same_owners = kasa.frontend.finish(&begun, &Device::new("tablet")).await.unwrap();
        stage.clock.advance(Span::seconds(30));
        let (begun, _) = kasa.asked(&owner, "laptop").await;
        let code = kasa.code(&owner);
        for subject in [begun.subject(), other.subject(), same_owners.subject()] {
            let id = challenge_id.clone();
            let request = proto::GetChallengeRequest { subject: subject.clone(), challenge_id: id.clone() };
            assert_eq!(kasa.frontend.refused(request).await.name(), "CHALLENGE_NOT_FOUND");
            let (code, request_id) = (code.clone(), String::new());
            let request = proto::AnswerChallengeRequest { subject: subject.clone(), challenge_id: id.clone(), code, request_id };
            assert_eq!(kasa.frontend.refused(request).await.name(), "CHALLENGE_NOT_FOUND");
            let request = proto::CancelChallengeRequest { subject, challenge_id: id, ..Default::default() };
            assert_eq!(kasa.frontend.refused(request).await.name(), "CHALLENGE_NOT_FOUND");
        }
        let own = kasa.frontend.answer_change(&owner.session, &challenge_id, &code).await;
        assert_eq!(own, Outcome::Approved);
    }

    async fn inv_05_a_newer_challenge_ends_the_older_one_of_its_session(stage) {
        let kasa = Kasa::open(&stage).await;
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

    async fn inv_11_guesses_of_both_purposes_are_counted_together(stage) {
        let kasa = Kasa::open(&stage).await;
        let owner = kasa.owner("ann").await;
        let challenge = kasa.frontend.change_challenge(&owner.session, &owner.enrolled.factor).await;
        for _ in 0..5 {
            kasa.frontend.answer_change(&owner.session, &challenge, &wrong(&kasa.code(&owner))).await;
        }
        let right = kasa.frontend.answer_change(&owner.session, &challenge, &kasa.code(&owner)).await;
        assert_eq!(right, Outcome::UsedUp);
        let (begun, challenge) = kasa.asked(&owner, "tablet").await;
        for _ in 0..5 {
            kasa.frontend.answer(&begun, &challenge, &wrong(&kasa.code(&owner))).await;
        }
        assert_eq!(proves(&kasa, &owner, &owner.session).await, Outcome::Slowed, "ten an hour");
    }

    async fn a_session_that_ended_leaves_no_challenge(stage) {
        let kasa = Kasa::open(&stage).await;
        let owner = kasa.owner("ann").await;
        for n in 0..5 {
            let tablet = Device::new(&format!("tablet-{}", n / 2));
            let session = kasa.frontend.sign_in_with(&owner.person, "kasa", &tablet, &owner.enrolled.seed).await;
            let challenge_id = kasa.frontend.change_challenge(&session, &owner.enrolled.factor).await;
            stage.clock.advance(Span::seconds(30));
            if n % 2 == 0 {
                // The next sign-in on the device ends it.
                continue;
            }
            let subject = session.subject();
            kasa.frontend.ok(proto::RevokeSessionRequest { subject: subject.clone(), ..Default::default() }).await;
            let (code, request_id) = (kasa.code(&owner), String::new());
            let request = proto::AnswerChallengeRequest { subject, challenge_id, code, request_id };
            assert_eq!(kasa.frontend.refused(request).await.name(), "SUBJECT_NOT_VALID");
        }
        let open = "SELECT count(*) FROM challenges WHERE purpose = 'change' AND state = 'open'";
        assert_eq!(raw::count(&stage, open).await, 1, "the last one's");
    }

    async fn who_switched_it_on_again_is_asked_wherever_it_has_acted(stage) {
        use proto::SignInState::{PendingChallenge, Ready};
        let kasa = Kasa::open(&stage).await;
        for product in ["tapo", "deco"] {
            kasa.admin.product(product).await;
        }
        let wave = kasa.admin.rollout("both", &["tapo", "deco"], &[1_000_000]).await;
        kasa.admin.start(&wave).await;
        let owner = kasa.owner("ann").await;
        assert_eq!(begun(&kasa, &owner, "tapo").await, PendingChallenge);
        // What becomes of the rollouts makes no difference where it acts (INV-42).
        raw::change(&stage, "DELETE FROM rollouts").await;
        let session = fresh(&kasa, &owner, "tablet").await;
        let off = kasa.frontend.disable(&session).await.unwrap();
        assert!(!off.on && off.visible && off.requirement() == proto::Requirement::None);
        for product in ["kasa", "tapo", "deco"] {
            assert_eq!(begun(&kasa, &owner, product).await, Ready);
        }
        let on = kasa.frontend.enable(&session).await.unwrap();
        assert!(on.on && on.reason() == proto::DecisionReason::Active);
        assert_eq!(on.requirement(), proto::Requirement::SecondStep);
        let expected = [("kasa", PendingChallenge), ("tapo", PendingChallenge), ("deco", Ready)];
        for (product, state) in expected {
            assert_eq!(begun(&kasa, &owner, product).await, state, "{product}");
        }
    }

    async fn switching_it_off_leaves_everything_else_as_it_is(stage) {
        let kasa = Kasa::open(&stage).await;
        let owner = kasa.owner("ann").await;
        let session = fresh(&kasa, &owner, "tablet").await;
        stage.clock.advance(Span::seconds(30));
        let (begun, challenge) = kasa.asked(&owner, "laptop").await;
        let rows = async || {
            let mut rows = Vec::new();
            for table in ["factors", "recovery_codes", "ledger WHERE active_since IS NOT NULL", "devices"] {
                rows.push(raw::count(&stage, &format!("SELECT count(*) FROM {table}")).await);
            }
            rows
        };
        let before = rows().await;
        kasa.frontend.disable(&session).await.unwrap();
        assert_eq!(rows().await, before);
        let outcome = kasa.frontend.answer(&begun, &challenge, &kasa.code(&owner)).await.outcome();
        assert_eq!(outcome, Outcome::Approved, "a challenge under way goes on");
    }

    async fn an_enrollment_that_was_left_binds_no_second_factor(stage) {
        let kasa = Kasa::open(&stage).await;
        let (person, mut pending) = (kasa.admin.person("ann").await, Vec::new());
        for device in ["phone", "thief"] {
            let session = kasa.frontend.sign_in(&person, "kasa", &Device::new(device)).await;
            let enrollment = kasa.frontend.begin_enrollment(&session).await;
            let mail = stage.mails_to(&person.email).await.pop().unwrap();
            assert_eq!(kasa.frontend.redeem(&mail.token).await, Outcome::Approved);
            let seed = kasa.frontend.continue_enrollment(&session, &enrollment).await;
            pending.push((session, enrollment, seed));
            stage.clock.advance(Span::seconds(1));
        }
        let [(first, one, seed), (thief, other, stolen)] = &pending[..] else { panic!() };
        let done = kasa.frontend.complete_enrollment(first, one, &stage.code(seed)).await;
        stage.clock.advance(Span::seconds(30));
        let challenge = kasa.frontend.change_challenge(first, &done.factor.unwrap().id).await;
        kasa.frontend.answer_change(first, &challenge, &stage.code(seed)).await;
        kasa.frontend.disable(first).await.unwrap();
        let late = kasa.frontend.complete_enrollment(thief, other, &stage.code(stolen)).await;
        assert_eq!((late.outcome(), late.factor), (Outcome::UsedUp, None));
        let factors = kasa.frontend.ok(proto::ListFactorsRequest { subject: first.subject() }).await.factors;
        assert_eq!(factors.len(), 2, "an authenticator app and its recovery codes");
        assert!(!kasa.admin.evaluate(&person, "kasa").await.on);
    }
}

/// The same a step later.
async fn fresh_later(kasa: &Kasa, owner: &Owner) -> Session {
    kasa.stage.clock.advance(Span::seconds(30));
    fresh(kasa, owner, "tablet").await
}
