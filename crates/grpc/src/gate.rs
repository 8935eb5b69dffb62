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
    sync::{Arc, OnceLock},
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
use tracing::{Instrument as _, Span};

use crate::{
    call_counts::{self, CallCounts},
    call_span::{self, Tracing},
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

/// The caller's credential, once it is found: what is said of a call that was too slow needs it too.
type FoundCaller = OnceLock<CredentialId>;

struct Inside {
    app: App,
    rules: Rules,
    fast_path: FastPath,
    routes: Routes,
    calls: TaskTracker,
    stopping: CancellationToken,
    counts: CallCounts,
    tracing: Option<Arc<dyn Tracing>>,
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
        (max_deadline, tracing): (Duration, Option<Arc<dyn Tracing>>),
    ) -> Self {
        let counts = CallCounts::new(app.metrics(), &rules);
        let routes = routes.prepare();
        Self(Arc::new(Inside {
            app,
            rules,
            fast_path,
            routes,
            calls,
            stopping,
            counts,
            tracing,
            max_deadline,
        }))
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
            let tracing = inside.tracing.as_deref();
            let span = tracing.map_or_else(Span::none, |it| call_span::begin(it, path, request.headers()));
            let caller = FoundCaller::new();
            let call = inside.within(deadline, request, asked.err(), &caller);
            let answer = call.instrument(span.clone()).await;
            let code = call_counts::code(&answer);
            inside.counts.ended(path, code, begun.elapsed());
            call_span::end(&span, code, caller.get().is_some());
            span.in_scope(|| refusal_log::write(path, caller.get(), code, &answer));
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
        caller: &FoundCaller,
    ) -> Response<Body> {
        let call = AssertUnwindSafe(self.pass(request, fault, caller)).catch_unwind();
        let ended = match deadline {
            None => call.await,
            // The deadline has passed already, so nothing is carried out.
            Some(Duration::ZERO) => return status::deadline_exceeded().into_http(),
            Some(deadline) => match tokio::time::timeout(deadline, call).await {
                Ok(ended) => ended,
                Err(_) => return status::deadline_exceeded().into_http(),
            },
        };
        ended.unwrap_or_else(|_| status::panicked(&self.app).into_http())
    }

    async fn pass(
        &self,
        request: Request<Body>,
        fault: Option<HeaderFault>,
        caller: &FoundCaller,
    ) -> Response<Body> {
        let line = Line::of(&request);
        let answer = match fault {
            None => self.admit(request, caller).await,
            Some(fault) => fault.answer(request.headers()),
        };
        if let Some(line) = line {
            line.write(caller.get(), &answer);
        }
        answer
    }

    async fn admit(&self, request: Request<Body>, caller: &FoundCaller) -> Response<Body> {
        // Both are read before the first await: a body is not `Sync`, so no reference to the
        // request may be held across one.
        let access = self.rules.of(request.uri());
        let presented = identity::presented(&request);
        match identity::admit(&self.app, presented, access).await {
            Ok(admitted) => {
                if let Some(admitted) = &admitted {
                    // It is empty until here.
                    let _ = caller.set(admitted.caller.credential);
                }
                status::with_reason(self.answer(request, admitted).await)
            }
            Err(refused) => refused.into_http(),
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

    fn write(self, credential: Option<&CredentialId>, answer: &Response<Body>) {
        let Self { path, begun } = self;
        let code = call_counts::code(answer);
        let credential = credential.map(ToString::to_string).unwrap_or_default();
        let micros = begun.elapsed().as_micros();
        tracing::debug!(path, credential, code, micros, "call");
    }
}
