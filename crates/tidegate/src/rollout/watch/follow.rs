//! Follows a rollout over the connections that it takes.

use std::time::Duration;

use tidegate_client::{Client, Refused};
use tidegate_proto as proto;
use tokio::time::{Instant, sleep_until, timeout};
use tonic::{Code, Status, Streaming};

/// The server sends a message at least every 15 seconds. A connection that is silent for longer than this is lost.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(45);
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(15);

pub struct Follower {
    client: Client,
    rollout: String,
    stream: Option<Streaming<proto::WatchRolloutResponse>>,
    /// Streams in a row that ended without a message.
    failures: u32,
    resume_at: Option<Instant>,
}

pub enum Update {
    Snapshot(Box<proto::WatchRolloutResponse>),
    /// The connection is lost, and is opened again after the wait.
    Lost {
        why: String,
        wait: Duration,
    },
}

impl Follower {
    pub fn new(client: Client, rollout: String) -> Self {
        let client = client.without_deadline();
        Self { client, rollout, stream: None, failures: 0, resume_at: None }
    }

    /// Waits for the next update. The future may be dropped and the method called again; no message is lost.
    ///
    /// # Errors
    /// The server refused for good.
    pub async fn next(&mut self) -> anyhow::Result<Update> {
        loop {
            if let Some(at) = self.resume_at {
                sleep_until(at).await;
                self.resume_at = None;
            }
            let was_open = self.stream.is_some();
            let status = match self.step().await {
                Ok(Some(snapshot)) => {
                    self.failures = 0;
                    return Ok(Update::Snapshot(Box::new(snapshot)));
                }
                Ok(None) => continue,
                Err(status) => status,
            };
            self.stream = None;
            self.failures = self.failures.saturating_add(1);
            let refused = Refused::of(&status);
            let wait = wait(&refused, was_open, self.failures).ok_or(refused.clone())?;
            self.resume_at = Some(Instant::now() + wait);
            // A server ends each stream after an hour. Nothing is lost by that.
            if refused.reason == Some(proto::ErrorReason::StreamEnded) {
                continue;
            }
            return Ok(Update::Lost { why: refused.message, wait });
        }
    }

    /// Opens the stream, which gives no message yet, or reads from it.
    async fn step(&mut self) -> Result<Option<proto::WatchRolloutResponse>, Status> {
        let silent = || Status::unavailable("the server is silent");
        let Some(stream) = &mut self.stream else {
            let request = proto::WatchRolloutRequest { rollout: self.rollout.clone() };
            let mut rollouts = self.client.rollouts();
            let opened = timeout(SILENCE_TIMEOUT, rollouts.watch_rollout(request)).await;
            self.stream = Some(opened.map_err(|_| silent())??.into_inner());
            return Ok(None);
        };
        match timeout(SILENCE_TIMEOUT, stream.message()).await.map_err(|_| silent())?? {
            Some(snapshot) => Ok(Some(snapshot)),
            None => Err(Status::unavailable("the stream ended")),
        }
    }
}

/// How long to wait before the next call, at least what the server asks for; `None`: another call does not help.
fn wait(refused: &Refused, was_open: bool, failures: u32) -> Option<Duration> {
    let is_temporary = match refused.code {
        Code::Unavailable => true,
        Code::ResourceExhausted => refused.retry_after.is_some(),
        // So a stream ends whose connection broke.
        Code::Cancelled | Code::Unknown | Code::Internal => was_open && refused.reason.is_none(),
        _ => false,
    };
    let doublings = 1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX);
    let backoff = FIRST_WAIT.saturating_mul(doublings).min(LONGEST_WAIT);
    is_temporary.then(|| backoff.max(refused.retry_after.unwrap_or_default()))
}
