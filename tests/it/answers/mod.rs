//! What an answer writes is one atomic write: all of it or nothing, on both engines, by itself, within a
//! transaction or in a batch, and whatever another transaction does to the same rows meanwhile.

mod together;

use std::{pin::Pin, task::Poll};

use tidegate_core::{
    Actor, Answered, Budget, ChallengeState, Event, Fact, FactorId, Id, Mark, RealmId, SignInId, SignInState,
    Within,
};
use tidegate_factors::{
    budget::{self, Limits},
    tries,
};
use tidegate_keyring::TokenKind;
use tidegate_store::{
    Error, Executor, Tx,
    answers::{self, Approval, ChallengeRow, Charge},
    attempts::{self, Counter},
    challenges, factors, sign_ins,
};
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::{raw, setting::Kasa, test_server::TestServer};

/// A challenge that waits for its answer.
#[derive(Clone)]
struct Waiting {
    server: TestServer,
    realm: RealmId,
    sign_in: SignInId,
    asked: ChallengeRow,
}

/// What the writes have changed since the challenge was created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Written {
    tries: i64,
    charged: i64,
    /// On the factor's counter.
    successes: i64,
    sign_in: SignInState,
    challenge: ChallengeState,
    marks: i64,
    events: i64,
}

const NOTHING: Written = Written {
    tries: 0,
    charged: 0,
    successes: 0,
    sign_in: SignInState::PendingChallenge,
    challenge: ChallengeState::Open,
    marks: 0,
    events: 0,
};
const CHARGED: Written = Written { tries: 1, charged: 1, ..NOTHING };
const APPROVED: Written = Written {
    tries: 1,
    successes: 1,
    sign_in: SignInState::Ready,
    challenge: ChallengeState::Approved,
    marks: 1,
    events: 1,
    ..NOTHING
};

/// How a write runs.
#[derive(Debug, Clone, Copy)]
enum Way {
    Alone,
    Within,
    /// In a batch with writes of others.
    Together,
}
const WAYS: [Way; 3] = [Way::Alone, Way::Within, Way::Together];

impl Waiting {
    async fn of(kasa: &Kasa, name: &str) -> Self {
        let (begun, challenge) = kasa.asked(&kasa.owner(name).await, "tablet").await;
        let (server, token) = (kasa.server.clone(), TokenKind::SignIn.digest(&begun.token).unwrap());
        let realm = raw::realm(&server).await;
        let id = challenge.parse().unwrap();
        let asked =
            server.store.autocommit("test", realm, async |executor| answers::find(executor, token, id).await);
        let asked = asked.await.unwrap().unwrap();
        let Within::SignIn(sign_in) = asked.challenge.within else { panic!("of a session") };
        Self { server, realm, sign_in, asked }
    }

    fn counter(&self) -> Counter {
        Counter { id: self.factor().uuid(), tag: Vec::new() }
    }

    /// The factor's budget when the challenge was created. It counts a success already: the code that bound
    /// the factor.
    fn seen(&self) -> Budget {
        self.asked.kept.as_ref().unwrap().budget
    }

    /// The budget after one more guess.
    fn next(&self) -> Budget {
        match budget::charge(&Limits::SECOND_FACTOR, self.seen(), self.server.now()) {
            budget::Charge::Granted(next) => next,
            other => panic!("{other:?}"),
        }
    }

