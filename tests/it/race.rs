//! Many calls at once, on two servers where the engine allows two: exactly one of them succeeds.

use std::slice::from_ref;

use proto::{ProofOutcome as Outcome, SignInState};
use sqlx::{Connection as _, Executor as _, PgConnection};
use tidegate_client::Refused;
use tidegate_proto as proto;

use crate::{
    actor::Actor,
    owner::{Device, SignIn, by_code, by_first_code},
    raw,
    rpc::Rpc,
    setting::{Kasa, wrong},
    test_server::TestServer,
};

pub const MANY: usize = 64;

/// Sends the same request many times at once, spread over the callers.
pub async fn together<M: Rpc + Clone>(callers: &[Actor], request: &M) -> Vec<Result<M::Answer, Refused>> {
    let calls = (0..MANY).map(|n| {
        let (caller, request) = (callers[n % callers.len()].clone(), request.clone());
        tokio::spawn(async move { caller.call(request).await })
    });
    let mut answers = Vec::new();
    for call in calls.collect::<Vec<_>>() {
        answers.push(call.await.unwrap());
    }
    answers
}

fn answer(sign_in: &SignIn, challenge: &str, code: &str) -> proto::AnswerChallengeRequest {
    let (challenge_id, code) = (challenge.to_owned(), code.to_owned());
    proto::AnswerChallengeRequest {
        subject: sign_in.subject(),
        challenge_id,
        answer: by_code(code),
        ..Default::default()
    }
}

fn outcomes(answers: &[Result<proto::AnswerChallengeResponse, Refused>]) -> Vec<Outcome> {
    answers.iter().map(|answer| answer.as_ref().unwrap().outcome()).collect()
}

fn count<T: PartialEq>(all: &[T], of: &T) -> usize {
    all.iter().filter(|one| *one == of).count()
}

/// The account and its hash are read again after hashing: the newest ones decide. Here a lock on the throttle
/// holds the sign-in up after it has read them for the first time.
#[tokio::test]
async fn the_newest_password_and_address_decide() {
    let of = |name: &str| format!("(SELECT account_id FROM accounts WHERE external_id = '{name}')");
    let kept_as = |name: &str, hash: &str| {
        format!("UPDATE passwords SET hash = {hash} WHERE account_id = {}", of(name))
    };
    // Both people have the same password, under hashes of their own.
    let copied = |from: &str, to: &str| {
        kept_as(to, &format!("(SELECT hash FROM passwords WHERE account_id = {})", of(from)))
    };
    let readdressed = |name: &str, address: &str| {
        format!("UPDATE accounts SET email_canonical = '{address}@example.com' WHERE external_id = '{name}'")
    };
    let another_hash = vec![copied("bob", "ann")];
    let another_password = vec![kept_as("ann", "overlay(hash PLACING 'AAAA' FROM length(hash) - 8)")];
    let another_owner = vec![copied("ann", "bob"), readdressed("ann", "ann-anew"), readdressed("bob", "ann")];
    for (changes, state) in [
        (another_hash, SignInState::Ready),
        (another_password, SignInState::Denied),
        (another_owner, SignInState::Denied),
    ] {
        let server = TestServer::postgres().await;
        let kasa = Kasa::open(&server).await;
        let (ann, _) = (kasa.admin.person("ann").await, kasa.admin.person("bob").await);
        let request = kasa.frontend.begin_request(&ann, "kasa", &Device::new("phone"));
        assert_eq!(kasa.frontend.ok(request.clone()).await.sign_in.unwrap().state(), SignInState::Ready);
        let mut holding = PgConnection::connect(&server.url).await.unwrap();
        holding.execute("BEGIN; SELECT * FROM attempts FOR UPDATE").await.unwrap();
        let begun = tokio::spawn(async move { kasa.frontend.ok(request).await });
        raw::somebody_waits(&server).await;
        for change in &changes {
            raw::change(&server, change).await;
        }
        holding.execute("COMMIT").await.unwrap();
        assert_eq!(begun.await.unwrap().sign_in.unwrap().state(), state, "{changes:?}");
    }
}

