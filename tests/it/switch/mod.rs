//! The owner's switch: what it changes, and what it leaves as it is.

mod challenges;
mod proofs;
mod races;
mod schema;

use proto::ProofOutcome as Outcome;
use tidegate_core::Span;
use tidegate_proto as proto;

use crate::{
    owner::{Device, Seed, Session},
    raw,
    setting::{Kasa, Owner},
};

/// A session whose sign-in was asked for a code, just now.
async fn fresh(kasa: &Kasa, owner: &Owner, device: &str) -> Session {
    kasa.frontend.sign_in_with(&owner.person, "kasa", &Device::new(device), &owner.enrolled.seed).await
}

/// The session answers a challenge for a change.
async fn proves(kasa: &Kasa, owner: &Owner, session: &Session) -> Outcome {
    let challenge = kasa.frontend.change_challenge(session, &owner.enrolled.factor).await;
    kasa.frontend.answer_change(session, &challenge, &kasa.code(owner)).await
}

async fn begun(kasa: &Kasa, owner: &Owner, product: &str) -> proto::SignInState {
    kasa.frontend.begin(&owner.person, product, &Device::new("new")).await.state
}

/// Two enrollments of one account that wait for their first code, each in a session of its own.
async fn two_pending(kasa: &Kasa, name: &str) -> [(Session, String, Seed); 2] {
    let (person, mut pending) = (kasa.admin.person(name).await, Vec::new());
    for device in ["phone", "thief"] {
        let session = kasa.frontend.sign_in(&person, "kasa", &Device::new(device)).await;
        let enrollment = kasa.frontend.begin_enrollment(&session).await;
        let mail = kasa.server.mails_to(&person.email).await.pop().unwrap();
        assert_eq!(kasa.frontend.redeem(&mail.token).await, Outcome::Approved);
        let seed = kasa.frontend.continue_enrollment(&session, &enrollment).await;
        pending.push((session, enrollment, seed));
        kasa.server.clock.advance(Span::minutes(1));
    }
    pending.try_into().unwrap()
}

/// Completes the first of them. Its session then proves the factor.
async fn first_done(kasa: &Kasa, (session, enrollment, seed): &(Session, String, Seed)) {
    let done = kasa.frontend.complete_enrollment(session, enrollment, &kasa.server.code(seed)).await;
    kasa.server.clock.advance(Span::seconds(30));
    let challenge = kasa.frontend.change_challenge(session, &done.factor.unwrap().id).await;
    let code = kasa.server.code(seed);
    assert_eq!(kasa.frontend.answer_change(session, &challenge, &code).await, Outcome::Approved);
}

on_both! {
    async fn who_switched_it_on_again_is_asked_wherever_it_has_acted(server) {
        use proto::SignInState::{PendingChallenge, Ready};
        let kasa = Kasa::open(&server).await;
        for product in ["tapo", "deco"] {
            kasa.admin.product(product).await;
        }
        let wave = kasa.admin.rollout("both", &["tapo", "deco"], &[1_000_000]).await;
        kasa.admin.start(&wave).await;
        let owner = kasa.owner("ann").await;
        assert_eq!(begun(&kasa, &owner, "tapo").await, PendingChallenge);
        // Where two-step acts, it does not depend on the rollouts any more (INV-42).
        raw::change(&server, "DELETE FROM rollouts").await;
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

    async fn switching_it_off_leaves_everything_else_as_it_is(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        let session = fresh(&kasa, &owner, "tablet").await;
        server.clock.advance(Span::seconds(30));
        let (begun, challenge) = kasa.asked(&owner, "laptop").await;
        let rows = async || {
            let mut rows = Vec::new();
            for table in ["factors", "recovery_codes", "ledger WHERE active_since IS NOT NULL", "devices"] {
                rows.push(raw::count(&server, &format!("SELECT count(*) FROM {table}")).await);
            }
            rows
        };
        let before = rows().await;
        kasa.frontend.disable(&session).await.unwrap();
        assert_eq!(rows().await, before);
        let outcome = kasa.frontend.answer(&begun, &challenge, &kasa.code(&owner)).await.outcome();
        assert_eq!(outcome, Outcome::Approved, "a challenge under way goes on");
    }

    async fn an_enrollment_that_was_left_binds_no_second_factor(server) {
        let kasa = Kasa::open(&server).await;
        let [first, (thief, enrollment, stolen)] = two_pending(&kasa, "ann").await;
        first_done(&kasa, &first).await;
        kasa.frontend.disable(&first.0).await.unwrap();
        let late = kasa.frontend.complete_enrollment(&thief, &enrollment, &server.code(&stolen)).await;
        assert_eq!((late.outcome(), late.factor), (Outcome::UsedUp, None));
        let request = proto::ListFactorsRequest { subject: first.0.subject() };
        let factors = kasa.frontend.ok(request).await.factors;
        assert_eq!(factors.len(), 2, "an authenticator app and its recovery codes");
        assert!(!kasa.admin.evaluate(&kasa.admin.known("ann").await, "kasa").await.on);
    }

    async fn where_it_is_switched_on_it_acts_for_good(server) {
        use proto::SignInState::{PendingChallenge, Ready};
        let kasa = Kasa::open(&server).await;
        for product in ["tapo", "deco"] {
            kasa.admin.product(product).await;
        }
        let wave = kasa.admin.rollout("both", &["tapo", "deco"], &[1_000_000]).await;
        kasa.admin.start(&wave).await;
        let owner = kasa.owner("ann").await;
        assert_eq!(proves(&kasa, &owner, &owner.session).await, Outcome::Approved);
        kasa.frontend.disable(&owner.session).await.unwrap();
        server.clock.advance(Span::seconds(30));
        let tapo = kasa.frontend.sign_in(&owner.person, "tapo", &Device::new("tablet")).await;
        assert_eq!(proves(&kasa, &owner, &tapo).await, Outcome::Approved);
        let on = kasa.frontend.enable(&tapo).await.unwrap();
        assert_eq!((on.product.as_str(), on.reason()), ("tapo", proto::DecisionReason::Active));
        raw::change(&server, "DELETE FROM rollouts").await;
        for (product, state) in [("kasa", PendingChallenge), ("tapo", PendingChallenge), ("deco", Ready)] {
            assert_eq!(begun(&kasa, &owner, product).await, state, "{product}");
        }
        let active = "SELECT count(*) FROM events WHERE fact LIKE '%two_step_active%both%'";
        assert_eq!(raw::count(&server, active).await, 1);
    }
}
