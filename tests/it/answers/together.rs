//! Group commit: answers that arrive at once each get their own result, and none affects another.
//!
//! The first write runs by itself. Writes that arrive before it is done run together in a batch.

use std::{pin::Pin, time::Duration};

use tidegate_core::{Budget, ChallengeState, Event, Id, SignInState};
use tidegate_store::{
    Error, Timeouts, Tx,
    answers::{self, Charge},
};
use tidegate_tests::postgres;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::{
    APPROVED, CHARGED, NOTHING, Waiting, Way, Written, begin, cancelled, marked, moved, unused_charge,
};
use crate::{raw, serving::PATIENT, setting::Kasa, test_server::TestServer};

const ALONE: Way = Way::Alone;

async fn waiting<const N: usize>(kasa: &Kasa) -> [Waiting; N] {
    let mut all = Vec::new();
    for n in 0..N {
        all.push(Waiting::of(kasa, &format!("p-{n}")).await);
    }
    all.try_into().unwrap_or_else(|_| unreachable!())
}

/// Starts `work` while the leader waits for a lock. The leader then writes nothing: its challenge was
/// cancelled.
async fn behind<T>(lead: &Waiting, work: impl Future<Output = T>) -> T {
    let (mut first, mut work) = (Box::pin(lead.charge(ALONE)), Box::pin(work));
    let mut second = Box::pin(lead.approve(ALONE));
    let held = lead.server.store.tx("other", lead.realm, async |tx| {
        assert!(cancelled(tx, lead).await? && moved(tx, lead, ChallengeState::Cancelled).await?);
        begin(&mut first).await;
        begin(&mut second).await;
        begin(&mut work).await;
        Ok::<_, Error>(())
    });
    held.await.unwrap();
    let (taken, approved, done) = tokio::join!(first, second, work);
    assert_eq!((taken, approved), (None, false));
    done
}

on_both! {
    async fn each_of_many_is_charged_by_itself(server) {
        let kasa = Kasa::open(&server).await;
        let [lead, closed, stale, tried, fresh] = waiting(&kasa).await;
        tried.charge(ALONE).await;
        raw::change(&server, "UPDATE attempts SET revision = revision - 1 WHERE in_row = 1").await;
        let close = async |tx: &mut Tx| moved(tx, &closed, ChallengeState::Cancelled).await;
        server.store.tx("test", closed.realm, close).await.unwrap();
        let guess = Charge { next: Budget { revision: 9, ..stale.next() }, ..stale.guess() };

        let all = Box::pin(async {
            let (one, two) = (closed.charge(ALONE), stale.take(ALONE, guess));
            tokio::join!(one, two, tried.charge(ALONE), fresh.charge(ALONE))
        });
        let (one, two, three, four) = behind(&lead, all).await;
        assert_eq!((one, two.unwrap(), three, four), (None, None, Some(2), Some(1)));
        assert_eq!(closed.written().await, Written { challenge: ChallengeState::Cancelled, ..NOTHING });
        assert_eq!(stale.written().await, NOTHING);
        assert_eq!(tried.written().await, Written { tries: 2, ..CHARGED });
        assert_eq!(fresh.written().await, CHARGED);
    }

    async fn each_of_many_is_approved_by_itself(server) {
        let kasa = Kasa::open(&server).await;
        let all: [Waiting; 5] = waiting(&kasa).await;
        for one in &all {
            one.charge(ALONE).await;
        }
        let [lead, gone, used, ann, bob] = all;
        let cancel = async |tx: &mut Tx| cancelled(tx, &gone).await;
        server.store.tx("test", gone.realm, cancel).await.unwrap();
        let step = async |tx: &mut Tx| marked(tx, &used).await;
        server.store.tx("test", used.realm, step).await.unwrap();

        let all = Box::pin(async {
            let (one, two) = (gone.approve(ALONE), used.approve(ALONE));
            tokio::join!(one, two, ann.approve(ALONE), bob.approve(ALONE))
        });
        assert_eq!(behind(&lead, all).await, (false, false, true, true));
        assert_eq!(gone.written().await, Written { sign_in: SignInState::Cancelled, ..CHARGED });
        assert_eq!(used.written().await, Written { marks: 1, ..CHARGED });
        assert_eq!((ann.written().await, bob.written().await), (APPROVED, APPROVED));
    }

    async fn inv_01_what_comes_twice_at_once_is_approved_once(server) {
        let kasa = Kasa::open(&server).await;
        let [a, b] = waiting(&kasa).await;
        b.charge(ALONE).await;
        let ((approval, event), id) = (b.right(), Id::from_uuid(Uuid::from_u128(7)));
        let another = (approval, Event { id, ..event });
        let both = async { tokio::join!(b.approve(ALONE), b.settle(ALONE, another)) };
        let (once, again) = behind(&a, both).await;
        assert_eq!((once, again.unwrap()), (true, false));
        assert_eq!(b.written().await, APPROVED);
    }

    async fn inv_08_what_comes_twice_at_once_is_charged_once(server) {
        let kasa = Kasa::open(&server).await;
        let [a, b] = waiting(&kasa).await;
        let both = async { tokio::join!(b.charge(ALONE), b.charge(ALONE)) };
        assert_eq!(behind(&a, both).await, (Some(1), None));
        assert_eq!(b.written().await, CHARGED);
    }

    async fn more_writes_than_a_batch_holds_run_in_several_batches(server) {
        let kasa = Kasa::open(&server).await;
        let [a] = waiting(&kasa).await;
        let mut calls = JoinSet::new();
        for n in 0..100 {
            let (store, guess) = (server.store.clone(), unused_charge(a.guess(), n));
            let realm = a.realm;
            calls.spawn(async move {
                store.autocommit("test", realm, async |executor| answers::charge(executor, guess).await).await
            });
        }
        assert_eq!(a.charge(ALONE).await, Some(1));
        for unused_charge in calls.join_all().await {
            assert_eq!(unused_charge.unwrap(), None);
        }
        assert_eq!(a.written().await, CHARGED);
    }

    async fn inv_32_a_batch_holds_writes_of_one_realm(server) {
        let kasa = Kasa::open(&server).await;
        let [a, b, c] = waiting(&kasa).await;
        let elsewhere = Waiting { realm: Id::from_uuid(Uuid::from_u128(7)), ..b.clone() };
        let both = async { tokio::join!(elsewhere.charge(ALONE), c.charge(ALONE)) };
        assert_eq!(behind(&a, both).await, (None, Some(1)));
        assert_eq!(b.written().await, NOTHING);
        assert_eq!(c.written().await, CHARGED);
    }

    async fn a_failure_is_of_the_one_that_caused_it(server) {
        let kasa = Kasa::open(&server).await;
        let all: [Waiting; 4] = waiting(&kasa).await;
        for one in &all {
            one.charge(ALONE).await;
        }
        let [a, b, c, d] = all;
        assert!(b.approve(ALONE).await);
        // This event was inserted before, so the statement fails.
        let ((approval, _), (_, event)) = (c.right(), b.right());
        let both = async { tokio::join!(c.settle(ALONE, (approval, event)), d.approve(ALONE)) };
        let (failed, approved) = behind(&a, both).await;
        assert!(approved);
        assert!(matches!(failed, Err(Error::Statement { .. })), "{failed:?}");
        assert_eq!(c.written().await, CHARGED);
        assert_eq!(d.written().await, APPROVED);
    }

    async fn inv_53_a_caller_that_hangs_up_while_waiting_has_written_nothing(server) {
        let kasa = Kasa::open(&server).await;
        let [a, b, c] = waiting(&kasa).await;
        let both = async {
            let (mut gone, stays) = (Box::pin(b.charge(ALONE)), c.charge(ALONE));
            begin(&mut gone).await;
            drop(gone);
            stays.await
        };
        assert_eq!(behind(&a, both).await, Some(1));
        assert_eq!(b.written().await, NOTHING);
    }

    async fn inv_53_a_leader_that_hangs_up_delays_no_other_write(server) {
        let kasa = Kasa::open(&server).await;
        let [a, b] = waiting(&kasa).await;
        let mut second = Box::pin(b.charge(ALONE));
        let held = server.store.tx("other", a.realm, async |tx| {
            assert!(moved(tx, &a, ChallengeState::Cancelled).await?);
            let mut lead = Box::pin(a.charge(ALONE));
            begin(&mut lead).await;
            begin(&mut second).await;
            Ok::<_, Error>(())
        });
        held.await.unwrap();
        assert_eq!(second.await, Some(1));
        assert_eq!(a.written().await, Written { challenge: ChallengeState::Cancelled, ..NOTHING });
    }
}

