//! Every call has a deadline: the caller's `grpc-timeout`, 30 seconds at most. It ends the waiting, not
//! the work: a command goes on in its task, and `request_id` tells how it ended.
//!
//! (tonic's own handling of `grpc-timeout` answers CANCELLED, which clients do not retry.)

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use http::{HeaderMap, Request, Response};
use tidegate_proto as proto;
use tokio_util::task::TaskTracker;
use tonic::body::Body;
use tower::{Layer, Service};

use crate::status;

const LONGEST: Duration = Duration::from_secs(30);
/// Before tonic's own timer, which starts a little earlier.
const AHEAD: Duration = Duration::from_millis(5);

#[derive(Clone)]
pub(crate) struct DeadlineLayer {
    /// The calls under way, so that the end can wait for them and for nothing else.
    pub(crate) calls: TaskTracker,
}

impl<S> Layer<S> for DeadlineLayer {
    type Service = Deadline<S>;
    fn layer(&self, inner: S) -> Deadline<S> {
        Deadline { inner, calls: self.calls.clone() }
    }
}

#[derive(Clone)]
pub(crate) struct Deadline<S> {
    inner: S,
    calls: TaskTracker,
}

impl<S> Service<Request<Body>> for Deadline<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let asked = asked(request.headers());
        // A stream is as long as it is: its messages are bounded one by one.
        let most = if proto::STREAMS.contains(&request.uri().path()) { Duration::MAX } else { LONGEST };
        let deadline = asked.map_or(most, |asked| asked.saturating_sub(AHEAD).max(asked / 2).min(most));
        let (call, under_way) = (self.inner.call(request), self.calls.token());
        Box::pin(async move {
            let _under_way = under_way;
            if deadline == Duration::MAX {
                return call.await;
            }
            let answer = tokio::time::timeout(deadline, call).await;
            answer.unwrap_or_else(|_| Ok(status::deadline_exceeded().into_http()))
        })
    }
}

/// `grpc-timeout`: at most eight digits and a unit; anything else does not count.
fn asked(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let amount: u64 = digits.parse().ok().filter(|_| digits.len() <= 8)?;
    Some(match unit {
        "H" => Duration::from_secs(amount.saturating_mul(3_600)),
        "M" => Duration::from_secs(amount.saturating_mul(60)),
        "S" => Duration::from_secs(amount),
        "m" => Duration::from_millis(amount),
        "u" => Duration::from_micros(amount),
        "n" => Duration::from_nanos(amount),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_read_in_every_unit() {
        let read = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert("grpc-timeout", http::HeaderValue::from_static(text));
            asked(&headers)
        };
        assert_eq!(read("2S"), Some(Duration::from_secs(2)));
        assert_eq!(read("150m"), Some(Duration::from_millis(150)));
        assert_eq!(read("1H"), Some(Duration::from_hours(1)));
        for text in ["", "S", "123456789S", "2s", "-1S", "2"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
