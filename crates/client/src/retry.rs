//! Retries with exponential backoff, only of calls that the server says may be retried, or that got
//! no answer from Tidegate (UNAVAILABLE).
//!
//! ```text
//! refused ── UNAVAILABLE or RESOURCE_EXHAUSTED with RetryInfo ──► wait at least what it says ─► again
//!         ├─ UNAVAILABLE without a reason of Tidegate's (no connection, a proxy) ──► wait ────► again
//!         └─ anything else, no attempt left, or the wait outlives the deadline ──► refused
//! ```

use std::time::Duration;

use tokio::time::{Instant, sleep};
use tonic::{Code, Status};

use crate::{Client, Refused};

/// How often and how slowly a call is retried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retries {
    /// How often a call is made, the first time included; 0 counts as 1.
    pub attempts: u32,
    /// The first wait where the server names none; each further wait is twice as long.
    pub first_wait: Duration,
    /// The longest wait. A call for which the server asks for a longer one is not retried.
    pub longest_wait: Duration,
}

impl Default for Retries {
    /// 4 attempts, 100 ms, 5 s.
    fn default() -> Self {
        Self { attempts: 4, first_wait: Duration::from_millis(100), longest_wait: Duration::from_secs(5) }
    }
}

impl Retries {
    /// How long to wait before the next attempt; `None` when there is none. `made` attempts were made, at least one, and
    /// `left` is what remains of the deadline (absent: there is no deadline).
    pub fn wait(&self, refused: &Refused, made: u32, left: Option<Duration>) -> Option<Duration> {
        if made >= self.attempts {
            return None;
        }
        let asked = match (refused.code, refused.retry_after, refused.reason) {
            (Code::Unavailable | Code::ResourceExhausted, Some(asked), _) => asked,
            (Code::Unavailable, None, None) => self.first_wait,
            _ => return None,
        };
        if asked > self.longest_wait {
            return None;
        }
        let doubled = asked.saturating_mul(1_u32.checked_shl(made.saturating_sub(1)).unwrap_or(u32::MAX));
        let wait = doubled.min(self.longest_wait);
        left.is_none_or(|left| wait < left).then_some(wait)
    }
}

