//! One connection, and the metadata of every call: credential, realm and deadline. A failure below gRPC becomes a
//! status with the code that gRPC prescribes for it.

use std::{
    error::Error,
    fmt,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use http::{
    HeaderName, HeaderValue, Request, Response,
    header::{AUTHORIZATION, Entry},
};
use tokio::time::timeout;
use tonic::{Code, Status, TimeoutExpired, body::Body, transport::Channel};
use tower::Service;

use crate::{TraceSource, refused::LATE, trailers::decodable};

const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");
const REALM: HeaderName = HeaderName::from_static("tidegate-realm");

/// What the generated clients send through. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Transport<S = Channel> {
    inner: S,
    identity: Identity,
    deadline: Option<Deadline>,
    trace: Option<TraceSource>,
}

/// The credential and the realm, as metadata.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    /// Absent: the client certificate says who calls.
    authorization: Option<HeaderValue>,
    realm: Option<HeaderValue>,
}

/// How long a call may take, and how `grpc-timeout` spells it.
#[derive(Debug, Clone)]
pub(crate) struct Deadline {
    span: Duration,
    spelled: HeaderValue,
}

impl<S> Transport<S> {
    pub(crate) const fn new(inner: S, identity: Identity, deadline: Option<Deadline>) -> Self {
        Self { inner, identity, deadline, trace: None }
    }
    pub(crate) const fn inner(&self) -> &S {
        &self.inner
    }
    pub(crate) fn limit(&self) -> Option<Duration> {
        self.deadline.as_ref().map(|deadline| deadline.span)
    }
    pub(crate) fn anonymous(self) -> Self {
        Self { identity: Identity { authorization: None, realm: None }, ..self }
    }
    pub(crate) fn traced(self, trace: Option<TraceSource>) -> Self {
        Self { trace, ..self }
    }
    pub(crate) fn limited(self, deadline: Option<Deadline>) -> Self {
        Self { deadline, ..self }
    }
}

impl Identity {
    pub(crate) fn new(mut authorization: Option<HeaderValue>, realm: Option<HeaderValue>) -> Self {
        if let Some(authorization) = &mut authorization {
            // Sensitive values are left out of Debug and of the header compression table.
            authorization.set_sensitive(true);
        }
        Self { authorization, realm }
    }
}

impl Deadline {
    pub(crate) fn new(span: Duration) -> Self {
        Self { span, spelled: spell(span) }
    }
}

impl<S> Service<Request<Body>> for Transport<S>
where
    S: Service<Request<Body>, Response = Response<Body>>,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Status;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Status>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Status>> {
        self.inner.poll_ready(cx).map_err(|error| failed(error.into()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let headers = request.headers_mut();
        if let Some(authorization) = &self.identity.authorization {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        if let Some(realm) = &self.identity.realm {
            headers.insert(REALM, realm.clone());
        }
        if let Some(trace) = &self.trace {
            trace.add_to(headers);
        }
        // A request that brings its own timeout keeps it; the channel below enforces it.
        let limit = match (&self.deadline, headers.entry(GRPC_TIMEOUT)) {
            (Some(deadline), Entry::Vacant(place)) => {
                place.insert(deadline.spelled.clone());
                Some(deadline.span)
            }
            _ => None,
        };
        let answer = self.inner.call(request);
        Box::pin(async move {
            let answer = match limit {
                None => answer.await,
                // The channel starts its own timer only once it is connected.
                Some(limit) => timeout(limit, answer).await.map_err(|_| Status::deadline_exceeded(LATE))?,
            };
            answer.map(decodable).map_err(|error| failed(error.into()))
        })
    }
}

/// At most 8 digits and a unit, as the gRPC over HTTP/2 protocol prescribes for `Timeout`.
fn spell(span: Duration) -> HeaderValue {
    const MAX_DIGITS: u128 = 99_999_999;
    let text = if span.as_micros() <= MAX_DIGITS {
        format!("{}u", span.as_micros())
    } else if span.as_millis() <= MAX_DIGITS {
        format!("{}m", span.as_millis())
    } else {
        format!("{}S", u128::from(span.as_secs()).min(MAX_DIGITS))
    };
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("99999999S"))
}

/// A failure below gRPC. A lost or missing connection is UNAVAILABLE, the deadline `DEADLINE_EXCEEDED`,
/// and a stream that the server reset keeps the code of the reset.
fn failed(error: Box<dyn Error + Send + Sync>) -> Status {
    let error = match error.downcast::<Status>() {
        Ok(status) => return *status,
        Err(error) => error,
    };
    if sources(&*error).any(<dyn Error>::is::<TimeoutExpired>) {
        return Status::deadline_exceeded(LATE);
    }
    let story = Story(&*error).to_string();
    let status = Status::from_error(error);
    let reset = status.message().starts_with("h2 protocol error");
    match status.code() {
        // The connection was lost before the request was sent.
        Code::Cancelled if !reset => Status::unavailable(story),
        Code::Unknown | Code::Unavailable => Status::unavailable(story),
        code => Status::new(code, story),
    }
}

fn sources<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

/// An error and its causes in one line, without repetition.
pub(crate) struct Story<'a>(pub &'a (dyn Error + 'static));

impl fmt::Display for Story<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut told: Vec<String> = Vec::new();
        // The outermost error only says "transport error".
        let told_by = sources(self.0).filter(|source| !source.is::<tonic::transport::Error>());
        for text in told_by.map(ToString::to_string) {
            if !told.last().is_some_and(|last| last.contains(&text)) {
                told.push(text);
            }
        }
        if told.is_empty() {
            told.push(self.0.to_string());
        }
        f.write_str(&told.join(": "))
    }
}

