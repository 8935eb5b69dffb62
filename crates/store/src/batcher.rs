//! Batcher commit: whoever comes while another is at it waits, and then goes batched with all who wait, in one
//! transaction. Whoever comes alone goes at once and by itself, as if there were no groups.
//!
//! ```text
//!   first ──► alone ──────────► done
//!   second ─► waits ┐             │
//!   third ──► waits ┴───────── batched ──► done, each with its own answer
//!                                 └ not in a group ──► alone
//! ```
//!
//! A group does only what needs no waiting for other transactions, and sends everybody else back to go alone. So
//! nobody's lock holds a group up, groups cannot deadlock, and whatever is unusual is decided by one statement,
//! that of those who go alone. When nothing of a group was done, each goes alone too: a failure is of the one
//! that caused it. Only when no connection was to be had, nobody waits for one again.

use std::{
    collections::{HashSet, VecDeque},
    mem,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tidegate_core::RealmId;
use tokio::{runtime::Handle, sync::oneshot};
use uuid::Uuid;

use crate::{Error, Executor, Store};

/// The most that go batched: one more adds little speed, and every one waits for all.
const MAX_BATCH: usize = 32;
/// Whoever takes longer waits for somebody's lock, or for a server that is away. The others wait for nothing of
/// the kind.
const LEADER_TIMEOUT: Duration = Duration::from_millis(50);

/// Something that can be done alone or batched with others of its kind.
pub(crate) trait BatchItem: Send + Sync + Sized + 'static {
    type Output: Send + 'static;

    /// No two of a group have one in common.
    fn keys(&self) -> impl IntoIterator<Item = Uuid>;

    /// Whatever it has to wait for.
    fn run_single(&self, executor: Executor<'_>) -> impl Future<Output = Result<Self::Output, Error>> + Send;

    /// In one transaction, as many as can be done without waiting; `None` for each of the others. On an error
    /// nothing was done, unless it is `Unconfirmed`.
    fn run_batch(
        items: &[Arc<Self>],
        origin: &BatchOrigin,
    ) -> impl Future<Output = Result<Vec<Option<Self::Output>>, Error>> + Send;
}

/// Where a group's transaction takes place.
#[derive(Clone)]
pub(crate) struct BatchOrigin {
    pub(crate) store: Store,
    pub(crate) realm: RealmId,
    /// Of the use case, for errors and traces.
    pub(crate) name: &'static str,
}

pub(crate) struct Batcher<M: BatchItem>(Arc<Mutex<Queue<M>>>);

struct Queue<M: BatchItem> {
    /// Somebody has the turn.
    taken: bool,
    waiting: VecDeque<Waiting<M>>,
}

struct Waiting<M: BatchItem> {
    item: Arc<M>,
    origin: BatchOrigin,
    tell: oneshot::Sender<BatchResult<M>>,
}

/// What somebody who waited is told.
enum BatchResult<M: BatchItem> {
    Done(M::Output),
    /// To go alone; with the turn when nobody else waited.
    RunSingle(Option<Leader<M>>),
    /// It may have been done, or not.
    Unconfirmed,
    /// Nobody gets a connection at present, alone neither.
    PoolTimedOut,
}

impl<M: BatchItem> Default for Batcher<M> {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Queue { taken: false, waiting: VecDeque::new() })))
    }
}

impl<M: BatchItem> Clone for Batcher<M> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<M: BatchItem> Batcher<M> {
    /// Does it, alone or batched with others. Dropped while it waits, it is not done.
    pub(crate) async fn join(
        &self,
        item: M,
        origin: BatchOrigin,
        executor: Executor<'_>,
    ) -> Result<M::Output, Error> {
        let name = origin.name;
        let item = Arc::new(item);
        let leader = match self.ask(&item, origin) {
            Ok(leader) => Some(leader),
            Err(told) => match told.await {
                Ok(BatchResult::Done(done)) => return Ok(done),
                Ok(BatchResult::RunSingle(leader)) => leader,
                Ok(BatchResult::PoolTimedOut) => return Err(Error::Unavailable(sqlx::Error::PoolTimedOut)),
                Ok(BatchResult::Unconfirmed) | Err(_) => {
                    let source = sqlx::Error::Protocol("the group was not confirmed".into());
                    return Err(Error::Unconfirmed { tx: name, source });
                }
            },
        };
        match leader {
            Some(leader) => leader.keep(item.run_single(executor)).await,
            None => item.run_single(executor).await,
        }
    }

    /// The turn, or how to learn what came of it.
    fn ask(
        &self,
        item: &Arc<M>,
        origin: BatchOrigin,
    ) -> Result<Leader<M>, oneshot::Receiver<BatchResult<M>>> {
        let mut queue = self.queue();
        if !mem::replace(&mut queue.taken, true) {
            return Ok(Leader(self.clone()));
        }
        let (tell, told) = oneshot::channel();
        queue.waiting.push_back(Waiting { item: Arc::clone(item), origin, tell });
        Err(told)
    }