/// A future that owns what it needs, for a task of its own.
fn charge_by_itself(waiting: &Waiting) -> Pin<Box<impl Future<Output = Option<i64>> + use<>>> {
    let waiting = waiting.clone();
    Box::pin(async move { waiting.charge(ALONE).await })
}

/// Other writes wait for a leader only until its timeout, and then go on without it. (On SQLite every write
/// waits for the one writer.)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lock_delays_only_the_writes_that_need_it() {
    let timeouts = Timeouts { leader: Duration::from_millis(50), ..PATIENT };
    let kasa = Kasa::open(&TestServer::at(postgres::database().await, timeouts).await).await;
    let all: [Waiting; 4] = waiting(&kasa).await;
    let [a, b, c, d] = &all;
    let mut locked = None;
    let other = kasa.server.store.tx("other", a.realm, async |tx| {
        assert!(moved(tx, a, ChallengeState::Cancelled).await?);
        // One write waits as the leader, and another one for the same row is queued for a batch.
        let (mut alone, mut second, mut grouped) =
            (charge_by_itself(a), charge_by_itself(b), charge_by_itself(a));
        begin(&mut alone).await;
        begin(&mut second).await;
        begin(&mut grouped).await;
        let (alone, grouped) = (tokio::spawn(alone), tokio::spawn(grouped));
        assert_eq!(tokio::join!(second, c.charge(ALONE)), (Some(1), Some(1)));
        assert_eq!(d.charge(ALONE).await, Some(1));
        assert!(!alone.is_finished() && !grouped.is_finished());
        locked = Some((alone, grouped));
        Ok::<_, Error>(())
    });
    other.await.unwrap();
    let (alone, grouped) = locked.unwrap();
    assert_eq!((alone.await.unwrap(), grouped.await.unwrap()), (None, None));
    assert_eq!(a.written().await, Written { challenge: ChallengeState::Cancelled, ..NOTHING });
}
