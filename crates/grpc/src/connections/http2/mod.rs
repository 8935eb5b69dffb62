//! HTTP/2 on one connection.
//!
//! h2 is driven directly. hyper's server reads no frame of a request whose handler works on an earlier message, and its
//! bound of small frames cannot be set: h2 ends a connection where too many of them wait (`too_many_data_frames`), so that an
//! import of many small messages would end all other calls on its connection.
//!
//! What is held for a connection: a window of bytes of each request that is not read (`received.rs`), and of each answer that
//! its caller does not read a share of what all may hold (`sent.rs`).

mod received;
mod sent;

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    task::{Context, Poll},
    time::Duration,
};

use futures_util::future::OptionFuture;
use h2::{
    Ping, PingPong, RecvStream,
    server::{Builder, Connection, SendResponse},
};
use http::{Request, Response};
use prost::bytes::Bytes;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::{sleep, timeout},
};
use tonic::body::Body;

use self::received::Pump;
use super::{
    ConnectionSettings,
    http::Http,
    leaving::{End, Leaving},
};
use crate::{gate::Answering, load, rules, status};

/// The most bytes of a request's headers, names and 32 bytes for each entry included.
const MAX_HEADERS: u32 = 16 * 1024;
/// How much of a request a known caller may send ahead, for one call and for a connection. A stranger may send 64 KiB. The
/// window of the connection is larger than those of all calls that may wait (`load.rs`), so that the others go on.
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 2 * 1024 * 1024;
/// What waits to be written for each call.
const SEND_BUFFER: usize = 32 * 1024;
/// Small frames that wait to be read, as h2 counts them: 256 for each, less its bytes. All are read at once (`received.rs`),
/// and a turn of reading brings 400 of them (`paced.rs`), so only tasks that do not run could let so many wait.
const SMALL_FRAMES: usize = 1024 * 1024;
/// Calls that the caller resets before they are accepted.
const MAX_RESET: usize = 20;
/// Calls that h2 itself resets because the caller broke the protocol.
const MAX_ERRORS: usize = 1024;

/// How HTTP/2 is served, the same for all connections.
pub(super) struct Http2 {
    builder: Builder,
    handshake_timeout: Duration,
    keepalive: (Duration, Duration),
}

impl Http2 {
    pub(super) fn new(settings: &ConnectionSettings) -> Self {
        let mut builder = Builder::new();
        builder
            .max_concurrent_streams(settings.max_calls)
            .max_header_list_size(MAX_HEADERS)
            .max_send_buffer_size(SEND_BUFFER)
            .data_frame_budget(SMALL_FRAMES)
            .max_pending_accept_reset_streams(MAX_RESET)
            .max_local_error_reset_streams(Some(MAX_ERRORS));
        Self {
            builder,
            handshake_timeout: settings.handshake_timeout,
            keepalive: (settings.keepalive_interval, settings.keepalive_timeout),
        }
    }

    /// Serves until the caller or an error ends the connection, or until it must end at once. When it must leave, it takes
    /// no more calls (GOAWAY) and ends with the last one, or after the grace.
    pub(super) async fn serve<S>(&self, socket: S, http: &Http, leaving: &mut Leaving) -> Result<(), End>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let handshake = self.builder.handshake(socket);
        let begun = tokio::select! {
            begun = timeout(self.handshake_timeout, handshake) => begun,
            end = leaving.next() => return end.map_or(Ok(()), Err),
        };
        let mut connection: Connection<S, Bytes> = match begun {
            Ok(begun) => begun.map_err(End::failed)?,
            Err(_) => return Err(End::Silent),
        };
        let mut unanswered = pin!(unanswered(connection.ping_pong(), self.keepalive));
        let link = leaving.link().clone();
        let (mut is_known, mut is_gone) = (false, false);
        let mut grace = pin!(OptionFuture::from(None));
        loop {
            let has_room = link.has_room();
            let accepted = poll_fn(|cx| {
                if has_room {
                    return connection.poll_accept(cx);
                }
                // The connection goes on, and its next call waits.
                connection.poll_closed(cx).map(|closed| closed.err().map(Err))
            });
            tokio::select! {
                // Calls first: the rest is looked at when there are no more of them, as there are after each turn of reading.
                biased;
                accepted = accepted => match accepted {
                    None => return Ok(()),
                    Some(Ok((request, respond))) => begin(request, respond, http, leaving),
                    Some(Err(error)) => return Err(End::failed(error)),
                },
                end = leaving.next() => {
                    if let Some(end) = end {
                        return Err(end);
                    }
                    connection.graceful_shutdown();
                    grace.set(Some(sleep(http.grace(&link))).into());
                }
                Some(()) = &mut grace => return Ok(()),
                () = link.call_ended(), if !has_room => {}
                () = link.known(), if !is_known => {
                    is_known = true;
                    connection.set_target_window_size(CONNECTION_WINDOW);
                    // Fails only while an earlier change is under way, and this is the only one.
                    let _ = connection.set_initial_window_size(STREAM_WINDOW);
                }
                () = &mut unanswered, if !is_gone => {
                    is_gone = true;
                    connection.abrupt_shutdown(h2::Reason::NO_ERROR);
                }
            }
        }
    }
}

/// Pings the caller, so that the connection of one that is gone does not stay open. Ends when a ping is not answered.
async fn unanswered(pings: Option<PingPong>, (interval, limit): (Duration, Duration)) {
    if let Some(mut pings) = pings {
        loop {
            sleep(interval).await;
            match timeout(limit, pings.ping(Ping::opaque())).await {
                Ok(Ok(_)) => {}
                // The connection has ended.
                Ok(Err(_)) => break,
                Err(_) => return,
            }
        }
    }
    std::future::pending::<()>().await;
}

/// Carries one call out, in a task of its own.
fn begin(request: Request<RecvStream>, respond: SendResponse<Bytes>, http: &Http, leaving: &Leaving) {
    let link = leaving.link().clone();
    let path = request.uri().path();
    let (is_read_ahead, patience) = (rules::is_client_stream(path), http.unread(path));
    let Some(places) = http.begin_call(&link) else {
        let busy = status::refused(&load::BUSY).into_http();
        tokio::spawn(sent::send(busy, respond, None, (link, patience)));
        return;
    };
    let (head, stream) = request.into_parts();
    let (body, pump) = received::body(stream, is_read_ahead);
    let call = http.call(Request::from_parts(head, body), leaving.peer(), link.clone());
    tokio::spawn(async move {
        let (_places, mut respond, mut pump) = (places, respond, pump);
        let answered = Answered { call, respond: &mut respond, pump: &mut pump };
        if let Some(answer) = answered.await {
            sent::send(answer, respond, pump, (link, patience)).await;
        }
    });
}

/// Waits for the answer of a call. `None`: its caller has given it up.
struct Answered<'r> {
    call: Answering,
    respond: &'r mut SendResponse<Bytes>,
    pump: &'r mut Option<Pump>,
}

impl Future for Answered<'_> {
    type Output = Option<Response<Body>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if let Some(pump) = this.pump {
            pump.read_ahead(cx);
        }
        if let Poll::Ready(answer) = this.call.as_mut().poll(cx) {
            return Poll::Ready(Some(answer));
        }
        this.respond.poll_reset(cx).map(|_| None)
    }
}
