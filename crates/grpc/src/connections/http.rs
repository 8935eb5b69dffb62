//! HTTP on one connection.

use std::{convert::Infallible, pin::pin, sync::Arc, time::Duration};

use http::Request;
use http_body::Body as HttpBody;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use prost::bytes::Bytes;
use tidegate_proto as proto;
use tidegate_service::App;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::timeout,
};
use tonic::body::Body;

use super::{
    ConnectionSettings,
    http2::Http2,
    leaving::{End, Leaving},
    paced::{self, Paced},
};
use crate::{
    gate::{Answering, Gate},
    identity::PeerCredential,
    load::{Link, Load, StrangerCall, TakenPlace},
    web::{self, WebOrigins},
};

/// The most bytes of a request's head over HTTP/1.1, and how much of its body is read ahead.
const HTTP1_BUFFER: usize = 32 * 1024;
/// How long the head of a request over HTTP/1.1 may take, which bounds idle connections too.
const HTTP1_HEAD_TIMEOUT: Duration = Duration::from_secs(30);

pub(super) trait Socket: AsyncRead + AsyncWrite + Unpin + Send + 'static {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Socket for S {}

/// How HTTP is served, the same for all connections.
pub(super) struct Http {
    http1: http1::Builder,
    http2: Http2,
    app: App,
    load: Arc<Load>,
    gate: Gate,
    web_origins: Option<WebOrigins>,
    limits: HttpLimits,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct HttpLimits {
    /// How long the first bytes may take, and how long a stranger's calls may take when its connection ends.
    pub(super) handshake: Duration,
    /// How long calls may take when the connection of a known caller ends.
    pub(super) grace: Duration,
    /// How long the caller of a call that is no stream may read nothing of its answer.
    pub(super) unread: Duration,
}

impl Http {
    pub(super) fn new(
        settings: &ConnectionSettings,
        limits: HttpLimits,
        (app, load, gate): (App, Arc<Load>, Gate),
        web_origins: Option<WebOrigins>,
    ) -> Self {
        let mut http1 = http1::Builder::new();
        let head_timeout = HTTP1_HEAD_TIMEOUT.min(settings.handshake_timeout);
        http1.timer(TokioTimer::new()).header_read_timeout(head_timeout).max_buf_size(HTTP1_BUFFER);
        Self { http1, http2: Http2::new(settings), app, load, gate, web_origins, limits }
    }

    /// Serves until the caller or an error ends the connection, or it must end. HTTP/1.1 is spoken only where gRPC-Web is
    /// on.
    pub(super) async fn serve(&self, mut socket: impl Socket, mut leaving: Leaving) {
        let head = if self.web_origins.is_none() {
            Ok((true, Bytes::new()))
        } else {
            let read = timeout(self.limits.handshake, paced::speaks_http2(&mut socket));
            tokio::select! {
                read = read => read.map_err(|_| End::Silent).and_then(|read| read.map_err(End::failed)),
                end = leaving.next() => match end {
                    None => return,
                    Some(end) => Err(end),
                },
            }
        };
        let ended = match head {
            Err(end) => Err(end),
            Ok((true, head)) => self.http2.serve(Paced::new(head, socket), self, &mut leaving).await,
            Ok((false, head)) => self.serve_http1(Paced::new(head, socket), &mut leaving).await,
        };
        if let Err(end) = ended {
            leaving.tell(&end);
        }
    }

    async fn serve_http1(&self, socket: impl Socket, leaving: &mut Leaving) -> Result<(), End> {
        let (link, peer) = (leaving.link().clone(), leaving.peer());
        let service = service_fn(|request: Request<Incoming>| {
            let (call, places) = (self.call(request, peer, link.clone()), self.begin_call(&link));
            async move {
                let _places = places;
                Ok::<_, Infallible>(call.await)
            }
        });
        let mut connection = pin!(self.http1.serve_connection(TokioIo::new(socket), service));
        loop {
            let leaves = tokio::select! {
                ended = connection.as_mut() => return ended.map_err(End::failed),
                end = leaving.next() => match end {
                    None => true,
                    Some(end) => return Err(end),
                },
                () = link.known() => false,
            };
            if leaves {
                connection.as_mut().graceful_shutdown();
                let ended = timeout(self.grace(&link), connection).await;
                return ended.map_or(Ok(()), |ended| ended.map_err(End::failed));
            }
        }
    }

    /// `None`: too many calls are under way.
    pub(super) fn begin_call(&self, link: &Link) -> Option<(TakenPlace, Option<StrangerCall>)> {
        let places = self.load.calls.take().zip(link.begin_call().ok());
        if places.is_none() {
            self.app.metrics().throttled("calls");
        }
        places
    }

    /// How long calls under way may take when the connection ends.
    pub(super) fn grace(&self, link: &Link) -> Duration {
        if link.is_known() { self.limits.grace } else { self.limits.grace.min(self.limits.handshake) }
    }

    /// How long the caller may read nothing of the answer of the method at this path. `None`: a stream is read when it is.
    pub(super) fn unread(&self, path: &str) -> Option<Duration> {
        (!proto::STREAMS.contains(&path)).then_some(self.limits.unread)
    }

    pub(super) fn call<B>(&self, request: Request<B>, peer: Option<PeerCredential>, link: Link) -> Answering
    where
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let mut request = request.map(Body::new);
        if let Some(peer) = peer {
            request.extensions_mut().insert(peer);
        }
        match &self.web_origins {
            None => self.gate.call(request, link),
            Some(origins) => web::call(&self.gate, origins, request, link),
        }
    }
}
