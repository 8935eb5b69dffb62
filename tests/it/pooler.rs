//! Servers that reach PostgreSQL through PgBouncer, which gives each transaction another connection.

use std::time::Duration;

use proto::ProofOutcome as Outcome;
use sqlx::{Connection as _, Executor as _, PgConnection};
use tidegate_proto::{self as proto, ErrorReason};
use tidegate_store::{OpenError, Pooler, Settings, Store, Timeouts};
use tidegate_tests::pgbouncer::PgBouncer;
use tonic::Code;

use crate::{
    owner::{Device, by_code},
    race::together,
    serving::{PATIENT, pooled},
    setting::Kasa,
    test_server::TestServer,
};

const SHORT: Duration = Duration::from_millis(1);
const PEOPLE: usize = 24;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn inv_01_one_code_of_64_is_approved_through_a_pooler() {
    let server = TestServer::postgres().await;
    let pooler = PgBouncer::to(&server.url);
    let kasa = Kasa::open(&server).await;
    let (one, other) =
        (server.pooled_replica(&pooler, PATIENT).await, server.pooled_replica(&pooler, PATIENT).await);
    let callers = [&one, &other].map(|replica| kasa.frontend.at(replica.channel.clone()));
    for round in 0..4 {
        let owner = kasa.owner(&format!("ann-{round}")).await;
        let (begun, challenge) = kasa.asked(&owner, "tablet").await;
        let request = proto::AnswerChallengeRequest {
            subject: begun.subject(),
            challenge_id: challenge,
            answer: by_code(kasa.code(&owner)),
            ..Default::default()
        };
        let told = together(&callers, &request).await;
        let approved = told.iter().filter(|told| told.as_ref().unwrap().outcome() == Outcome::Approved);
        assert_eq!(approved.count(), 1, "{told:?}");
        let session = callers[1].finish(&begun, &Device::new("tablet")).await.unwrap();
        assert_eq!(session.answer.session.unwrap().level(), proto::Level::Aal2);
    }
    one.app.follow().await.unwrap();
    one.sealer.seal().await.unwrap();
}

/// A statement that was prepared on a connection is another one's on the next.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_through_a_pooler_never_get_each_others_answers() {
    let server = TestServer::postgres().await;
    let pooler = PgBouncer::to(&server.url);
    let kasa = Kasa::open(&server).await;
    let replica = server.pooled_replica(&pooler, PATIENT).await;
    let (admin, frontend) =
        (kasa.admin.at(replica.channel.clone()), kasa.frontend.at(replica.channel.clone()));
    let mut callers = Vec::new();
    for n in 0..PEOPLE {
        let (frontend, name) = (frontend.clone(), format!("person-{n}"));
        let person = admin.person(&name).await;
        callers.push(tokio::spawn(async move {
            for round in 0..4 {
                let found = frontend.ok(proto::GetAccountRequest { account: person.id.clone() }).await;
                assert_eq!(found.account.unwrap().external_id, name);
                let session =
                    frontend.sign_in(&person, "kasa", &Device::new(&format!("device-{round}"))).await;
                let told =
                    frontend.ok(proto::IntrospectRequest { session_token: session.token.clone() }).await;
                assert_eq!(told.session.unwrap().account_id, person.id);
            }
        }));
    }
    for caller in callers {
        caller.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lock_is_waited_for_through_a_pooler_no_longer_than_it_is_told() {
    let server = TestServer::postgres().await;
    let pooler = PgBouncer::to(&server.url);
    let operator = server.operator();
    let create = || proto::CreateAccountRequest { external_id: "ann".to_owned(), ..Default::default() };
    let mut holding = PgConnection::connect(&server.url).await.unwrap();
    holding.execute("BEGIN; LOCK TABLE accounts IN SHARE ROW EXCLUSIVE MODE").await.unwrap();
    for timeouts in [Timeouts { lock: SHORT, ..PATIENT }, Timeouts { statement: SHORT, ..PATIENT }] {
        let hasty = server.pooled_replica(&pooler, timeouts).await;
        let refused = operator.at(hasty.channel.clone()).refused(create()).await;
        assert_eq!((refused.code, refused.reason), (Code::Unavailable, Some(ErrorReason::Unavailable)));
    }
    holding.execute("ROLLBACK").await.unwrap();
    operator.ok(create()).await;
}

#[tokio::test]
async fn a_pooler_that_the_settings_do_not_name_is_told() {
    let server = TestServer::postgres().await;
    let pooler = PgBouncer::to(&server.url);
    let through = pooled(&pooler, PATIENT);
    let refused = Store::open(&Settings { pooler: Pooler::None, ..through.clone() }).await.err().unwrap();
    let told = refused.to_string();
    assert!(told.contains("set database.pooler to \"transaction\""), "{told}");
    let refused = Store::open(&through).await.unwrap().migrate().await.unwrap_err();
    assert!(matches!(refused, OpenError::Pooled), "{refused}");
}
