//! HTTP on one connection.

use std::{convert::Infallible, pin::pin, time::Duration};

use http::{Request, Response};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tonic::body::Body;
use tower::Service as _;

use super::ConnectionSettings;
use crate::{
    gate::Gate,
    identity::PeerCredential,
    web::{self, WebOrigins},
};

/// The most bytes of a request's headers, names and 32 bytes for each entry included.
const MAX_HEADERS: u32 = 16 * 1024;
/// The same for HTTP/1.1, where it also bounds how much of a body is read ahead.
const HTTP1_BUFFER: usize = 32 * 1024;
/// How long the head of a request over HTTP/1.1 may take, which bounds idle connections too.
const HTTP1_HEAD_TIMEOUT: Duration = Duration::from_secs(30);

pub(super) trait Socket: AsyncRead + AsyncWrite + Unpin + Send + 'static {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Socket for S {}

/// How HTTP is served, the same for all connections.
pub(super) struct Http {
    builder: Builder<TokioExecutor>,
    grace: Duration,
    gate: Gate,
    web_origins: Option<WebOrigins>,
}

impl Http {
    pub(super) fn new(
        settings: ConnectionSettings,
        grace: Duration,
        gate: Gate,
        web_origins: Option<WebOrigins>,
    ) -> Self {
        let mut builder = Builder::new(TokioExecutor::new());
        if web_origins.is_none() {
            builder = builder.http2_only();
        }
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(HTTP1_HEAD_TIMEOUT)
            .max_buf_size(HTTP1_BUFFER);
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(settings.max_calls)
            .max_header_list_size(MAX_HEADERS)
            .keep_alive_interval(settings.keepalive_interval)
            .keep_alive_timeout(settings.keepalive_timeout);
        Self { builder, grace, gate, web_origins }
    }

    /// Serves until the caller or an error ends the connection. From its age on, or when the server
    /// stops, it takes no more calls (GOAWAY), and ends with the last call.
    pub(super) async fn serve(
        &self,
        socket: impl Socket,
        peer: Option<PeerCredential>,
        age: Option<Duration>,
        stopping: CancellationToken,
    ) {
        let service = service_fn(|request| self.call(request, peer));
        let mut connection = pin!(self.builder.serve_connection(TokioIo::new(socket), service));
        let aged = async {
            match age {
                Some(age) => sleep(age).await,
                None => std::future::pending().await,
            }
        };
        let ended = tokio::select! {
            ended = connection.as_mut() => Some(ended),
            () = aged => None,
            () = stopping.cancelled() => None,
        };
        let ended = if let Some(ended) = ended {
            ended
        } else {
            connection.as_mut().graceful_shutdown();
            timeout(self.grace, connection).await.unwrap_or(Ok(()))
        };
        if let Err(error) = ended {
            tracing::debug!(error = &*error as &dyn std::error::Error, "a connection failed");
        }
    }

    fn call(
        &self,
        request: Request<Incoming>,
        peer: Option<PeerCredential>,
    ) -> impl Future<Output = Result<Response<Body>, Infallible>> + 'static + use<> {
        let mut request = request.map(Body::new);
        if let Some(peer) = peer {
            request.extensions_mut().insert(peer);
        }
        let mut gate = self.gate.clone();
        match &self.web_origins {
            None => gate.call(request),
            Some(origins) => web::call(gate, origins, request),
        }
    }
}
