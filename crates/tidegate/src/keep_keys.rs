//! Keeps the master keys of a running server: reads their file again when it changes, tells the other programs which keys this
//! one has, and seals what is stored with a new active key.

use std::{path::PathBuf, sync::Arc, time::Duration};

use tidegate_keyring::Keyring;
use tidegate_metrics::Metrics;
use tidegate_service::installation::{Rewrapped, Rewrapper};
use tidegate_store::Engine;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::files;

/// Between two looks at the file, and at what is to be sealed again.
const POLL_INTERVAL: Duration = Duration::from_secs(5);

/// What the tasks share.
#[derive(Clone)]
pub struct KeepKeys {
    pub path: PathBuf,
    pub keyring: Arc<Keyring>,
    pub rewrapper: Arc<Rewrapper>,
    pub metrics: Arc<Metrics>,
    pub engine: Engine,
    /// The file is to be read now.
    pub read: Arc<Notify>,
}

impl KeepKeys {
    /// Reads the file again and again, and says which keys this server has. Runs until it is stopped.
    pub async fn follow(self, stop: CancellationToken) {
        let mut was_wrong = false;
        loop {
            self.read_file(&mut was_wrong);
            self.hold().await;
            tokio::select! {
                () = stop.cancelled() => break,
                () = self.read.notified() => {}
                () = tokio::time::sleep(POLL_INTERVAL) => {}
            }
        }
        if self.engine == Engine::Postgres
            && let Err(error) = self.rewrapper.leave().await
        {
            tracing::debug!(%error, "the other servers think for half a minute that this one runs");
        }
    }

    /// Seals values again when that is to be done. Runs until it is stopped, and may be stopped anywhere.
    pub async fn rewrap(self, stop: CancellationToken) {
        let mut said = None;
        loop {
            let Some(done) = stop.run_until_cancelled(self.run()).await else { return };
            match done {
                Ok(Rewrapped::Now { values, unreadable }) => {
                    tracing::info!(key = %self.keyring.active(), values, unreadable, "every value is sealed with the active master key");
                }
                Ok(Rewrapped::Behind(key)) if said != Some(key) => {
                    tracing::error!(%key, "this server seals with a master key that was replaced: give it the new file");
                    said = Some(key);
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(%error, "values could not be sealed with the active master key; this goes on");
                }
            }
            if tokio::time::timeout(POLL_INTERVAL, stop.cancelled()).await.is_ok() {
                return;
            }
        }
    }

    async fn run(&self) -> Result<Rewrapped, tidegate_service::Fault> {
        let mut before = 0;
        let progress = |values: u64| {
            self.metrics.rewrapped(values - before);
            before = values;
        };
        self.rewrapper.run(progress).await
    }

    fn read_file(&self, was_wrong: &mut bool) {
        let before = (self.keyring.active(), self.keyring.known());
        let wrong = match files::master(&self.path) {
            Ok(master) if self.keyring.replace(&master) => None,
            Ok(_) => Some("it lacks the active key".to_owned()),
            Err(error) => Some(format!("{error:#}")),
        };
        if let Some(wrong) = &wrong
            && !*was_wrong
        {
            tracing::error!("the file of master keys cannot be used, and the old keys stay: {wrong}");
        }
        *was_wrong = wrong.is_some();
        if before != (self.keyring.active(), self.keyring.known()) {
            let known = self.keyring.known().len();
            tracing::info!(active = %self.keyring.active(), known, "the master keys were read again");
        }
    }

    async fn hold(&self) {
        // An SQLite file has one program at a time.
        if self.engine == Engine::Postgres
            && let Err(error) = self.rewrapper.hold().await
        {
            tracing::debug!(%error, "the other servers are not told which master keys this one has");
        }
    }
}