    async fn does<T>(
        &self,
        way: Way,
        write: impl AsyncFnOnce(Executor<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let store = &self.server.store;
        match way {
            // Boxed, because the futures are large and many of them are joined.
            Way::Alone | Way::Together => Box::pin(store.autocommit("test", self.realm, write)).await,
            Way::Within => {
                Box::pin(store.tx("test", self.realm, async |tx| write(tx.executor()).await)).await
            }
        }
    }

    fn guess(&self) -> Charge {
        let (counter, next, now) = (self.counter(), self.next(), self.server.now());
        Charge {
            challenge: self.asked.challenge.id,
            limit: self.asked.challenge.max_tries,
            counter,
            next,
            now,
        }
    }

    async fn take(&self, way: Way, guess: Charge) -> Result<Option<i64>, Error> {
        self.does(way, async |executor: Executor<'_>| answers::charge(executor, guess).await).await
    }

    async fn charge(&self, way: Way) -> Option<i64> {
        let (mine, unused_charge) =
            (self.take(way, self.guess()), |n| self.take(way, unused_charge(self.guess(), n)));
        if !matches!(way, Way::Together) {
            return mine.await.unwrap();
        }
        // Several, because a write that completes at once leads no batch.
        let (a, b, c, d, taken) =
            tokio::join!(unused_charge(1), unused_charge(2), unused_charge(3), unused_charge(4), mine);
        let none = [a, b, c, d].into_iter().all(|taken| taken.unwrap().is_none());
        assert!(none, "nobody's challenge");
        taken.unwrap()
    }

    /// An approval with the time step after the last one.
    fn right(&self) -> (Approval, Event) {
        let (ChallengeRow { challenge, proofs, .. }, now) = (self.asked.clone(), self.server.now());
        let event = self.event(Answered::Approved);
        let (sign_in, factor, mark) = (self.sign_in, self.factor(), Some(self.mark()));
        let (next, material, counter) = (SignInState::Ready, None, self.counter());
        (Approval { sign_in, next, proofs, challenge, factor, mark, material, counter, now }, event)
    }

    fn event(&self, outcome: Answered) -> Event {
        let (challenge, factor) = (self.asked.challenge.id, self.asked.challenge.factor);
        Event {
            id: Id::from_uuid(challenge.uuid()),
            at: self.server.now(),
            actor: Actor::Worker("test".to_owned()),
            product: Some(self.asked.product.clone()),
            account: Some(self.asked.challenge.account),
            fact: Fact::ChallengeAnswered { challenge, factor, outcome, count: 1 },
            personal: None,
        }
    }

    async fn settle(&self, way: Way, (approval, event): (Approval, Event)) -> Result<bool, Error> {
        self.does(way, async |executor: Executor<'_>| answers::approve(executor, approval, event).await).await
    }

    async fn approve(&self, way: Way) -> bool {
        let ((approval, event), mine) = (self.right(), self.settle(way, self.right()));
        if !matches!(way, Way::Together) {
            return mine.await.unwrap();
        }
        let unused_charge = |n| {
            let (sign_in, counter) = (Id::from_uuid(Uuid::from_u128(n)), unused_counter(n));
            self.settle(way, (Approval { sign_in, counter, ..approval.clone() }, event.clone()))
        };
        let (a, b, c, d, approved) =
            tokio::join!(unused_charge(1), unused_charge(2), unused_charge(3), unused_charge(4), mine);
        let none = [a, b, c, d].into_iter().all(|approved| !approved.unwrap());
        assert!(none, "nobody's sign-in");
        approved.unwrap()
    }

    fn factor(&self) -> FactorId {
        self.asked.challenge.factor.unwrap()
    }

    fn mark(&self) -> Mark {
        Mark(self.asked.mark.unwrap().0 + 1)
    }

    async fn written(&self) -> Written {
        let mut view = self.server.store.view("test", self.realm);
        let asked = &self.asked.challenge;
        let challenge = challenges::find(&mut view, asked.id).await.unwrap().unwrap();
        let kept = attempts::find(&mut view, &self.counter()).await.unwrap().unwrap().budget;
        let factor = factors::find(&mut view, asked.account, self.factor()).await.unwrap().unwrap();
        let events =
            format!("SELECT count(*) FROM events WHERE fact LIKE '%challenge_answered%{}%'", asked.id);
        Written {
            tries: challenge.tries,
            charged: kept.in_row,
            successes: kept.successes - self.seen().successes,
            sign_in: sign_ins::get(&mut view, self.sign_in).await.unwrap().unwrap().state,
            challenge: challenge.state,
            marks: factor.mark.0 - self.asked.mark.unwrap().0,
            events: raw::count(&self.server, &events).await,
        }
    }

    /// Runs `write` while another transaction has made `change` and has not committed it yet.
    async fn behind<T>(
        &self,
        change: impl AsyncFnOnce(&mut Tx) -> Result<bool, Error>,
        write: impl AsyncFnOnce() -> T,
    ) -> T {
        let ((tell, told), (wait, waits)) = (oneshot::channel(), oneshot::channel());
        let other = Box::pin(self.server.store.tx("other", self.realm, async |tx| {
            assert!(change(tx).await?, "nothing was changed");
            tell.send(()).unwrap();
            waits.await.unwrap();
            raw::somebody_waits(&self.server).await;
            Ok::<_, Error>(())
        }));
        let write = async {
            told.await.unwrap();
            let mut write = Box::pin(write());
            begin(&mut write).await;
            wait.send(()).unwrap();
            write.await
        };
        let (other, done) = tokio::join!(other, write);
        other.unwrap();
        done
    }
}

fn unused_counter(n: u128) -> Counter {
    Counter { id: Uuid::from_u128(n), tag: Vec::new() }
}

fn unused_charge(guess: Charge, n: u128) -> Charge {
    Charge { challenge: Id::from_uuid(Uuid::from_u128(n)), counter: unused_counter(n), ..guess }
}

/// Polls the work once: it must wait then.
async fn begin<T>(work: &mut Pin<Box<impl Future<Output = T>>>) {
    let at_once = std::future::poll_fn(|context| Poll::Ready(work.as_mut().poll(context))).await;
    assert!(at_once.is_pending());
}

/// Polls the work `n` times at most, and drops it.
async fn drop_after<T>(n: usize, work: impl Future<Output = T>) {
    let (mut work, mut left) = (std::pin::pin!(work), n);
    std::future::poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(());
        }
        left -= 1;
        work.as_mut().poll(context).map(drop)
    })
    .await;
}

