//! Whenever a sweep comes, it brings nothing back.

use proto::ProofOutcome as Outcome;
use tidegate_core::Span;
use tidegate_proto as proto;

use super::kinds::counter;
use crate::{
    owner::{Device, SignIn, by_code},
    raw,
    setting::{Kasa, Owner, wrong},
    test_server::TestServer,
};

/// Spans between two sweeps. Their sums lie before, at and after the ends of all periods.
const WAITS: [Span; 11] = [
    Span::from_micros(0),
    Span::seconds(30),
    Span::minutes(10),
    Span::hours(2),
    Span::hours(22),
    Span::days(1),
    Span::days(5),
    Span::days(1),
    Span::days(23),
    Span::days(30),
    Span::days(400),
];

/// Sign-ins of each caller beside the sweeps.
const EACH: usize = 16;

/// The same sign-in, challenge, link and recovery code, which were used.
struct Used {
    sign_in: SignIn,
    challenge: String,
    code: String,
    link: String,
}

impl Used {
    async fn up(kasa: &Kasa, server: &TestServer) -> (Owner, Self) {
        let owner = kasa.owner("ann").await;
        let link = server.mail_to(&owner.person.email).await.token;
        kasa.recovered(&owner, 0).await;
        let (sign_in, challenge) = kasa.asked(&owner, "phone").await;
        let code = kasa.code(&owner);
        let answered = kasa.frontend.answer(&sign_in, &challenge, &code).await;
        assert_eq!(answered.outcome(), Outcome::Approved);
        kasa.frontend.finish(&sign_in, &Device::new("phone")).await.unwrap();
        (owner, Self { sign_in, challenge, code, link })
    }

    async fn is_still(&self, kasa: &Kasa, owner: &Owner) {
        let frontend = &kasa.frontend;
        let request = proto::AnswerChallengeRequest {
            subject: self.sign_in.subject(),
            challenge_id: self.challenge.clone(),
            answer: by_code(self.code.clone()),
            ..Default::default()
        };
        match frontend.call(request).await {
            Ok(answer) => assert_ne!(answer.outcome(), Outcome::Approved),
            Err(refused) => assert!(["SUBJECT_NOT_VALID", "CHALLENGE_NOT_FOUND"].contains(&refused.name())),
        }
        frontend.finish(&self.sign_in, &Device::new("phone")).await.unwrap_err();
        assert_ne!(frontend.redeem(&self.link).await, Outcome::Approved);
        let (begun, challenge) = kasa.lost(owner).await;
        let answer = frontend.answer(&begun, &challenge, &owner.enrolled.recovery_codes[0]).await;
        assert_eq!(answer.outcome(), Outcome::WrongAnswer, "a recovery code that was used");
        // The code's step is used up for every challenge.
        let (begun, challenge) = kasa.asked(owner, "tablet").await;
        let answer = frontend.answer(&begun, &challenge, &self.code).await;
        assert!(
            [Outcome::Replayed, Outcome::WrongAnswer].contains(&answer.outcome()),
            "{:?}",
            answer.outcome()
        );
    }
}

on_both! {
    async fn inv_01_no_sweep_makes_something_redeemable_again(server) {
        let kasa = Kasa::open(&server).await;
        let (owner, used) = Used::up(&kasa, &server).await;
        for wait in WAITS {
            server.clock.advance(wait);
            server.fold().await;
            server.sweep().await;
            used.is_still(&kasa, &owner).await;
            // What was tried is forgiven by the right answer.
            server.clock.advance(Span::hours(1));
            let (begun, challenge) = kasa.asked(&owner, "phone").await;
            let answer = kasa.frontend.answer(&begun, &challenge, &kasa.code(&owner)).await;
            assert_eq!(answer.outcome(), Outcome::Approved);
        }
    }

    async fn inv_08_no_sweep_gives_a_guess_back(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        let in_row = format!("SELECT in_row FROM {}", counter(&owner));
        for (guesses, wait) in (1..).zip(WAITS) {
            server.clock.advance(wait);
            server.sweep().await;
            let (begun, challenge) = kasa.asked(&owner, "phone").await;
            let code = wrong(&kasa.code(&owner));
            assert_eq!(kasa.frontend.answer(&begun, &challenge, &code).await.outcome(), Outcome::WrongAnswer);
            server.sweep().await;
            assert_eq!(raw::count(&server, &in_row).await, guesses);
        }
    }

    async fn inv_58_no_sweep_loses_the_outcome_of_a_request_in_its_period(server) {
        let kasa = Kasa::open(&server).await;
        let request = proto::CreateAccountRequest {
            external_id: "ann".into(),
            email: "ann@example.com".into(),
            request_id: "7f0c1a52-5a1e-4d4e-9c7b-3f3b1c2d4e5f".into(),
            ..Default::default()
        };
        let first = kasa.admin.ok(request.clone()).await;
        for wait in [Span::from_micros(0), Span::minutes(10), Span::hours(12), Span::hours(11), Span::minutes(49)] {
            server.clock.advance(wait);
            server.sweep().await;
            assert_eq!(kasa.admin.ok(request.clone()).await, first);
        }
        server.clock.advance(Span::minutes(1));
        server.sweep().await;
        assert_eq!(kasa.admin.refused(request).await.name(), "EXTERNAL_ID_TAKEN", "a day later it is a new request");
    }

    /// The rows that sign-ins write are neighbours of those that are swept.
    async fn sign_ins_and_sweeps_do_not_disturb_each_other(server) {
        let kasa = Kasa::open(&server).await;
        let replica = server.replica().await;
        let elsewhere = kasa.frontend.at(replica.channel.clone());
        let person = kasa.admin.person("ann").await;
        for _ in 0..8 {
            kasa.frontend.sign_in(&person, "kasa", &Device::new("old")).await;
        }
        server.fold().await;
        server.clock.advance(Span::days(61));
        let calls = [&kasa.frontend, &elsewhere].map(|caller| {
            let (caller, person) = (caller.clone(), person.clone());
            tokio::spawn(async move {
                for _ in 0..EACH {
                    caller.sign_in(&person, "kasa", &Device::new("new")).await;
                }
            })
        });
        for _ in 0..8 {
            server.sweep().await;
        }
        for call in calls {
            call.await.unwrap();
        }
        server.sweep().await;
        assert_eq!(raw::count(&server, "SELECT count(*) FROM sign_ins").await, i64::try_from(2 * EACH).unwrap());
    }
}