on_both! {
    /// The first sign-ins of an imported account: each of them would replace the imported hash.
    async fn a_right_password_is_right_as_often_as_it_comes_at_once(server) {
        let kasa = Kasa::open(&server).await;
        let person = kasa.admin.person("ann").await;
        let request = kasa.frontend.begin_request(&person, "kasa", &Device::new("phone"));
        let calls = (0..4).map(|_| {
            let (frontend, request) = (kasa.frontend.clone(), request.clone());
            tokio::spawn(async move { frontend.ok(request).await.sign_in.unwrap().state() })
        });
        for call in calls.collect::<Vec<_>>() {
            assert_eq!(call.await.unwrap(), SignInState::Ready);
        }
    }

    async fn inv_01_one_code_of_64_is_approved(server) {
        let kasa = Kasa::open(&server).await;
        let replica = server.replica().await;
        let callers = [kasa.frontend.clone(), kasa.frontend.at(replica.channel.clone())];
        for round in 0..6 {
            let owner = kasa.owner(&format!("ann-{round}")).await;
            let (begun, challenge) = kasa.asked(&owner, "tablet").await;
            let told = together(&callers, &answer(&begun, &challenge, &kasa.code(&owner))).await;
            let told = outcomes(&told);
            assert_eq!(count(&told, &Outcome::Approved), 1, "{told:?}");
            assert_eq!(count(&told, &Outcome::WrongAnswer), 0, "{told:?}");
            let session = kasa.frontend.finish(&begun, &Device::new("tablet")).await.unwrap();
            assert_eq!(session.answer.session.unwrap().level(), proto::Level::Aal2);
        }
    }

    async fn inv_02_one_step_is_accepted_once_whatever_the_sign_in(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        let code = kasa.code(&owner);
        let mut asked = Vec::new();
        for device in ["tablet", "laptop", "desk"] {
            asked.push(kasa.asked(&owner, device).await);
        }
        let mut told = Vec::new();
        let calls = asked.iter().map(|(begun, challenge)| {
            let (frontend, request) = (kasa.frontend.clone(), answer(begun, challenge, &code));
            tokio::spawn(async move { frontend.ok(request).await.outcome() })
        });
        for call in calls.collect::<Vec<_>>() {
            told.push(call.await.unwrap());
        }
        assert_eq!(count(&told, &Outcome::Approved), 1, "{told:?}");
        assert_eq!(count(&told, &Outcome::Replayed), 2, "{told:?}");
    }

    async fn inv_08_64_wrong_codes_take_five_tries(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        let (begun, challenge) = kasa.asked(&owner, "tablet").await;
        let replica = server.replica().await;
        let callers = [kasa.frontend.clone(), kasa.frontend.at(replica.channel.clone())];
        let told = outcomes(&together(&callers, &answer(&begun, &challenge, &wrong(&kasa.code(&owner)))).await);
        assert_eq!(count(&told, &Outcome::WrongAnswer), 4, "{told:?}");
        assert_eq!(count(&told, &Outcome::UsedUp), MANY - 4, "{told:?}");
        let late = kasa.frontend.answer(&begun, &challenge, &kasa.code(&owner)).await;
        assert_eq!(late.outcome(), Outcome::UsedUp);
    }

    async fn inv_58_64_copies_of_one_request_are_charged_once(server) {
        let kasa = Kasa::open(&server).await;
        let owner = kasa.owner("ann").await;
        let (begun, challenge) = kasa.asked(&owner, "tablet").await;
        let request_id = "7f0c1a52-5a1e-4d4e-9c7b-3f3b1c2d4e5f".to_owned();
        let request = proto::AnswerChallengeRequest {
            request_id,
            ..answer(&begun, &challenge, &wrong(&kasa.code(&owner)))
        };
        let told: Vec<_> = together(from_ref(&kasa.frontend), &request).await;
        for one in &told {
            assert_eq!(one.as_ref().unwrap(), told[0].as_ref().unwrap());
        }
        let next = kasa.frontend.answer(&begun, &challenge, &wrong(&kasa.code(&owner))).await;
        assert_eq!(next.tries_left, Some(3), "the copies were charged once");
    }

    async fn a_sign_in_becomes_one_session(server) {
        let kasa = Kasa::open(&server).await;
        let person = kasa.admin.person("ann").await;
        let begun = kasa.frontend.begin(&person, "kasa", &Device::new("phone")).await;
        let request = proto::CompleteSignInRequest { subject: begun.subject(), ..Default::default() };
        let told = together(from_ref(&kasa.frontend), &request).await;
        assert_eq!(told.iter().filter(|one| one.is_ok()).count(), 1);
        for refused in told.iter().filter_map(|one| one.as_ref().err()) {
            assert_eq!(refused.name(), "SIGN_IN_STATE");
        }
    }

    async fn inv_01_a_link_is_redeemed_once(server) {
        let kasa = Kasa::open(&server).await;
        let person = kasa.admin.person("ann").await;
        let session = kasa.frontend.sign_in(&person, "kasa", &Device::new("phone")).await;
        kasa.frontend.begin_enrollment(&session).await;
        let token = server.mail_to(&person.email).await.token;
        let request = proto::RedeemLinkRequest { token, ..Default::default() };
        let told = together(from_ref(&kasa.frontend), &request).await;
        let told: Vec<_> = told.into_iter().map(|one| one.unwrap().outcome()).collect();
        assert_eq!((count(&told, &Outcome::Approved), count(&told, &Outcome::Replayed)), (1, MANY - 1));
    }

    async fn inv_36_recovery_codes_are_issued_once(server) {
        let kasa = Kasa::open(&server).await;
        let person = kasa.admin.person("ann").await;
        let session = kasa.frontend.sign_in(&person, "kasa", &Device::new("phone")).await;
        let enrollment_id = kasa.frontend.begin_enrollment(&session).await;
        kasa.frontend.redeem(&server.mail_to(&person.email).await.token).await;
        let seed = kasa.frontend.continue_enrollment(&session, &enrollment_id).await;
        let request = proto::CompleteEnrollmentRequest {
            subject: session.subject(),
            enrollment_id,
            answer: by_first_code(server.code(&seed)),
            ..Default::default()
        };
        let told = together(from_ref(&kasa.frontend), &request).await;
        let told: Vec<_> = told.into_iter().map(Result::unwrap).collect();
        let approved: Vec<_> = told.iter().filter(|one| one.outcome() == Outcome::Approved).collect();
        assert_eq!(approved.len(), 1);
        assert_eq!(approved[0].recovery_codes.len(), 10);
        assert!(told.iter().all(|one| one.recovery_codes.is_empty() || one.outcome() == Outcome::Approved));
    }

    async fn one_of_64_changes_of_a_rollout_wins(server) {
        let kasa = Kasa::open(&server).await;
        let rollout = kasa.admin.rollout("kasa-next", &["kasa"], &[10_000, 50_000]).await;
        let request = proto::StartRolloutRequest {
            rollout: rollout.key.clone(),
            etag: rollout.etag.clone(),
            ..Default::default()
        };
        let told = together(from_ref(&kasa.admin), &request).await;
        assert_eq!(told.iter().filter(|one| one.is_ok()).count(), 1);
        for refused in told.iter().filter_map(|one| one.as_ref().err()) {
            assert_eq!((refused.name(), refused.metadata["current"].as_str()), ("ETAG_MISMATCH", "r2"));
        }
    }
}
