//! What every call passes before it is parsed. The gate counts the call as under way, checks its
//! headers, sets its deadline, identifies its caller, and catches its panics.
//!
//! One service does all of this instead of a stack of middleware, because an answer from the cache
//! costs hardly more than these checks.

use std::{
    convert::Infallible,
    future::Future,
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use futures_util::FutureExt as _;
use http::{Request, Response};
use tidegate_core::CredentialId;
use tidegate_service::App;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::{body::Body, service::Routes};
use tower::{Service, ServiceExt as _};

use crate::{
    call_counts::{self, CallCounts},
    deadline,
    evaluations::{FastPath, HotMethod},
    frames::FramedBody,
    headers::{self, HeaderFault},
    identity::{self, Admitted},
    patience::PatientBody,
    refusal_log,
    rules::{self, Rules},
    status,
};

/// Cheap to clone, because each call clones it.
#[derive(Clone)]
pub(crate) struct Gate(Arc<Inside>);

/// An answer, and the caller's credential if it was found before the deadline.
type Answered = (Response<Body>, Option<CredentialId>);

struct Inside {
    app: App,
    rules: Rules,
    fast_path: FastPath,
    routes: Routes,
    calls: TaskTracker,
    stopping: CancellationToken,
    counts: CallCounts,
    max_deadline: Duration,
}

impl Gate {
    /// `calls` counts the calls under way: a shutdown waits for them, and not for idle connections. From `stopping` on,
    /// no call waits long for its caller.
    pub(crate) fn new(
        app: App,
        rules: Rules,
        fast_path: FastPath,
        routes: Routes,
        (calls, stopping): (TaskTracker, CancellationToken),
        max_deadline: Duration,
    ) -> Self {
        let counts = CallCounts::new(app.metrics(), &rules);
        let routes = routes.prepare();
        Self(Arc::new(Inside { app, rules, fast_path, routes, calls, stopping, counts, max_deadline }))
    }
}

impl Service<Request<Body>> for Gate {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let inside = self.0.clone();
        let under_way = inside.calls.token();
        let asked = headers::read(&request);
        let deadline = deadline::of(request.uri().path(), asked.ok().flatten(), inside.max_deadline);
        Box::pin(async move {
            let (_under_way, begun) = (under_way, Instant::now());
            let path = inside.counts.known(request.uri().path());
            let (answer, credential) = inside.within(deadline, request, asked.err()).await;
            inside.counts.ended(path, &answer, begun.elapsed());
            refusal_log::write(path, credential, &answer);
            Ok(answer)
        })
    }
}

impl Inside {
    /// Passes the call, unless its deadline comes first.
    async fn within(
        &self,
        deadline: Option<Duration>,
        request: Request<Body>,
        fault: Option<HeaderFault>,
    ) -> Answered {
        let call = AssertUnwindSafe(self.pass(request, fault)).catch_unwind();
        let ended = match deadline {
            None => call.await,
            // The deadline has passed already, so nothing is carried out.
            Some(Duration::ZERO) => return (status::deadline_exceeded().into_http(), None),
            Some(deadline) => match tokio::time::timeout(deadline, call).await {
                Ok(ended) => ended,
                Err(_) => return (status::deadline_exceeded().into_http(), None),
            },
        };
        ended.unwrap_or_else(|_| (status::panicked(&self.app).into_http(), None))
    }

    async fn pass(&self, request: Request<Body>, fault: Option<HeaderFault>) -> Answered {
        let line = Line::of(&request);
        let (answer, credential) = match fault {
            None => self.admit(request).await,
            Some(fault) => (fault.answer(request.headers()), None),
        };
        if let Some(line) = line {
            line.write(credential, &answer);
        }
        (answer, credential)
    }

    async fn admit(&self, request: Request<Body>) -> Answered {
        // Both are read before the first await: a body is not `Sync`, so no reference to the
        // request may be held across one.
        let access = self.rules.of(request.uri());
        let presented = identity::presented(&request);
        match identity::admit(&self.app, presented, access).await {
            Ok(admitted) => {
                let credential = admitted.as_ref().map(|admitted| admitted.caller.credential);
                (status::with_reason(self.answer(request, admitted).await), credential)
            }
            Err(refused) => (refused.into_http(), None),
        }
    }

    async fn answer(&self, request: Request<Body>, admitted: Option<Admitted>) -> Response<Body> {
        let path = request.uri().path();
        let (messages, hot) = (rules::messages(path), HotMethod::of(path));
        let mut request = request.map(|body| {
            PatientBody::new(FramedBody::new(body, messages), self.app.clone(), self.stopping.clone())
        });
        if let Some(admitted) = admitted {
            if let Some(hot) = hot {
                return self.fast_path.answer(hot, admitted, request).await;
            }
            request.extensions_mut().insert(admitted);
        }
        let Ok(answer) = self.routes.clone().oneshot(request).await;
        answer
    }
}

/// The log line of a call, written at `tidegate_grpc::gate=debug`: method, credential, status and
/// duration. It contains nothing of the request or of the answer (INV-47).
struct Line {
    path: String,
    begun: Instant,
}

impl Line {
    fn of(request: &Request<Body>) -> Option<Self> {
        let asked_for = tracing::enabled!(tracing::Level::DEBUG);
        asked_for.then(|| Self { path: request.uri().path().to_owned(), begun: Instant::now() })
    }

    fn write(self, credential: Option<CredentialId>, answer: &Response<Body>) {
        let Self { path, begun } = self;
        let code = call_counts::code(answer);
        let credential = credential.map(|id| id.to_string()).unwrap_or_default();
        let micros = begun.elapsed().as_micros();
        tracing::debug!(path, credential, code, micros, "call");
    }
}