    fn queue(&self) -> MutexGuard<'_, Queue<M>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the turn to those who go next.
    fn serve(self, next: Vec<Waiting<M>>) {
        let leader = Leader(self);
        match <[_; 1]>::try_from(next) {
            // Whoever has gone away meanwhile drops the turn, and so passes it on.
            Ok([only]) => drop(only.tell.send(BatchResult::RunSingle(Some(leader)))),
            Err(next) => {
                // Without a runtime nobody waits any more.
                if let Ok(runtime) = Handle::try_current() {
                    drop(runtime.spawn(leader.keep(run_in_batch(next))));
                }
            }
        }
    }
}

impl<M: BatchItem> Queue<M> {
    /// Those who go next: of one realm, and no two with a key in common; the others keep their places. When
    /// there is nobody, the turn is anybody's.
    fn next(&mut self) -> Vec<Waiting<M>> {
        let (mut next, mut keys): (Vec<Waiting<M>>, HashSet<Uuid>) = Default::default();
        for waiting in mem::take(&mut self.waiting) {
            if waiting.tell.is_closed() {
                continue;
            }
            let same_realm = next.first().is_none_or(|first| first.origin.realm == waiting.origin.realm);
            let apart = same_realm && waiting.item.keys().into_iter().all(|key| !keys.contains(&key));
            if apart && next.len() < MAX_BATCH {
                keys.extend(waiting.item.keys());
                next.push(waiting);
            } else {
                self.waiting.push_back(waiting);
            }
        }
        self.taken = !next.is_empty();
        next
    }
}

async fn run_in_batch<M: BatchItem>(group: Vec<Waiting<M>>) {
    let Some(origin) = group.first().map(|first| first.origin.clone()) else { return };
    let items: Vec<_> = group.iter().map(|waiting| Arc::clone(&waiting.item)).collect();
    let told: Vec<BatchResult<M>> = match M::run_batch(&items, &origin).await {
        Ok(done) => done
            .into_iter()
            .map(|done| done.map_or(BatchResult::RunSingle(None), BatchResult::Done))
            .collect(),
        Err(Error::Unconfirmed { .. }) => group.iter().map(|_| BatchResult::Unconfirmed).collect(),
        Err(Error::Unavailable(sqlx::Error::PoolTimedOut)) => {
            group.iter().map(|_| BatchResult::PoolTimedOut).collect()
        }
        Err(_) => group.iter().map(|_| BatchResult::RunSingle(None)).collect(),
    };
    for (waiting, told) in group.into_iter().zip(told) {
        // Whoever has gone away does not ask.
        let _ = waiting.tell.send(told);
    }
}

/// Whoever has it is at it; dropped, it goes to those who wait.
struct Leader<M: BatchItem>(Batcher<M>);

impl<M: BatchItem> Leader<M> {
    /// Keeps the turn until the work is done; not for longer than `PATIENCE`.
    async fn keep<T>(self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        let done = tokio::time::timeout(LEADER_TIMEOUT, &mut work).await;
        drop(self);
        match done {
            Ok(done) => done,
            Err(_) => work.await,
        }
    }
}

impl<M: BatchItem> Drop for Leader<M> {
    fn drop(&mut self) {
        let next = self.0.queue().next();
        if !next.is_empty() {
            self.0.clone().serve(next);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use tidegate_core::Id;

    use super::*;
    use crate::Settings;

    const REALM: RealmId = Id::from_uuid_bytes([1; 16]);

    /// How often it was done alone. A group of them finds no connection.
    #[derive(Clone, Default)]
    struct Probe(Arc<AtomicU32>);

    impl BatchItem for Probe {
        type Output = ();

        fn keys(&self) -> impl IntoIterator<Item = Uuid> {
            []
        }

        async fn run_single(&self, _: Executor<'_>) -> Result<(), Error> {
            self.0.fetch_add(1, Ordering::SeqCst);
            // The others come while the lead is at it.
            tokio::task::yield_now().await;
            Ok(())
        }

        async fn run_batch(_: &[Arc<Self>], _: &BatchOrigin) -> Result<Vec<Option<()>>, Error> {
            Err(Error::Unavailable(sqlx::Error::PoolTimedOut))
        }
    }

    #[tokio::test]
    async fn nobody_waits_twice_for_a_connection() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("tidegate.db").display());
        let store = Store::open(&Settings { url, connections: 1 }).await.unwrap();
        let (group, probe) = (Batcher::default(), Probe::default());
        let join = || {
            store.autocommit("test", REALM, async |executor| {
                let origin = executor.batch_origin().unwrap();
                group.join(probe.clone(), origin, executor).await
            })
        };
        let (lead, one, two) = tokio::join!(biased; join(), join(), join());
        lead.unwrap();
        for waited in [one, two] {
            assert!(matches!(waited, Err(Error::Unavailable(_))), "{waited:?}");
        }
        assert_eq!(probe.0.load(Ordering::SeqCst), 1);
    }
}
