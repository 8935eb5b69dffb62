//! Answers that come at once: each gets its own answer, and nobody has to do with anybody else.
//!
//! Whoever begins first goes alone, and those who begin before that is done go together.

use std::pin::{Pin, pin};

use tidegate_core::{ChallengeState, Id, SignInState};
use tidegate_store::Error;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::{
    APPROVED, CHARGED, NOTHING, PATIENCE, Waiting, Way, Written, begin, cancelled, moved, nobodys, stepped,
};
use crate::{raw, setting::Kasa, stage::Stage};

const ALONE: Way = Way::Alone;

async fn waiting<const N: usize>(kasa: &Kasa) -> [Waiting; N] {
    let mut all = Vec::new();
    for n in 0..N {
        all.push(Waiting::of(kasa, &format!("p-{n}")).await);
    }
    all.try_into().unwrap_or_else(|_| unreachable!())
}

on_both! {
    async fn each_of_many_is_charged_by_itself(stage) {
        let kasa = Kasa::open(&stage).await;
        let [a, b, c, d, e] = waiting(&kasa).await;
        d.charge(ALONE).await;
        raw::change(&stage, "UPDATE attempts SET revision = revision - 1 WHERE in_row = 1").await;
        let store = &stage.store;
        store.tx("test", b.realm, async |tx| moved(tx, &b, ChallengeState::Cancelled).await).await.unwrap();
        let stale = tidegate_store::answers::Charge { next: tidegate_core::Budget { revision: 9, ..c.next() }, ..c.guess() };

        let taken = tokio::join!(a.charge(ALONE), b.charge(ALONE), c.take(ALONE, stale), d.charge(ALONE), e.charge(ALONE));
        let (first, closed, stale, second, last) = taken;
        assert_eq!((first, closed, stale.unwrap(), second, last), (Some(1), None, None, Some(2), Some(1)));
        assert_eq!(a.written().await, CHARGED);
        assert_eq!(b.written().await, Written { challenge: ChallengeState::Cancelled, ..NOTHING });
        assert_eq!(c.written().await, NOTHING);
        assert_eq!(d.written().await, Written { tries: 2, ..CHARGED });
        assert_eq!(e.written().await, CHARGED);
    }

    async fn each_of_many_is_approved_by_itself(stage) {
        let kasa = Kasa::open(&stage).await;
        let all: [Waiting; 5] = waiting(&kasa).await;
        for one in &all {
            one.charge(ALONE).await;
        }
        let [a, b, c, d, e] = all;
        let store = &stage.store;
        store.tx("test", b.realm, async |tx| cancelled(tx, &b).await).await.unwrap();
        store.tx("test", c.realm, async |tx| stepped(tx, &c).await).await.unwrap();

        let approved = tokio::join!(a.approve(ALONE), b.approve(ALONE), c.approve(ALONE), d.approve(ALONE), e.approve(ALONE));
        assert_eq!(approved, (true, false, false, true, true));
        assert_eq!(b.written().await, Written { sign_in: SignInState::Cancelled, ..CHARGED });
        assert_eq!(c.written().await, Written { steps: 1, ..CHARGED });
        for one in [a, d, e] {
            assert_eq!(one.written().await, APPROVED);
        }
    }

    async fn inv_01_what_comes_twice_at_once_is_approved_once(stage) {
        let kasa = Kasa::open(&stage).await;
        let [a, b] = waiting(&kasa).await;
        a.charge(ALONE).await;
        b.charge(ALONE).await;
        let (first, once, again) = tokio::join!(a.approve(ALONE), b.approve(ALONE), b.approve(ALONE));
        assert!(first);
        assert_eq!((once, again), (true, false));
        assert_eq!(b.written().await, APPROVED);
    }

    async fn inv_08_what_comes_twice_at_once_is_charged_once(stage) {
        let kasa = Kasa::open(&stage).await;
        let [a, b] = waiting(&kasa).await;
        let (first, once, again) = tokio::join!(a.charge(ALONE), b.charge(ALONE), b.charge(ALONE));
        assert_eq!((first, once, again), (Some(1), Some(1), None));
        assert_eq!(b.written().await, CHARGED);
    }

    async fn more_than_go_together_go_one_group_after_the_other(stage) {
        let kasa = Kasa::open(&stage).await;
        let [a] = waiting(&kasa).await;
        let mut calls = JoinSet::new();
        for n in 0..100 {
            let (store, guess) = (stage.store.clone(), nobodys(a.guess(), n));
            let realm = a.realm;
            calls.spawn(async move {
                store.alone("test", realm, async |leave| tidegate_store::answers::charge(leave, guess).await).await
            });
        }
        assert_eq!(a.charge(ALONE).await, Some(1));
        for nobodys in calls.join_all().await {
            assert_eq!(nobodys.unwrap(), None);
        }
        assert_eq!(a.written().await, CHARGED);
    }

    async fn inv_32_realms_do_not_go_together(stage) {
        let kasa = Kasa::open(&stage).await;
        let [a, b, c] = waiting(&kasa).await;
        let elsewhere = Waiting { realm: Id::from_uuid(Uuid::from_u128(7)), ..b.clone() };
        let (first, none, last) = tokio::join!(a.charge(ALONE), elsewhere.charge(ALONE), c.charge(ALONE));
        assert_eq!((first, none, last), (Some(1), None, Some(1)));
        assert_eq!(b.written().await, NOTHING);
        assert_eq!(c.written().await, CHARGED);
    }

    async fn a_failure_is_of_the_one_that_caused_it(stage) {
        let kasa = Kasa::open(&stage).await;
        let all: [Waiting; 4] = waiting(&kasa).await;
        for one in &all {
            one.charge(ALONE).await;
        }
        let [a, b, c, d] = all;
        assert!(a.approve(ALONE).await);
        // An event that is there already.
        let ((approval, _), (_, event)) = (c.right(), a.right());
        let approved = tokio::join!(b.approve(ALONE), c.settle(ALONE, (approval, event)), d.approve(ALONE));
        let (first, failed, last) = approved;
        assert!(first && last);
        assert!(matches!(failed, Err(Error::Statement { .. })), "{failed:?}");
        assert_eq!(c.written().await, CHARGED);
        assert_eq!(d.written().await, APPROVED);
    }

    async fn inv_53_who_hangs_up_while_waiting_has_done_nothing(stage) {
        let kasa = Kasa::open(&stage).await;
        let [a, b, c] = waiting(&kasa).await;
        let mut first = Box::pin(a.charge(ALONE));
        begin(&mut first).await;
        let mut second = Box::pin(b.charge(ALONE));
        begin(&mut second).await;
        let mut third = Box::pin(c.charge(ALONE));
        begin(&mut third).await;
        drop(second);
        assert_eq!(tokio::join!(first, third), (Some(1), Some(1)));
        assert_eq!(b.written().await, NOTHING);

        let mut first = Box::pin(a.charge(ALONE));
        begin(&mut first).await;
        let mut second = Box::pin(b.charge(ALONE));
        begin(&mut second).await;
        drop(first);
        assert_eq!(second.await, Some(1), "the turn goes on");
    }
}

/// For a task of its own.
fn charge_by_itself(waiting: &Waiting) -> Pin<Box<impl Future<Output = Option<i64>> + use<>>> {
    let waiting = waiting.clone();
    Box::pin(async move { waiting.charge(ALONE).await })
}

/// On SQLite everybody waits for the one writer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebodys_lock_holds_nobody_else_up() {
    let kasa = Kasa::open(&Stage::postgres().await).await;
    let all: [Waiting; 4] = waiting(&kasa).await;
    let [a, b, c, d] = &all;
    let mut locked = None;
    let other = kasa.stage.store.tx("other", a.realm, async |tx| {
        assert!(moved(tx, a, ChallengeState::Cancelled).await?);
        // One that goes alone and waits, and another that waits in a group.
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
    tokio::time::timeout(PATIENCE, pin!(other)).await.unwrap().unwrap();
    let (alone, grouped) = locked.unwrap();
    assert_eq!((alone.await.unwrap(), grouped.await.unwrap()), (None, None));
    assert_eq!(a.written().await, Written { challenge: ChallengeState::Cancelled, ..NOTHING });
}
