//! Many calls at once, on two servers where the engine allows two.

use proto::ProofOutcome as Outcome;
use tidegate_proto as proto;
use tokio::task::JoinSet;

use super::{first_done, fresh, two_pending};
use crate::{
    actor::Actor,
    owner::{Seed, Session, by_code},
    race::{MANY, together},
    raw,
    setting::Kasa,
};

const TOTP: &str = "SELECT count(*) FROM factors WHERE method = 'totp'";

async fn completes(caller: Actor, pending: (Session, String, Seed)) -> Outcome {
    let (session, enrollment, seed) = pending;
    let code = caller.server.code(&seed);
    caller.complete_enrollment(&session, &enrollment, &code).await.outcome()
}

on_both! {
    async fn inv_01_one_code_of_64_is_approved_for_a_change(server) {
        let kasa = Kasa::open(&server).await;
        let replica = server.replica().await;
        let callers = [kasa.frontend.clone(), kasa.frontend.at(replica.channel.clone())];
        let owner = kasa.owner("ann").await;
        let challenge_id = kasa.frontend.change_challenge(&owner.session, &owner.enrolled.factor).await;
        let (subject, code) = (owner.session.subject(), kasa.code(&owner));
        let request = proto::AnswerChallengeRequest { subject, challenge_id, answer: by_code(code), ..Default::default() };
        let told = together(&callers, &request).await;
        let told: Vec<_> = told.into_iter().map(|one| one.unwrap().outcome()).collect();
        assert_eq!(told.iter().filter(|one| **one == Outcome::Approved).count(), 1, "{told:?}");
        assert!(!told.contains(&Outcome::WrongAnswer), "{told:?}");
        assert!(!kasa.frontend.disable(&owner.session).await.unwrap().on);
    }

    async fn a_session_that_ends_meanwhile_spends_a_code_or_leaves_it(server) {
        let kasa = Kasa::open(&server).await;
        let replica = server.replica().await;
        for round in 0..4 {
            let owner = kasa.owner(&format!("ann-{round}")).await;
            let challenge_id = kasa.frontend.change_challenge(&owner.session, &owner.enrolled.factor).await;
            let (begun, to_sign_in) = kasa.asked(&owner, "tablet").await;
            let (subject, code) = (owner.session.subject(), kasa.code(&owner));
            let mut calls = JoinSet::new();
            for n in 0..8 {
                let (caller, subject) = (kasa.frontend.at(replica.channel.clone()), subject.clone());
                let (challenge_id, code) = (challenge_id.clone(), code.clone());
                calls.spawn(async move {
                    if n == 2 {
                        let revoke = proto::RevokeSessionRequest { subject, ..Default::default() };
                        return caller.ok(revoke).await.ended.then_some(Outcome::Unspecified);
                    }
                    let request =
                        proto::AnswerChallengeRequest { subject, challenge_id, answer: by_code(code), ..Default::default() };
                    let answer = caller.call(request).await;
                    answer.map_err(|refused| assert_eq!(refused.name(), "SUBJECT_NOT_VALID")).ok().map(|one| one.outcome())
                });
            }
            let approved = calls.join_all().await.contains(&Some(Outcome::Approved));
            let left = if approved { Outcome::Replayed } else { Outcome::Approved };
            assert_eq!(kasa.frontend.answer(&begun, &to_sign_in, &code).await.outcome(), left);
        }
    }

    async fn inv_49_on_and_off_at_once_end_as_the_log_says(server) {
        let kasa = Kasa::open(&server).await;
        let replica = server.replica().await;
        let callers = [kasa.frontend.clone(), kasa.frontend.at(replica.channel.clone())];
        let owner = kasa.owner("ann").await;
        let session = fresh(&kasa, &owner, "tablet").await;
        let mut calls = JoinSet::new();
        for n in 0..MANY {
            let (caller, session) = (callers[n % 2].clone(), session.clone());
            calls.spawn(async move {
                let on = n / 2 % 2 == 0;
                let done = if on { caller.enable(&session).await } else { caller.disable(&session).await };
                assert_eq!(done.unwrap().on, on);
            });
        }
        calls.join_all().await;
        let told = async |what: &str| {
            raw::count(&server, &format!("SELECT count(*) FROM events WHERE fact LIKE '%{what}%'")).await
        };
        let on = raw::count(&server, "SELECT count(*) FROM accounts WHERE two_step_since IS NOT NULL").await;
        assert_eq!(told("two_step_switched_on").await - told("two_step_switched_off").await, on);
        assert!(told("two_step_switched_off").await > 0, "somebody switched it off");
        assert_eq!(told("two_step_active").await, 1);
    }

    async fn an_enrollment_and_the_switch_at_once_bind_no_second_factor(server) {
        let kasa = Kasa::open(&server).await;
        let replica = server.replica().await;
        let [first, other] = two_pending(&kasa, "ann").await;
        first_done(&kasa, &first).await;
        let mut calls = JoinSet::new();
        for n in 0..MANY {
            let caller = kasa.frontend.at(replica.channel.clone());
            let (first, other) = (first.0.clone(), other.clone());
            calls.spawn(async move {
                match n % 3 {
                    0 => drop(caller.enable(&first).await.unwrap()),
                    1 => drop(caller.disable(&first).await.unwrap()),
                    _ => assert_ne!(completes(caller, other).await, Outcome::Approved),
                }
            });
        }
        calls.join_all().await;
        assert_eq!(raw::count(&server, TOTP).await, 1);
    }

    async fn two_enrollments_at_once_bind_one_factor(server) {
        let kasa = Kasa::open(&server).await;
        let replica = server.replica().await;
        let elsewhere = kasa.frontend.at(replica.channel.clone());
        for round in 1..=6 {
            let [one, other] = two_pending(&kasa, &format!("ann-{round}")).await;
            let (one, other) = (completes(kasa.frontend.clone(), one), completes(elsewhere.clone(), other));
            let (one, other) = tokio::join!(tokio::spawn(one), tokio::spawn(other));
            let mut told = [one.unwrap(), other.unwrap()];
            told.sort_unstable();
            assert_eq!(told, [Outcome::Approved, Outcome::UsedUp]);
            assert_eq!(raw::count(&server, TOTP).await, round);
        }
    }
}