#[cfg(test)]
mod tests {
    use std::{convert::Infallible, io};

    use tower::{ServiceExt, service_fn};

    use super::*;

    fn transport<S>(inner: S, span: Duration) -> Transport<S> {
        let realm = Some(HeaderValue::from_static("shop"));
        let identity = Identity::new(Some(HeaderValue::from_static("Bearer tgk_1_hidden")), realm);
        Transport::new(inner, identity, Some(Deadline::new(span)))
    }

    async fn echo(request: Request<Body>) -> Result<Response<Body>, Infallible> {
        let mut answer = Response::new(Body::empty());
        *answer.headers_mut() = request.headers().clone();
        Ok(answer)
    }

    #[tokio::test]
    async fn every_call_says_who_where_and_until_when() {
        let transport = transport(service_fn(echo), Duration::from_secs(10));
        let answer = transport.oneshot(Request::new(Body::empty())).await.unwrap();
        let sent = answer.headers();
        assert_eq!(sent["authorization"], "Bearer tgk_1_hidden");
        assert_eq!(sent["tidegate-realm"], "shop");
        assert_eq!(sent["grpc-timeout"], "10000000u");
        assert!(!format!("{sent:?}").contains("hidden"));
    }

    #[tokio::test]
    async fn a_request_may_bring_its_own_timeout() {
        let mut request = Request::new(Body::empty());
        request.headers_mut().insert(GRPC_TIMEOUT, HeaderValue::from_static("7S"));
        let answer = transport(service_fn(echo), Duration::from_secs(10)).oneshot(request).await.unwrap();
        assert_eq!(answer.headers()["grpc-timeout"], "7S");
    }

    #[tokio::test]
    async fn a_server_that_says_nothing_ends_at_the_deadline() {
        let silent = |_| std::future::pending::<Result<Response<Body>, Infallible>>();
        let transport = transport(service_fn(silent), Duration::from_millis(1));
        let status = transport.oneshot(Request::new(Body::empty())).await.unwrap_err();
        assert_eq!(status.code(), Code::DeadlineExceeded);
    }

    #[tokio::test]
    async fn a_broken_connection_is_unavailable_and_says_why() {
        let broken = |_| async { Err::<Response<Body>, _>(io::Error::other("broken pipe")) };
        let transport = transport(service_fn(broken), Duration::from_secs(10));
        let status = transport.oneshot(Request::new(Body::empty())).await.unwrap_err();
        assert_eq!((status.code(), status.message()), (Code::Unavailable, "broken pipe"));
    }

    #[test]
    fn a_timeout_has_at_most_eight_digits() {
        assert_eq!(spell(Duration::from_millis(1)), "1000u");
        assert_eq!(spell(Duration::from_hours(1)), "3600000m");
        assert_eq!(spell(Duration::from_hours(2_400)), "8640000S");
        assert_eq!(spell(Duration::MAX), "99999999S");
    }
}
