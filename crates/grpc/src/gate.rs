//! What every call passes before it is parsed. The gate counts the call as under way, checks its
//! headers, sets its deadline, identifies its caller, and catches its panics.
//!
//! One service does all of this instead of a stack of middleware, because an answer from the cache
//! costs hardly more than these checks.

use std::{
    future::Future,
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use futures_util::FutureExt as _;
use http::{Request, Response};
use http_body::{Body as HttpBody, Frame, SizeHint};
use prost::bytes::Bytes;
use tidegate_core::CredentialId;
use tidegate_service::App;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::{Status, body::Body, service::Routes};
use tower::ServiceExt as _;
use tracing::{Instrument as _, Span};

use crate::{
    call_counts::{self, CallCounts},
    call_span::{self, Tracing},
    deadline,
    evaluations::{FastPath, HotMethod},
    frames::FramedBody,
    headers::{self, HeaderFault},
    identity::{self, Admitted},
    load::{self, Link, TwoPlaces},
    patience::PatientBody,
    refusal_log,
    rules::{Access, RequestForm, Rules},
    status,
};

/// What is asked for.
struct Asked {
    request: Request<Body>,
    /// Absent: there is no such method.
    rule: Option<(Access, RequestForm)>,
    link: Link,
}

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
    /// Of calls that need no credential: their message has a few bytes, and comes at once.
    anonymous_deadline: Duration,
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
        ([max_deadline, anonymous_deadline], tracing): ([Duration; 2], Option<Arc<dyn Tracing>>),
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
            anonymous_deadline,
        }))
    }
}

/// The answer of a call. Boxed, because it is large.
pub(crate) type Answering = Pin<Box<dyn Future<Output = Response<Body>> + Send>>;

impl Gate {
    /// Carries a call out that came on this connection.
    pub(crate) fn call(&self, request: Request<Body>, link: Link) -> Answering {
        let inside = self.0.clone();
        let under_way = inside.calls.token();
        let asked = headers::read(&request);
        let rule = inside.rules.with_form(request.uri());
        let longest = match rule {
            Some((Access::Public, _)) => inside.max_deadline.min(inside.anonymous_deadline),
            _ => inside.max_deadline,
        };
        let deadline = deadline::of(request.uri().path(), asked.ok().flatten(), longest);
        Box::pin(async move {
            let (_under_way, begun) = (under_way, Instant::now());
            let path = inside.counts.known(request.uri().path());
            let tracing = inside.tracing.as_deref();
            let span = tracing.map_or_else(Span::none, |it| call_span::begin(it, path, request.headers()));
            let caller = FoundCaller::new();
            let call = inside.within(deadline, Asked { request, rule, link }, asked.err(), &caller);
            let answer = call.instrument(span.clone()).await;
            let code = call_counts::code(&answer);
            inside.counts.ended(path, code, begun.elapsed());
            call_span::end(&span, code, caller.get().is_some());
            span.in_scope(|| refusal_log::write(path, caller.get(), code, &answer));
            answer
        })
    }
}

impl Inside {
    /// Passes the call, unless its deadline comes first.
    async fn within(
        &self,
        deadline: Option<Duration>,
        asked: Asked,
        fault: Option<HeaderFault>,
        caller: &FoundCaller,
    ) -> Response<Body> {
        let call = AssertUnwindSafe(self.pass(asked, fault, caller)).catch_unwind();
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

    async fn pass(&self, asked: Asked, fault: Option<HeaderFault>, caller: &FoundCaller) -> Response<Body> {
        let line = Line::of(&asked.request);
        let answer = match fault {
            None => self.admit(asked, caller).await,
            Some(fault) => fault.answer(asked.request.headers()),
        };
        if let Some(line) = line {
            line.write(caller.get(), &answer);
        }
        answer
    }

    async fn admit(&self, asked: Asked, caller: &FoundCaller) -> Response<Body> {
        let Asked { request, rule, link } = asked;
        // It is read before the first await: a body is not `Sync`, so no reference to the
        // request may be held across one.
        let presented = identity::presented(&request);
        match identity::admit(&self.app, presented, rule.map(|(access, _)| access)).await {
            Ok(admitted) => {
                if let Some(admitted) = &admitted {
                    // It is empty until here.
                    let _ = caller.set(admitted.caller.credential);
                    link.know();
                }
                // A path without a rule was refused.
                let Some((_, form)) = rule else { return status::no_such_method().into_http() };
                status::with_reason(self.answer(request, admitted, form, link).await)
            }
            Err(refused) => refused.into_http(),
        }
    }

    async fn answer(
        &self,
        request: Request<Body>,
        admitted: Option<Admitted>,
        form: RequestForm,
        link: Link,
    ) -> Response<Body> {
        let hot = HotMethod::of(request.uri().path());
        let places = match admitted {
            None => Some(link.anonymous_call().ok_or("anonymous_calls")),
            Some(_) => form.is_bulk.then(|| link.bulk_call().ok_or("bulk_calls")),
        };
        let places = match places.transpose() {
            Ok(places) => places,
            Err(what) => return self.busy(what),
        };
        let mut request = request.map(|body| {
            PatientBody::new(FramedBody::new(body, form, link), self.app.clone(), self.stopping.clone())
        });
        if let Some(admitted) = admitted {
            if let Some(hot) = hot {
                return self.fast_path.answer(hot, admitted, request).await;
            }
            request.extensions_mut().insert(admitted);
        }
        let Ok(answer) = self.routes.clone().oneshot(request).await;
        match places {
            None => answer,
            Some(places) => answer.map(|body| Body::new(PlacedBody { body, _places: places })),
        }
    }

    fn busy(&self, what: &'static str) -> Response<Body> {
        self.app.metrics().throttled(what);
        status::refused(&load::BUSY).into_http()
    }
}

/// The body of an answer whose call holds places until it has ended.
struct PlacedBody {
    body: Body,
    _places: TwoPlaces,
}

impl HttpBody for PlacedBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
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
