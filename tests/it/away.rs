//! A database that becomes unreachable and comes back, a caller that does not wait, and a handler that
//! panics.

use std::time::Duration;

use tidegate_core::Role;
use tidegate_proto::{self as proto, ErrorReason};
use tidegate_service::StoreError;
use tidegate_store::{Pooler, Settings, Store, Timeouts, realms};
use tidegate_tests::postgres::{self, Line};
use tokio::sync::oneshot;
use tonic::Code;

use crate::{
    raw,
    serving::{PATIENT, SERVED},
    setting::Kasa,
    test_server::TestServer,
};

/// Long enough for a call to begin. What it then waits for cannot happen.
const HASTY: Duration = Duration::from_millis(100);

fn create(name: &str) -> proto::CreateAccountRequest {
    proto::CreateAccountRequest {
        external_id: name.to_owned(),
        request_id: "7f0c1a52-5a1e-4d4e-9c7b-3f3b1c2d4e5f".to_owned(),
        ..Default::default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_fail_while_the_database_is_away_and_work_when_it_is_back() {
    let line = Line::to(&postgres::database().await).await;
    let server = TestServer::at(line.url().to_owned(), PATIENT).await;
    let operator = server.operator();
    operator.product("kasa").await;
    let hasty = server.hasty_replica(Timeouts { acquire: HASTY, ..PATIENT }).await;
    line.cut().await;
    // The first call of each finds that its connection is broken; the next one finds no connection.
    let hasty = operator.at(hasty.channel.clone());
    for caller in [&operator, &hasty, &hasty] {
        let refused = caller.refused(create("ann")).await;
        assert_eq!((refused.code, refused.reason), (Code::Unavailable, Some(ErrorReason::Unavailable)));
        assert!(refused.retry_after.is_some() && refused.incident.is_some(), "{refused:?}");
        assert_eq!(refused.message, "the call could not be carried out");
    }
    // A caller that waits long enough is answered once the database is back.
    let (first, ()) = tokio::join!(operator.ok(create("ann")), line.mend());
    assert_eq!(operator.ok(create("ann")).await, first);
}

/// A fail-over closes every pooled connection. A caller that retries once, as it is told, gets an answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_of_the_database_costs_one_retry() {
    let server = TestServer::postgres().await;
    let operator = server.operator();
    operator.product("kasa").await;
    let many = (0..64).map(|_| {
        let operator = operator.clone();
        tokio::spawn(async move { operator.ok(proto::GetProductRequest { product: "kasa".into() }).await })
    });
    for one in many.collect::<Vec<_>>() {
        one.await.unwrap();
    }
    postgres::hang_up(&server.url).await;
    let _ = operator.call(proto::GetProductRequest { product: "kasa".into() }).await;
    operator.ok(proto::GetProductRequest { product: "kasa".into() }).await;
}

/// A caller that gives up must not abort the attempt to connect, or callers with short deadlines would starve
/// the pool.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_is_opened_though_its_caller_gave_up() {
    let line = Line::to(&postgres::database().await).await;
    let settings =
        Settings { url: line.url().to_owned(), connections: 1, timeouts: PATIENT, pooler: Pooler::None };
    let store = Store::open(&settings).await.unwrap();
    store.migrate().await.unwrap();
    let read = async || realms::page(&mut store.across("test"), "", 1).await;
    // A migration does not give its connection back.
    assert_eq!(read().await.unwrap(), []);
    line.mend().await;
    assert!(read().await.is_err(), "the only line was broken");
    let before = line.opened();
    let hurried = tokio::time::timeout(Duration::ZERO, read()).await;
    assert!(hurried.is_err(), "a line has to be opened first");
    assert_eq!(read().await.unwrap(), []);
    assert_eq!(line.opened(), before + 1);
}

on_both! {
    async fn a_handler_that_panics_ends_its_own_call_and_no_other(server) {
        let kasa = Kasa::open(&server).await;
        let person = kasa.admin.person("ann").await;
        let evaluate = proto::EvaluateRequest { product: "kasa".into(), account: person.id.clone() };
        let explain = proto::ExplainRequest {
            product: "kasa".into(),
            account: person.id.clone(),
            ..Default::default()
        };
        // The first reading of the clock is for the caller's credential, the second one the handler's. Both
        // calls are tried: a decision from the cache, and one that is explained.
        kasa.frontend.ok(evaluate.clone()).await;
        for looks in [1, 2] {
            server.clock.trip(looks);
            let failed = kasa.frontend.refused(evaluate.clone()).await;
            assert_eq!((failed.name(), failed.incident.is_some()), ("INTERNAL", true));
            kasa.frontend.ok(evaluate.clone()).await;
            server.clock.trip(looks);
            let failed = kasa.admin.refused(explain.clone()).await;
            assert_eq!((failed.name(), failed.incident.is_some()), ("INTERNAL", true));
            kasa.admin.ok(explain.clone()).await;
        }
    }

    /// The deadline ends the wait, not the command. A retry with the same request id gets its outcome.
    async fn a_caller_in_a_hurry_may_ask_again(server) {
        let frontend = server.actor("frontend", Role::Frontend).await.quiet();
        let ((taken, begun), (release, end)) = (oneshot::channel(), oneshot::channel::<()>());
        let (store, realm) = (server.store.clone(), raw::realm(&server).await);
        // Holds SQLite's only writer, and on PostgreSQL the key of the external id that the new account
        // needs.
        let holder = tokio::spawn(async move {
            store.tx("hold", realm, async |tx| -> Result<(), StoreError> {
                let account = tidegate_core::Account {
                    id: tidegate_core::Id::from_uuid_bytes([7; 16]),
                    external_id: Some("ann".parse().unwrap()),
                    contact: None,
                    country: None,
                    customer: None,
                    labels: tidegate_core::Labels::default(),
                    state: tidegate_core::AccountState::Active,
                    two_step_since: None,
                    personal_key: tidegate_core::Sealed::default(),
                    epoch: 0,
                    changes_locked_at: None,
                    deleted_at: None,
                    check_up_asked_at: None,
                    created_at: crate::clock::MORNING,
                };
                tidegate_store::accounts::insert(tx, &account, None).await?;
                taken.send(()).unwrap();
                end.await.unwrap();
                tx.abandon();
                Ok(())
            }).await
        });
        begun.await.unwrap();
        // The caller's own timer and the server's end the call at about the same time; the first one names the code.
        let late = frontend.within(HASTY).refused(create("ann")).await;
        assert!(matches!(late.code, Code::DeadlineExceeded | Code::Cancelled), "{late}");
        // For a caller that sets no deadline, the server's `max_deadline` counts.
        let (channel, _open) = server.behind(tidegate_grpc::Settings { max_deadline: HASTY, ..SERVED }).await;
        let late = frontend.at(channel).refused(create("ann")).await;
        assert_eq!(late.code, Code::DeadlineExceeded);
        release.send(()).unwrap();
        holder.await.unwrap().unwrap();
        let account = frontend.ok(create("ann")).await.account.unwrap();
        assert_eq!(frontend.ok(proto::GetAccountRequest { account: "ann".into() }).await.account.unwrap(), account);
    }
}
