//! Every wait of a server has a timeout. Here the timeout is short, and what is waited for cannot happen,
//! because the test holds it. The call then fails, and its caller is told to retry.

use std::time::Duration;

use sqlx::{Connection as _, Executor as _, PgConnection, SqliteConnection};
use tidegate_core::{Id, RealmId, Role};
use tidegate_proto::{self as proto, ErrorReason};
use tidegate_service::App;
use tidegate_store::{Error, Pooler, Settings, Store, Timeouts, accounts, realms};
use tokio::task::JoinSet;
use tonic::Code;

use crate::{
    arrange::PASSWORD,
    owner::{Device, by_password},
    raw,
    serving::PATIENT,
    setting::Kasa,
    test_server::TestServer,
};

const SHORT: Duration = Duration::from_millis(1);
const REALM: RealmId = Id::from_uuid_bytes([1; 16]);

async fn store(url: &str, timeouts: Timeouts) -> Store {
    let settings = Settings { url: url.to_owned(), connections: 1, timeouts, pooler: Pooler::None };
    Store::open(&settings).await.unwrap()
}

fn create() -> proto::CreateAccountRequest {
    proto::CreateAccountRequest { external_id: "ann".to_owned(), ..Default::default() }
}

#[tokio::test]
async fn a_read_waits_for_a_connection_no_longer_than_it_is_told() {
    let server = TestServer::postgres().await;
    let store = store(&server.url, Timeouts { acquire: SHORT, ..PATIENT }).await;
    let read = async || realms::page(&mut store.across("read"), "", 1).await;
    let held = store.tx("held", REALM, async |_| Ok::<_, Error>(read().await));
    let refused = held.await.unwrap();
    assert!(matches!(refused, Err(Error::Unavailable(sqlx::Error::PoolTimedOut))), "{refused:?}");
    assert_eq!(read().await.unwrap().len(), 1, "it has been given back");
}

#[tokio::test]
async fn a_write_waits_for_a_lock_no_longer_than_it_is_told() {
    let server = TestServer::postgres().await;
    let operator = server.operator();
    let mut holding = PgConnection::connect(&server.url).await.unwrap();
    holding.execute("BEGIN; LOCK TABLE accounts IN SHARE ROW EXCLUSIVE MODE").await.unwrap();
    for timeouts in [Timeouts { lock: SHORT, ..PATIENT }, Timeouts { statement: SHORT, ..PATIENT }] {
        let hasty = server.hasty_replica(timeouts).await;
        let refused = operator.at(hasty.channel.clone()).refused(create()).await;
        assert_eq!((refused.code, refused.reason), (Code::Unavailable, Some(ErrorReason::Unavailable)));
        assert!(refused.retry_after.is_some(), "{refused:?}");
    }
    holding.execute("ROLLBACK").await.unwrap();
    operator.ok(create()).await;
}

#[tokio::test]
async fn a_write_waits_for_another_writer_of_the_file_no_longer_than_it_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("tidegate.db").display());
    let store = store(&url, Timeouts { lock: SHORT, ..PATIENT }).await;
    store.migrate().await.unwrap();
    let mut holding = SqliteConnection::connect(&url).await.unwrap();
    holding.execute("BEGIN IMMEDIATE").await.unwrap();
    let write = async || store.tx("write", REALM, async |_| Ok::<_, Error>(())).await;
    let refused = write().await;
    assert!(matches!(refused, Err(Error::Unavailable(_))), "{refused:?}");
    holding.execute("ROLLBACK").await.unwrap();
    write().await.unwrap();
}

#[tokio::test]
async fn a_transaction_that_does_nothing_is_ended_by_the_server() {
    let server = TestServer::postgres().await;
    let store = store(&server.url, Timeouts { idle_in_transaction: SHORT, ..PATIENT }).await;
    let ended = store.tx("idle", REALM, async |tx| {
        while raw::idle_in_transaction(&server).await > 0 {
            tokio::task::yield_now().await;
        }
        accounts::lock(tx, Id::from_uuid_bytes([2; 16])).await
    });
    let ended = ended.await;
    assert!(matches!(ended, Err(Error::Unavailable(_))), "{ended:?}");
}

/// Commands that wait for a lock hold three quarters of the places at most.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_that_wait_leave_places_to_sign_ins() {
    const CALLS: usize = 8;
    let server = TestServer::postgres().await;
    let kasa = Kasa::open(&server).await;
    let person = kasa.admin.person("ann").await;
    let mut parts = server.parts(&server.store);
    (parts.settings.commands, parts.settings.queue_timeout) = (4, SHORT);
    let few = server.served(server.store.clone(), App::new(parts)).await;
    let mut holding = PgConnection::connect(&server.url).await.unwrap();
    holding.execute("BEGIN; LOCK TABLE customers IN SHARE ROW EXCLUSIVE MODE").await.unwrap();
    let mut calls = JoinSet::new();
    for number in 0..CALLS {
        let admin = kasa.admin.at(few.channel.clone());
        let (key, title) = (format!("customer-{number}"), "Acme".to_owned());
        calls.spawn(async move {
            admin.call(proto::CreateCustomerRequest { key, title, ..Default::default() }).await
        });
    }
    // Those that found no place are told so, and the others wait.
    let mut busy = 0;
    while busy < CALLS - 4 {
        let refused = calls.join_next().await.unwrap().unwrap().unwrap_err();
        assert_eq!(refused.name(), "BUSY", "{refused:?}");
        busy += 1;
    }
    kasa.frontend.at(few.channel.clone()).sign_in(&person, "kasa", &Device::new("phone")).await;
    holding.execute("ROLLBACK").await.unwrap();
    let done = calls.join_all().await;
    assert_eq!(done.iter().filter(|done| done.is_ok()).count(), 3, "{done:?}");
}

on_both! {
    async fn a_command_waits_for_its_turn_no_longer_than_it_is_told(server) {
        let mut parts = server.parts(&server.store);
        // No command ever gets a permit.
        (parts.settings.commands, parts.settings.queue_timeout) = (0, SHORT);
        let busy = server.served(server.store.clone(), App::new(parts)).await;
        let refused = server.operator().at(busy.channel.clone()).refused(create()).await;
        assert_eq!((refused.name(), refused.retry_after.is_some()), ("BUSY", true), "{refused:?}");
        server.operator().ok(create()).await;
    }

    /// The password is not checked, and no attempt is charged.
    async fn a_password_waits_for_its_hash_no_longer_than_it_is_told(server) {
        let operator = server.operator();
        operator.product("kasa").await;
        let ann = operator.person("ann").await;
        let app = server.actor("app", Role::Frontend).await;
        let mut parts = server.parts(&server.store);
        parts.passwords = parts.passwords.with_queue_timeout(SHORT);
        let mut places = Vec::new();
        while let Ok(place) = parts.passwords.enter().unwrap().permit().await {
            places.push(place);
        }
        let busy = server.served(server.store.clone(), App::new(parts)).await;
        let app = app.at(busy.channel.clone());
        let begin = || proto::BeginSignInRequest {
            product: "kasa".to_owned(),
            identifier: ann.email.clone(),
            first_factor: by_password(PASSWORD),
            ..Default::default()
        };
        let attempts = raw::count(&server, "SELECT count(*) FROM attempts").await;
        let refused = app.refused(begin()).await;
        assert_eq!((refused.name(), refused.retry_after.is_some()), ("TOO_MANY_PASSWORDS", true), "{refused:?}");
        assert_eq!(raw::count(&server, "SELECT count(*) FROM attempts").await, attempts);
        drop(places);
        assert!(!app.ok(begin()).await.sign_in_token.is_empty());
    }
}