impl Client {
    /// Makes a call, and makes it again while the refusal allows it. All attempts share one deadline: the client that
    /// `call` gets has what is left of it.
    ///
    /// A method that changes something needs a `request_id` to be retried safely. An attempt whose answer was lost may
    /// have been carried out, and only a retry with the same `request_id` gets its outcome instead of a second change.
    /// Choose it once, outside `call`. Methods without a `request_id` only read, or change nothing the second time.
    ///
    /// Write `async move |client| …`. A closure that borrows works too, but then the compiler cannot prove that the
    /// future is `Send`, which a spawned task needs.
    ///
    /// # Errors
    /// The refusal of the last attempt.
    pub async fn retrying<T>(
        &self,
        mut call: impl AsyncFnMut(&Self) -> Result<T, Status>,
    ) -> Result<T, Refused> {
        let started = Instant::now();
        let left = || self.deadline().map(|deadline| deadline.saturating_sub(started.elapsed()));
        let mut client = self.clone();
        let mut made = 0_u32;
        loop {
            made = made.saturating_add(1);
            let refused = match call(&client).await {
                Ok(answer) => return Ok(answer),
                Err(status) => Refused::of(&status),
            };
            let Some(wait) = self.retries().wait(&refused, made, left()) else { return Err(refused) };
            sleep(wait).await;
            if let Some(left) = left() {
                client = self.within(left);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tidegate_core::Secret;
    use tidegate_proto::{ErrorReason, GetAccountRequest};

    use super::*;
    use crate::Settings;

    const RETRIES: Retries =
        Retries { attempts: 4, first_wait: Duration::from_millis(100), longest_wait: Duration::from_secs(5) };

    fn refused(code: Code, reason: Option<ErrorReason>, seconds: Option<u64>) -> Refused {
        let retry_after = seconds.map(Duration::from_secs);
        Refused { reason, retry_after, ..Refused::of(&Status::new(code, "")) }
    }

    fn waits(refused: &Refused, left: Option<u64>) -> Vec<u128> {
        let left = left.map(Duration::from_secs);
        (1..).map_while(|made| RETRIES.wait(refused, made, left)).map(|wait| wait.as_millis()).collect()
    }

    #[test]
    fn a_lost_connection_is_tried_again_ever_more_slowly() {
        assert_eq!(waits(&refused(Code::Unavailable, None, None), None), [100, 200, 400]);
    }

    #[test]
    fn the_server_says_how_long_to_wait_at_least() {
        let busy = refused(Code::Unavailable, Some(ErrorReason::Busy), Some(1));
        assert_eq!(waits(&busy, None), [1_000, 2_000, 4_000]);
        let passwords = refused(Code::ResourceExhausted, Some(ErrorReason::TooManyPasswords), Some(3));
        assert_eq!(waits(&passwords, None), [3_000, 5_000, 5_000]);
    }

    #[test]
    fn a_wait_beyond_the_deadline_or_the_longest_is_not_begun() {
        let busy = refused(Code::Unavailable, Some(ErrorReason::Busy), Some(1));
        assert_eq!(waits(&busy, Some(2)), [1_000]);
        let passwords = refused(Code::ResourceExhausted, Some(ErrorReason::TooManyPasswords), Some(6));
        assert_eq!(waits(&passwords, None), [0; 0]);
    }

    #[test]
    fn nothing_else_is_tried_again() {
        for refused in [
            refused(Code::NotFound, Some(ErrorReason::AccountNotFound), None),
            refused(Code::Aborted, Some(ErrorReason::EtagMismatch), Some(1)),
            refused(Code::DeadlineExceeded, None, None),
            refused(Code::ResourceExhausted, None, None),
            refused(Code::Unavailable, Some(ErrorReason::Unavailable), None),
        ] {
            assert_eq!(waits(&refused, None), [0; 0], "{refused}");
        }
    }

    async fn calls_until(success: u32) -> (u32, Result<u32, Refused>) {
        let retries = Retries { first_wait: Duration::ZERO, ..RETRIES };
        let deadline = Duration::from_hours(1);
        let settings = Settings { deadline, retries, ..Settings::new(Secret::new("tgk_1_x".to_owned())) };
        let client = Client::lazy(&settings).unwrap();
        let mut calls = 0;
        let answer = client.retrying(async |client| {
            assert!(client.deadline().is_some_and(|left| left <= settings.deadline));
            calls += 1;
            if calls < success { Err(Status::unavailable("gone")) } else { Ok(calls) }
        });
        let answer = answer.await;
        (calls, answer)
    }

    #[tokio::test]
    async fn a_call_is_made_until_it_succeeds() {
        assert_eq!(calls_until(3).await, (3, Ok(3)));
    }

    #[tokio::test]
    async fn the_last_refusal_is_returned() {
        let (calls, answer) = calls_until(9).await;
        assert_eq!((calls, answer.unwrap_err().code), (4, Code::Unavailable));
    }

    #[tokio::test]
    async fn a_spawned_task_may_retry() {
        let address = "http://127.0.0.1:1".to_owned();
        let retries = Retries { first_wait: Duration::ZERO, ..RETRIES };
        let (deadline, credential) = (Duration::from_hours(1), Secret::new("tgk_1_x".to_owned()));
        let settings = Settings { address, deadline, retries, ..Settings::new(credential) };
        let client = Client::lazy(&settings).unwrap();
        let task = tokio::spawn(async move {
            let request = GetAccountRequest::default();
            let call = async move |client: &Client| client.accounts().get_account(request.clone()).await;
            client.retrying(call).await
        });
        assert_eq!(task.await.unwrap().unwrap_err().code, Code::Unavailable);
    }
}
