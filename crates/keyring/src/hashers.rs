//! The threads that hash: as many as may hash at once, each at the lowest priority, so that whoever waits for
//! anything else is served first.

use std::sync::{
    Arc, Mutex, PoisonError,
    mpsc::{Receiver, Sender, channel},
};

use tokio::sync::oneshot;

type Job = Box<dyn FnOnce() + Send>;

/// Cheap to clone. The threads end with the last one.
#[derive(Clone)]
pub(crate) struct Hashers {
    jobs: Sender<Job>,
}

/// A job was lost: its thread panicked, or there is none.
pub(crate) struct Lost;

#[cfg(target_os = "linux")]
const LOWEST: i32 = 19;

impl Hashers {
    pub(crate) fn new(threads: usize) -> Self {
        let (jobs, taken) = channel::<Job>();
        let taken = Arc::new(Mutex::new(taken));
        for number in 0..threads {
            let taken = taken.clone();
            // Without its thread a job is lost, which its caller hears of.
            let _ = std::thread::Builder::new().name(format!("hash-{number}")).spawn(move || work(&taken));
        }
        Self { jobs }
    }

    pub(crate) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Lost> {
        let (done, end) = oneshot::channel();
        let job = Box::new(move || drop(done.send(job())));
        self.jobs.send(job).map_err(|_| Lost)?;
        end.await.map_err(|_| Lost)
    }
}

fn work(jobs: &Mutex<Receiver<Job>>) {
    // On Linux it is of this thread alone; elsewhere it would be of the whole program. Where it is not
    // allowed, hashing takes its turn like everything else.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::setpriority_process(None, LOWEST);
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        // A job that panics is lost, and its thread is not.
        let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(job));
    }
}
