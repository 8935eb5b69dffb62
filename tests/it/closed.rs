//! What too many failures in a row closed stays closed, and the ways back (INV-10).

use proto::{Level, Method, ProofOutcome as Outcome, SignInState};
use tidegate_core::Span;
use tidegate_proto as proto;

use crate::{
    actor::Actor,
    arrange::{NEW_PASSWORD, PASSWORD},
    lanes::{close, guess},
    owner::{Device, Seed},
    raw,
    recovery::{begin, generate, remove},
    setting::{Kasa, Owner, wrong},
    support::{mailed_pass, reset_factors},
};

impl Kasa {
    /// An owner whose authenticator app failed fifty times in a row. The last failure is a call.
    async fn shut_out(&self, name: &str) -> Owner {
        let owner = self.owner(name).await;
        let spent = "UPDATE attempts SET in_row = 49 WHERE counter_id IN (SELECT factor_id FROM factors WHERE method = 'totp')";
        raw::change(&self.server, spent).await;
        let (begun, challenge) = self.asked(&owner, "strange").await;
        let last = self.frontend.answer(&begun, &challenge, &wrong(&self.code(&owner))).await;
        assert_eq!(last.outcome(), Outcome::WrongAnswer);
        self.server.clock.advance(Span::seconds(30));
        owner
    }

    /// The outcome of the right code of the authenticator app, at this server.
    async fn right_code(&self, owner: &Owner, at: &Actor) -> Outcome {
        let begun = at.begin(&owner.person, "kasa", &Device::new("tablet")).await;
        assert_eq!(begun.state, SignInState::PendingChallenge);
        let challenge = at.challenge_of(&begun, &owner.enrolled.factor).await;
        let outcome = at.answer(&begun, &challenge, &self.code(owner)).await.outcome();
        let cancel = proto::CancelSignInRequest { subject: begun.subject(), ..Default::default() };
        if outcome == Outcome::Closed {
            at.ok(cancel).await;
        }
        outcome
    }
}

on_both! {
    async fn inv_10_neither_time_nor_another_factor_nor_a_restart_opens_a_closed_factor(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.shut_out("ann").await;
        let here = kasa.frontend.clone();
        assert_eq!(kasa.right_code(&owner, &here).await, Outcome::Closed);
        let session = kasa.recovered(&owner, 0).await;
        assert_eq!(kasa.right_code(&owner, &here).await, Outcome::Closed, "a recovery code was right");
        let (_, seed) = kasa.frontend.add(&session, "tablet").await;
        assert_eq!(kasa.right_code(&owner, &here).await, Outcome::Closed, "another factor was bound");
        let restarted = server.reopened().await;
        let there = here.at(restarted.channel.clone());
        assert_eq!(kasa.right_code(&owner, &there).await, Outcome::Closed, "the server was restarted");
        for days in [1, 30, 365, 3_650] {
            server.clock.advance(Span::days(days));
            assert_eq!(kasa.right_code(&owner, &there).await, Outcome::Closed, "{days} days later");
        }
        let begun = here.begin(&owner.person, "kasa", &Device::new("laptop")).await;
        let second = begun.offers.iter().find(|one| one.method() == Method::Totp && one.factor_id != owner.enrolled.factor);
        let challenge = here.challenge_of(&begun, &second.unwrap().factor_id).await;
        assert_eq!(here.answer(&begun, &challenge, &server.code(&seed)).await.outcome(), Outcome::Approved);
        assert_eq!(kasa.right_code(&owner, &here).await, Outcome::Closed, "another app was right");
    }

    /// The way back of an owner: a recovery code, and the app bound again.
    async fn inv_10_a_closed_factor_is_opened_by_binding_it_again(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.shut_out("ann").await;
        let session = kasa.recovered(&owner, 0).await;
        let (_, seed) = kasa.frontend.add(&session, "again").await;
        kasa.frontend.ok(remove(&session, &owner.enrolled.factor)).await;
        kasa.frontend.ok(generate(&session)).await;
        server.clock.advance(Span::seconds(30));
        let full = kasa.frontend.sign_in_with(&owner.person, "kasa", &Device::new("tablet"), &seed).await;
        assert_eq!(full.answer.session.unwrap().level(), Level::Aal2);
    }

    /// The way back of an owner who has no recovery codes any more.
    async fn inv_10_a_closed_factor_is_left_behind_by_a_reset_of_support(server) {
        let kasa = Kasa::open(&server).await;
        let (owner, support) = (kasa.shut_out("ann").await, kasa.support().await);
        support.ok(reset_factors("ann")).await;
        let begun = kasa.frontend.begin(&owner.person, "kasa", &Device::new("tablet")).await;
        assert!(begun.offers.iter().all(|one| one.factor_id != owner.enrolled.factor), "it is gone, not opened");
        let pass = mailed_pass(&server, &owner.person).await;
        let back = kasa.passed(&owner.person, &pass).await;
        let begun = kasa.frontend.ok(begin(&back, "new")).await;
        let (id, seed) = (begun.enrollment.unwrap().id, Seed::scan(begun.setup));
        let done = kasa.frontend.complete_enrollment(&back, &id, &server.code(&seed)).await;
        assert_eq!(done.outcome(), Outcome::Approved);
        server.clock.advance(Span::seconds(30));
        let full = kasa.frontend.sign_in_with(&owner.person, "kasa", &Device::new("new"), &seed).await;
        assert_eq!(full.answer.session.unwrap().level(), Level::Aal2);
    }

    async fn inv_10_a_closed_lane_of_a_password_is_opened_by_a_reset_and_not_by_time(server) {
        let kasa = Kasa::open(&server).await;
        let person = kasa.admin.person("ann").await;
        assert_eq!(close(&kasa, &person.email).await, 100);
        let restarted = server.reopened().await;
        for caller in [kasa.frontend.clone(), kasa.frontend.at(restarted.channel.clone())] {
            for days in [0, 1, 365] {
                server.clock.advance(Span::days(days));
                let right = caller.ok(guess(&kasa, &person.email, PASSWORD)).await;
                assert!(right.closed && right.sign_in.unwrap().state() == SignInState::Denied, "{days} days later");
            }
        }
        let token = kasa.reset_link(&person).await;
        assert!(kasa.frontend.ok(guess(&kasa, &person.email, PASSWORD)).await.closed, "a link that was only asked for");
        assert_eq!(kasa.reset(&token).await, Outcome::Approved);
        let old = kasa.frontend.ok(guess(&kasa, &person.email, PASSWORD)).await;
        assert_eq!((old.closed, old.sign_in.unwrap().state()), (false, SignInState::Denied));
        let new = kasa.frontend.ok(guess(&kasa, &person.email, NEW_PASSWORD)).await;
        assert_eq!(new.sign_in.unwrap().state(), SignInState::Ready);
    }
}
