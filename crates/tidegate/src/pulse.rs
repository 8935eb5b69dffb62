//! Takes the server's pulse in turn, and says in the log when the server becomes ready or unready.

use std::time::{Duration, Instant};

use tidegate_service::{App, Pulses, Unready};
use tokio_util::sync::CancellationToken;

/// When pulses are taken.
#[derive(Debug, Clone, Copy)]
pub struct Rhythm {
    /// Between two pulses.
    pub interval: Duration,
    /// How long one may take.
    pub timeout: Duration,
}

/// Calls that meet an outage ask for a pulse at once, but not more often than this.
const AT_MOST_EVERY: Duration = Duration::from_millis(100);

impl Rhythm {
    /// How long the beat of a process may stand still before the others take it for dead.
    pub fn patience(self) -> Duration {
        self.interval * 3
    }

    /// How old an answer may be. One pulse that takes too long says little: the database is busy. Two or three say that it
    /// does not serve.
    pub fn longest(self) -> Duration {
        (self.interval + self.timeout).saturating_mul(3)
    }
}

/// Runs until it is stopped; then tells the other servers that this one is gone.
pub async fn keep(app: App, pulses: Pulses, rhythm: Rhythm, stop: CancellationToken) {
    loop {
        let next = async {
            tokio::time::sleep(AT_MOST_EVERY.min(rhythm.interval)).await;
            tokio::select! {
                () = tokio::time::sleep(rhythm.interval.saturating_sub(AT_MOST_EVERY)) => {}
                () = pulses.is_asked() => {}
            }
        };
        if stop.run_until_cancelled(next).await.is_none() {
            break;
        }
        take(&app, &pulses, rhythm).await;
    }
    match tokio::time::timeout(rhythm.timeout, pulses.leave()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "other servers were not told that this one stops"),
        Err(_) => {
            tracing::warn!("other servers were not told that this one stops: the database does not answer");
        }
    }
}

/// Takes the pulse before anything is served. It may take longer than others; without an answer the server is not ready.
pub async fn take_first(app: &App, pulses: &Pulses, rhythm: Rhythm) {
    let found = tokio::time::timeout(rhythm.longest(), pulses.take()).await.unwrap_or(Some(Unready::Silent));
    say(app.set_readiness(found), found);
}

async fn take(app: &App, pulses: &Pulses, rhythm: Rhythm) {
    let found = tokio::time::timeout(rhythm.timeout, pulses.take()).await.unwrap_or(Some(Unready::Silent));
    let last = *app.readiness().borrow();
    if found == Some(Unready::Silent) && last.unready.is_none() && !is_too_old(last.found_at, rhythm) {
        return;
    }
    say(app.set_readiness(found), found);
}

/// Whether an answer was found too long ago to be given.
pub fn is_too_old(found_at: Instant, rhythm: Rhythm) -> bool {
    found_at.elapsed() > rhythm.longest()
}

fn say(before: Option<Unready>, now: Option<Unready>) {
    match now {
        Some(unready) if before != now => tracing::error!("not ready: {}", unready.reason()),
        None if before.is_some() => tracing::info!("ready again"),
        _ => {}
    }
}
