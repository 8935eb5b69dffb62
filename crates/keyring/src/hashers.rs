//! The threads that hash passwords. There are as many as may hash at once, each at the lowest scheduling priority, so
//! that other work on the machine comes first. One thread of ordinary priority delivers their results.
//!
//! The scheduler may preempt a thread of the lowest priority for a long time (priority inversion). So it holds no lock
//! that other threads wait for: waking the caller and giving back the permit are left to the delivering thread.

use std::sync::{
    Arc, Mutex, PoisonError,
    mpsc::{Receiver, Sender, TryRecvError, channel},
};

use argon2::{Block, Params};
use tokio::sync::oneshot;

use crate::passwords::COST;

type Tell = Box<dyn FnOnce() + Send>;
type Job = Box<dyn FnOnce(&mut Memory) -> Tell + Send>;

/// Cheap to clone. The threads end when the last clone is dropped.
#[derive(Clone)]
pub(crate) struct Hashers {
    jobs: Sender<Job>,
}

/// A job was lost, because it panicked or the threads could not be started.
pub(crate) struct Lost;

/// The working memory of a hash. A thread keeps it while more jobs wait, because allocating and
/// clearing it takes a twentieth of a hash's time. The part that an adopted hash needs beyond a
/// hash of the app's own cost is freed after it.
#[derive(Default)]
pub(crate) struct Memory(Vec<Block>);

/// Blocks of 1 KiB that a thread keeps: those of a hash of the app's own cost.
const KEPT_BLOCKS: usize = COST.0 as usize;

impl Memory {
    pub(crate) fn of(&mut self, params: &Params) -> &mut [Block] {
        self.0.resize(params.block_count(), Block::new());
        &mut self.0
    }

    /// A vector that becomes shorter keeps its memory, so a large one is dropped.
    fn release(&mut self) {
        if self.0.capacity() > KEPT_BLOCKS {
            self.0 = Vec::new();
        }
    }
}

#[cfg(target_os = "linux")]
const LOWEST: i32 = 19;

impl Hashers {
    pub(crate) fn new(threads: usize) -> Self {
        let ((jobs, taken), (done, told)) = (channel::<Job>(), channel::<Tell>());
        let taken = Arc::new(Mutex::new(taken));
        // If a thread cannot be started, jobs are lost, and their callers get `Lost`.
        let _ = std::thread::Builder::new()
            .name("hash-told".into())
            .spawn(move || told.into_iter().for_each(|tell| tell()));
        for number in 0..threads {
            let (taken, done) = (taken.clone(), done.clone());
            let _ =
                std::thread::Builder::new().name(format!("hash-{number}")).spawn(move || work(&taken, &done));
        }
        Self { jobs }
    }

    /// Runs the job on one of the threads, and drops `held` when it is done.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        held: impl Send + 'static,
        job: impl FnOnce(&mut Memory) -> T + Send + 'static,
    ) -> Result<T, Lost> {
        let (done, end) = oneshot::channel();
        let job = Box::new(move |memory: &mut Memory| {
            let outcome = job(memory);
            Box::new(move || {
                drop(held);
                drop(done.send(outcome));
            }) as Tell
        });
        self.jobs.send(job).map_err(|_| Lost)?;
        end.await.map_err(|_| Lost)
    }
}

fn work(jobs: &Mutex<Receiver<Job>>, done: &Sender<Tell>) {
    // On Linux the priority is the thread's; elsewhere it would be the whole process's. If the
    // system does not allow the change, hashing runs at the ordinary priority.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::setpriority_process(None, LOWEST);
    let mut memory = Memory::default();
    while let Some(job) = next(jobs, &mut memory) {
        // A panic loses the job, but not the thread.
        let told = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| job(&mut memory)));
        memory.release();
        if let Ok(tell) = told {
            let _ = done.send(tell);
        }
    }
}

/// The next job. Frees the memory before it waits for one.
fn next(jobs: &Mutex<Receiver<Job>>, memory: &mut Memory) -> Option<Job> {
    let jobs = jobs.lock().unwrap_or_else(PoisonError::into_inner);
    match jobs.try_recv() {
        Ok(job) => Some(job),
        Err(TryRecvError::Empty) => {
            *memory = Memory::default();
            jobs.recv().ok()
        }
        Err(TryRecvError::Disconnected) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The memory that a thread still holds when it begins the next hash.
    async fn held_after(kib: u32) -> usize {
        let hashers = Hashers::new(1);
        let (go, wait) = channel::<()>();
        let first = hashers.run((), move |memory| {
            // The next job is in the queue by then, so the thread is not idle in between.
            let _ = wait.recv();
            memory.of(&Params::new(kib, 1, 1, None).unwrap()).len()
        });
        let next = hashers.run((), |memory| memory.0.capacity());
        let (first, next, sent) = tokio::join!(first, next, async { go.send(()) });
        assert!(sent.is_ok() && first.ok() == usize::try_from(kib).ok());
        next.unwrap_or(usize::MAX)
    }

    #[tokio::test]
    async fn memory_beyond_that_of_the_apps_own_hash_is_given_back_after_the_hash() {
        assert_eq!(held_after(131_072).await, 0);
        assert_eq!(held_after(COST.0).await, KEPT_BLOCKS);
    }
}
