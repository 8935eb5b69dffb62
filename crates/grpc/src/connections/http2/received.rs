//! The body of a request.
//!
//! A handler that takes one message reads all the time until it has it. One that takes many works on a message before it
//! reads the next one, and its frames wait meanwhile. The task of the call reads these ahead (`Pump`), and puts them together:
//! a frame costs h2 some hundred bytes, however small it is. The caller gets its window back only when the handler takes the
//! bytes, so that no more than a window is held.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker, ready},
};

use h2::{FlowControl, Reason, RecvStream};
use http::HeaderMap;
use http_body::{Body as HttpBody, Frame};
use prost::bytes::{Bytes, BytesMut};
use tonic::body::Body;

/// The body, and what reads it ahead where that is asked for.
pub(super) fn body(stream: RecvStream, is_read_ahead: bool) -> (Body, Option<Pump>) {
    if stream.is_end_stream() {
        return (Body::empty(), None);
    }
    if !is_read_ahead {
        return (Body::new(Received { stream, is_read: false }), None);
    }
    let mut stream = stream;
    let window = stream.flow_control().clone();
    let inbox = Inbox::default();
    let pump = Pump { received: Received { stream, is_read: false }, inbox: inbox.clone() };
    (Body::new(ReadAhead { inbox, window }), Some(pump))
}

/// What h2 has received.
struct Received {
    stream: RecvStream,
    /// All data was read; trailers may follow.
    is_read: bool,
}

impl Received {
    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, h2::Error>>> {
        let data = match ready!(self.stream.poll_data(cx)) {
            Some(Err(error)) => Some(Err(error)),
            Some(Ok(bytes)) => Some(Ok(bytes)),
            None => {
                self.is_read = true;
                None
            }
        };
        Poll::Ready(data)
    }

    fn poll_trailers(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<HeaderMap>, h2::Error>> {
        self.stream.poll_trailers(cx)
    }
}

/// A caller that needs no answer any more may say so without an error (RFC 9113 §8.1): the body ends.
fn unless_no_error<T>(failed: h2::Error) -> Option<Result<T, h2::Error>> {
    (failed.reason() != Some(Reason::NO_ERROR)).then_some(Err(failed))
}

impl HttpBody for Received {
    type Data = Bytes;
    type Error = h2::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, h2::Error>>> {
        if !self.is_read {
            match ready!(self.poll_data(cx)) {
                Some(Ok(bytes)) => {
                    // Fails only for more bytes than were received.
                    let _ = self.stream.flow_control().release_capacity(bytes.len());
                    return Poll::Ready(Some(Ok(Frame::data(bytes))));
                }
                Some(Err(error)) => return Poll::Ready(unless_no_error(error)),
                None => {}
            }
        }
        Poll::Ready(match ready!(self.poll_trailers(cx)) {
            Ok(trailers) => trailers.map(Frame::trailers).map(Ok),
            Err(error) => unless_no_error(error),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.stream.is_end_stream()
    }
}

/// What was read ahead. The task of the call fills it, and its handler, which mostly runs in the same task, takes from it.
#[derive(Clone, Default)]
struct Inbox(Arc<Mutex<Ahead>>);

#[derive(Default)]
struct Ahead {
    bytes: BytesMut,
    /// What follows the bytes.
    end: Option<Result<Option<HeaderMap>, h2::Error>>,
    handler: Option<Waker>,
}

impl Inbox {
    fn lock(&self) -> MutexGuard<'_, Ahead> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads a request ahead of its handler.
pub(super) struct Pump {
    received: Received,
    inbox: Inbox,
}

impl Pump {
    /// Reads what there is. The task is woken when there is more.
    pub(super) fn read_ahead(&mut self, cx: &mut Context<'_>) {
        let mut ahead = self.inbox.lock();
        if ahead.end.is_some() {
            return;
        }
        let mut is_new = false;
        while !self.received.is_read {
            match self.received.poll_data(cx) {
                Poll::Pending => break,
                Poll::Ready(Some(Ok(bytes))) => ahead.bytes.extend_from_slice(&bytes),
                Poll::Ready(Some(Err(error))) => {
                    ahead.end = Some(Err(error));
                    self.received.is_read = true;
                }
                Poll::Ready(None) => {}
            }
            is_new = true;
        }
        if self.received.is_read
            && ahead.end.is_none()
            && let Poll::Ready(trailers) = self.received.poll_trailers(cx)
        {
            ahead.end = Some(trailers);
            is_new = true;
        }
        if is_new && let Some(handler) = ahead.handler.take() {
            handler.wake();
        }
    }
}

/// The body of a request that is read ahead.
struct ReadAhead {
    inbox: Inbox,
    window: FlowControl,
}

impl HttpBody for ReadAhead {
    type Data = Bytes;
    type Error = h2::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, h2::Error>>> {
        let this = &mut *self;
        let mut ahead = this.inbox.lock();
        if !ahead.bytes.is_empty() {
            let bytes = ahead.bytes.split().freeze();
            // Fails only for more bytes than were received.
            let _ = this.window.release_capacity(bytes.len());
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        match ahead.end.replace(Ok(None)) {
            Some(Ok(trailers)) => Poll::Ready(trailers.map(Frame::trailers).map(Ok)),
            Some(Err(error)) => Poll::Ready(unless_no_error(error)),
            None => {
                ahead.end = None;
                ahead.handler = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}
