//! A large table is swept in small batches, between which others write, and by one replica at a time.

use std::time::Duration;

use tidegate_core::{Clock as _, HolderId, Id, RealmId, Span};
use tidegate_proto as proto;
use tidegate_service::installation::{MAX_BATCH, Retention, Sweeper};
use tidegate_store::{Tx, leases, leases::LeaseClaim, retention};

use crate::{arrange::Person, owner::Device, raw, setting::Kasa, test_server::TestServer};

const ROWS: i64 = 20_000;
const SIGN_INS: &str = "SELECT count(*) FROM sign_ins";

/// Copies of a sign-in, which are as old.
async fn copied(server: &TestServer) -> RealmId {
    let kasa = Kasa::open(server).await;
    let person: Person = kasa.admin.person("ann").await;
    kasa.frontend.begin(&person, "kasa", &Device::new("phone")).await;
    server.fold().await;
    let columns = "realm_id, account_id, product_key, state, requirement, proofs, created_at, expires_at";
    let copy = if server.is_sqlite() {
        format!(
            "WITH RECURSIVE n (n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM n WHERE n < {ROWS}) \
            INSERT INTO sign_ins (sign_in_id, token_digest, {columns}) \
            SELECT unhex(substr(hex(sign_in_id), 1, 16) || printf('%016X', n)), randomblob(32), {columns} FROM sign_ins, n"
        )
    } else {
        format!(
            "INSERT INTO sign_ins (sign_in_id, token_digest, {columns}) \
            SELECT CAST(substr(replace(CAST(sign_in_id AS TEXT), '-', ''), 1, 16) || lpad(to_hex(n), 16, '0') AS UUID), \
            sha256(CAST(CAST(n AS TEXT) AS BYTEA)), {columns} FROM sign_ins, generate_series(2, {ROWS}) n"
        )
    };
    raw::change(server, &copy).await;
    assert_eq!(raw::count(server, SIGN_INS).await, ROWS);
    server.clock.advance(Span::days(8));
    raw::realm(server).await
}

on_both! {
    async fn others_write_between_the_batches(server) {
        let realm = copied(&server).await;
        let sweeper = server.sweeper.clone();
        let sweep = tokio::spawn(async move { sweeper.sweep(Duration::from_hours(1)).await });
        let mut left = vec![ROWS];
        while !sweep.is_finished() {
            let now = server.clock.now();
            let claim = LeaseClaim { name: "test", holder: HolderId::MIN, until: now };
            server.store.tx("test", realm, async |tx| leases::claim(tx, claim, now).await).await.unwrap();
            left.push(raw::count(&server, SIGN_INS).await);
        }
        sweep.await.unwrap().unwrap();
        assert_eq!(raw::count(&server, SIGN_INS).await, 0);
        let between = left.iter().filter(|left| (1..ROWS).contains(*left)).count();
        assert!(between > 3, "writes waited for the whole sweep: {left:?}");
    }

    async fn no_batch_is_larger_than_it_may_be(server) {
        let realm = copied(&server).await;
        let over_since = server.clock.now().minus(Span::days(7));
        let view = &mut server.store.view("test", realm);
        let all = (uuid::Uuid::nil(), uuid::Uuid::max());
        let walk = retention::SweepWalk::SignIns;
        let stretch = retention::next(view, walk, all, over_since, MAX_BATCH).await.unwrap().unwrap();
        let delete = server.store.tx("test", realm, async |tx| retention::delete(tx, walk, stretch, over_since).await);
        assert_eq!(delete.await.unwrap(), u64::try_from(MAX_BATCH).unwrap());
        assert_eq!(raw::count(&server, SIGN_INS).await, ROWS - MAX_BATCH);
    }

    async fn no_batch_from_the_front_is_larger_than_it_may_be(server) {
        let kasa = Kasa::open(&server).await;
        let person = kasa.admin.person("ann").await;
        for n in 1_u128..=3 {
            let device = Device::new("phone");
            let request_id = uuid::Uuid::from_u128(n).to_string();
            let begin = kasa.frontend.begin_request(&person, "kasa", &device);
            kasa.frontend.ok(proto::BeginSignInRequest { request_id, ..begin }).await;
            kasa.frontend.sign_in(&person, "kasa", &device).await;
        }
        let (realm, over_since) = (raw::realm(&server).await, server.clock.now().plus(Span::days(400)));
        for (queue, rows) in [
            (retention::SweepQueue::Sessions, "sessions"),
            (retention::SweepQueue::RequestSecrets, "requests WHERE secrets IS NOT NULL"),
        ] {
            let left = format!("SELECT count(*) FROM {rows}");
            assert_eq!(raw::count(&server, &left).await, 3, "{rows}");
            let delete = async |tx: &mut Tx| retention::delete_front(tx, queue, over_since, 2).await;
            assert_eq!(server.store.tx("test", realm, delete).await.unwrap(), 2, "{rows}");
            assert_eq!(raw::count(&server, &left).await, 1, "{rows}");
        }
    }

    async fn a_pass_ends_with_its_budget_and_the_next_one_goes_on(server) {
        copied(&server).await;
        server.sweeper.sweep(Duration::ZERO).await.unwrap();
        assert_eq!(raw::count(&server, SIGN_INS).await, ROWS, "there was no time");
        let mut passes = 0;
        while raw::count(&server, SIGN_INS).await > 0 {
            server.sweeper.sweep(Duration::from_millis(20)).await.unwrap();
            passes += 1;
        }
        assert!(passes > 1);
    }

    async fn another_replica_that_sweeps_is_not_disturbed(server) {
        let realm = copied(&server).await;
        let now = server.clock.now();
        let other = Sweeper::new(server.store.clone(), server.clock.clone(), &*server.entropy, Retention::default());
        let claim = LeaseClaim { name: "sweep", holder: Id::MAX, until: now.plus(Span::seconds(5)) };
        server.store.tx("test", realm, async |tx| leases::claim(tx, claim, now).await).await.unwrap();
        other.sweep(Duration::from_hours(1)).await.unwrap();
        assert_eq!(raw::count(&server, SIGN_INS).await, ROWS);
        server.clock.advance(Span::seconds(5));
        other.sweep(Duration::from_hours(1)).await.unwrap();
        assert_eq!(raw::count(&server, SIGN_INS).await, 0, "its lease has ended");
    }
}
