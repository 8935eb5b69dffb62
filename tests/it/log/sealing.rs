//! The sealer gives every event one sequence number, without gaps, with several writers and several sealers.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use tidegate_core::{Actor, Event, Fact, Id, Span};
use tidegate_proto as proto;
use tidegate_service::audit::Sealer;
use tidegate_store::{Error, events};
use tokio::sync::oneshot;

use super::{account, count, verify};
use crate::{raw, test_server::TestServer};

const WRITERS: usize = 8;
const EACH: usize = 12;

/// Seals until it is told to stop, and then once more. The clock advances, so that the lease passes between
/// the sealers.
async fn go_on(sealer: &Sealer, server: &TestServer, stop: &AtomicBool) {
    loop {
        let last = stop.load(Ordering::SeqCst);
        sealer.seal().await.unwrap();
        server.clock.advance(Span::seconds(3));
        if last {
            return;
        }
        tokio::task::yield_now().await;
    }
}

on_both! {
    async fn inv_49_two_sealers_give_every_event_of_two_replicas_one_place(server) {
        let replica = server.replica().await;
        let (operator, stop) = (server.operator(), Arc::new(AtomicBool::new(false)));
        let writers = (0..WRITERS).map(|writer| {
            let actor = if writer % 2 == 0 { operator.clone() } else { operator.at(replica.channel.clone()) };
            tokio::spawn(async move {
                for number in 0..EACH {
                    account(&actor, &format!("u-{writer}-{number}")).await;
                }
            })
        });
        let writers: Vec<_> = writers.collect();
        let writing = async {
            for writer in writers {
                writer.await.unwrap();
            }
            stop.store(true, Ordering::SeqCst);
        };
        tokio::join!(writing, go_on(&server.sealer, &server, &stop), go_on(&replica.sealer, &server, &stop));
        // The lease has ended, whichever sealer held it.
        server.clock.advance(Span::seconds(10));
        server.seal().await;

        let n = count(&server).await;
        assert!(n > u64::try_from(WRITERS * EACH).unwrap());
        let told = async |what: &str| u64::try_from(raw::count(&server, &format!("SELECT {what} FROM events")).await).unwrap();
        assert_eq!(told("count(DISTINCT sequence)").await, n, "each has one");
        assert_eq!((told("min(sequence)").await, told("max(sequence)").await), (1, n), "without gaps");
        let chained = raw::count(&server, "SELECT sum(last_sequence - first_sequence + 1) FROM chain").await;
        assert_eq!(u64::try_from(chained).unwrap(), n);
        let verified = verify(&operator).await;
        assert_eq!((verified.valid, verified.verified_count, verified.head.unwrap().sequence), (true, n, n));
    }

    async fn a_sealer_that_is_stuck_is_replaced_when_its_lease_ends(server) {
        let replica = server.replica().await;
        let operator = server.operator();
        replica.sealer.seal().await.unwrap();
        account(&operator, "ann").await;
        server.seal().await;
        let waiting = "SELECT count(*) FROM events WHERE sequence IS NULL";
        assert_eq!(raw::count(&server, waiting).await, 1, "the other one has the lease");
        server.clock.advance(Span::seconds(5));
        server.seal().await;
        assert_eq!(raw::count(&server, waiting).await, 0);
    }

    async fn what_fails_in_one_realm_does_not_keep_the_others(server) {
        server.realm("acme").await;
        server.seal().await;
        account(&server.operator(), "ann").await;
        account(&server.operator().in_realm("acme"), "ann").await;
        let first = "(SELECT first_realm_id FROM installation)";
        raw::change(&server, &format!("UPDATE events SET actor = 'nobody' WHERE sequence IS NULL AND realm_id = {first}")).await;
        assert!(server.sealer.seal().await.is_err());
        let waiting = "SELECT count(*) FROM events WHERE sequence IS NULL";
        assert_eq!(raw::count(&server, waiting).await, 1);
    }
}

/// An event whose transaction began first and commits last comes last in the record, and no reader misses it.
/// (SQLite has one writer, so there this cannot happen.)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn inv_49_what_commits_late_is_not_missed() {
    let server = TestServer::postgres().await;
    let (realm, operator) = (raw::realm(&server).await, server.operator());
    server.seal().await;
    let start = Some(proto::tail_events_request::Start::FromNow(true));
    let mut tail = operator.stream(proto::TailEventsRequest { start, ..Default::default() }).await.unwrap();
    tail.one().await;
    let (written, late) = (oneshot::channel(), oneshot::channel());
    let event = Event {
        id: Id::new(server.now(), &*server.entropy),
        at: server.now(),
        actor: Actor::Worker("test".to_owned()),
        product: None,
        account: None,
        fact: Fact::EmailVerified {},
        personal: None,
    };
    let store = server.store.clone();
    let slow = tokio::spawn(async move {
        let work = async |tx: &mut tidegate_store::Tx| {
            events::record(tx, event).await?;
            written.0.send(()).unwrap();
            late.1.await.unwrap();
            Ok::<_, Error>(())
        };
        store.tx("slow", realm, work).await.unwrap();
    });
    written.1.await.unwrap();
    account(&operator, "ann").await;
    server.seal().await;
    let first = tail.one().await.event.unwrap();
    late.0.send(()).unwrap();
    slow.await.unwrap();
    server.seal().await;
    let second = tail.one().await.event.unwrap();
    assert_eq!((first.kind.as_str(), second.kind.as_str()), ("account_created", "email_verified"));
    assert_eq!(first.sequence + 1, second.sequence);
    assert!(verify(&operator).await.valid);
}