async fn moved(tx: &mut Tx, waiting: &Waiting, to: ChallengeState) -> Result<bool, Error> {
    let now = waiting.server.now();
    challenges::advance(tx, waiting.asked.challenge.id, ChallengeState::Open, to, now).await
}

async fn cancelled(tx: &mut Tx, waiting: &Waiting) -> Result<bool, Error> {
    let (waits, now) = (SignInState::PendingChallenge, waiting.server.now());
    sign_ins::advance(tx, waiting.sign_in, waits, SignInState::Cancelled, now).await
}

async fn marked(tx: &mut Tx, waiting: &Waiting) -> Result<bool, Error> {
    let challenge = &waiting.asked.challenge;
    let (mark, now) = (Some(waiting.mark()), waiting.server.now());
    factors::accept(tx, challenge.account, waiting.factor(), mark, None, now).await
}

on_both! {
    async fn a_charge_is_a_try_and_a_guess(server) {
        let kasa = Kasa::open(&server).await;
        for way in WAYS {
            let waiting = Waiting::of(&kasa, &format!("{way:?}")).await;
            assert_eq!(waiting.charge(way).await, Some(1));
            assert_eq!(waiting.written().await, CHARGED, "{way:?}");
            assert_eq!(waiting.charge(way).await, None, "the revision has gone on");
            assert_eq!(waiting.written().await, CHARGED, "{way:?}");
        }
    }

    async fn inv_08_a_challenge_that_takes_no_answer_charges_nothing(server) {
        let kasa = Kasa::open(&server).await;
        for way in WAYS {
            let spoilt = ["tries = 5", "state = 'used_up'", if server.is_sqlite() { "expires_at = 0" } else { "expires_at = now() - interval '9 years'" }];
            for (n, spoilt) in spoilt.into_iter().enumerate() {
                let waiting = Waiting::of(&kasa, &format!("{way:?}-{n}")).await;
                raw::change(&server, &format!("UPDATE challenges SET {spoilt}")).await;
                let before = waiting.written().await;
                assert_eq!(waiting.charge(way).await, None, "{spoilt}");
                assert_eq!(waiting.written().await, before, "{spoilt}");
            }
        }
    }

    async fn inv_08_a_charge_that_waited_takes_both_or_neither(server) {
        let kasa = Kasa::open(&server).await;
        let tried = async |tx: &mut Tx, waiting: &Waiting| {
            let counter = Counter { id: waiting.sign_in.uuid(), tag: Vec::new() };
            let (challenge, now) = (waiting.asked.challenge.id, waiting.server.now());
            let next = Budget { revision: 1, ..waiting.next() };
            let another = Charge { challenge, limit: waiting.asked.challenge.max_tries, counter, next, now };
            Ok(answers::charge(tx.executor(), another).await?.is_some())
        };
        for way in WAYS {
            let waiting = Waiting::of(&kasa, &format!("{way:?}-1")).await;
            let taken = waiting.behind(async |tx| moved(tx, &waiting, ChallengeState::Cancelled).await, async || waiting.charge(way).await);
            assert_eq!(taken.await, None);
            assert_eq!(waiting.written().await, Written { challenge: ChallengeState::Cancelled, ..NOTHING });

            let waiting = Waiting::of(&kasa, &format!("{way:?}-2")).await;
            let charged = async |tx: &mut Tx| attempts::replace(tx.executor(), &waiting.counter(), waiting.seen().revision, waiting.next()).await;
            assert_eq!(waiting.behind(charged, async || waiting.charge(way).await).await, None);
            assert_eq!(waiting.written().await, Written { charged: 1, ..NOTHING });

            let waiting = Waiting::of(&kasa, &format!("{way:?}-3")).await;
            let taken = waiting.behind(async |tx| tried(tx, &waiting).await, async || waiting.charge(way).await);
            assert_eq!(taken.await, Some(2), "counted from what the other one left");
            assert_eq!(waiting.written().await, Written { tries: 2, ..CHARGED });
        }
    }

    async fn an_approval_does_all_of_it(server) {
        let kasa = Kasa::open(&server).await;
        for way in WAYS {
            let waiting = Waiting::of(&kasa, &format!("{way:?}")).await;
            waiting.charge(way).await;
            assert!(waiting.approve(way).await);
            assert_eq!(waiting.written().await, APPROVED, "{way:?}");
            assert!(!waiting.approve(way).await);
            assert_eq!(waiting.written().await, APPROVED, "{way:?}");
        }
    }

    async fn inv_49_an_approval_that_lacks_something_does_nothing(server) {
        let kasa = Kasa::open(&server).await;
        let past = if server.is_sqlite() { "0" } else { "now() - interval '9 years'" };
        let spoilt = [
            "UPDATE sign_ins SET state = 'cancelled'",
            "UPDATE challenges SET state = 'superseded'",
            "UPDATE factors SET mark = mark + 1",
            &format!("UPDATE sign_ins SET expires_at = {past}"),
            &format!("UPDATE challenges SET expires_at = {past}"),
        ];
        for way in WAYS {
            for (n, spoilt) in spoilt.iter().enumerate() {
                let waiting = Waiting::of(&kasa, &format!("{way:?}-{n}")).await;
                waiting.charge(way).await;
                raw::change(&server, spoilt).await;
                let before = waiting.written().await;
                assert!(!waiting.approve(way).await, "{spoilt}");
                assert_eq!(waiting.written().await, before, "{spoilt}");
            }
        }
    }

    async fn inv_07_an_approval_that_waited_does_all_or_nothing(server) {
        let kasa = Kasa::open(&server).await;
        for way in WAYS {
            let waiting = Waiting::of(&kasa, &format!("{way:?}-1")).await;
            waiting.charge(way).await;
            let approved = waiting.behind(async |tx| cancelled(tx, &waiting).await, async || waiting.approve(way).await);
            assert!(!approved.await);
            assert_eq!(waiting.written().await, Written { sign_in: SignInState::Cancelled, ..CHARGED });

            let waiting = Waiting::of(&kasa, &format!("{way:?}-2")).await;
            waiting.charge(way).await;
            let approved = waiting.behind(async |tx| moved(tx, &waiting, ChallengeState::Cancelled).await, async || waiting.approve(way).await);
            assert!(!approved.await);
            assert_eq!(waiting.written().await, Written { challenge: ChallengeState::Cancelled, ..CHARGED });

            let waiting = Waiting::of(&kasa, &format!("{way:?}-3")).await;
            waiting.charge(way).await;
            let approved = waiting.behind(async |tx| marked(tx, &waiting).await, async || waiting.approve(way).await);
            assert!(!approved.await);
            assert_eq!(waiting.written().await, Written { marks: 1, ..CHARGED });

            let waiting = Waiting::of(&kasa, &format!("{way:?}-4")).await;
            waiting.charge(way).await;
            let once = waiting.next();
            let charged = async |tx: &mut Tx| {
                attempts::replace(tx.executor(), &waiting.counter(), once.revision, Budget { revision: once.revision + 1, ..once }).await
            };
            assert!(waiting.behind(charged, async || waiting.approve(way).await).await);
            assert_eq!(waiting.written().await, APPROVED, "what was charged meanwhile is forgiven too");
        }
    }

    async fn inv_09_a_rejection_needs_its_charge(server) {
        let kasa = Kasa::open(&server).await;
        for way in WAYS {
            let waiting = Waiting::of(&kasa, &format!("{way:?}")).await;
            waiting.charge(way).await;
            let reject = async |revision| {
                let (charged, event) = (waiting.counter(), waiting.event(tries::wrong(1, 5)));
                waiting.does(way, async |executor: Executor<'_>| answers::reject(executor, &charged, revision, event).await).await
            };
            let charged = waiting.next().revision;
            let forgotten = reject(charged + 1).await;
            assert!(matches!(forgotten, Err(Error::Unavailable(_))), "{forgotten:?}");
            assert_eq!(waiting.written().await, CHARGED, "{way:?}");
            reject(charged).await.unwrap();
            assert_eq!(waiting.written().await, Written { events: 1, ..CHARGED }, "{way:?}");
        }
    }

    async fn inv_53_a_write_that_is_dropped_is_done_or_not_done(server) {
        let kasa = Kasa::open(&server).await;
        // One query reads both, because the engine may still be writing.
        let tries = "SELECT CAST(tries AS TEXT) || ' ' || CAST(in_row AS TEXT) FROM challenges \
            JOIN attempts ON attempts.counter_id = challenges.factor_id ORDER BY 1";
        for n in 0..12_usize {
            let waiting = Waiting::of(&kasa, &format!("u-{n}")).await;
            drop_after(n, waiting.charge(Way::Alone)).await;
            let seen = raw::rows(&server, tries).await;
            assert!(seen.len() == n + 1 && seen.iter().all(|seen| seen == "0 0" || seen == "1 1"), "{seen:?}");
            assert!(n > 0 || seen == ["0 0"], "it was never begun");
        }
        let waiting = Waiting::of(&kasa, "ann").await;
        drop_after(usize::MAX, waiting.charge(Way::Alone)).await;
        assert_eq!(waiting.written().await, CHARGED);
        // The next writer finds the connection in order.
        kasa.admin.person("bob").await;
        assert_eq!(raw::idle_in_transaction(&server).await, 0);
        server.store.close().await;
        assert_eq!(raw::idle_in_transaction(&server).await, 0);
    }
}
