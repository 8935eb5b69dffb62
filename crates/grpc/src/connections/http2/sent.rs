//! The answer of a call.
//!
//! The next part of an answer is made when the last one was handed over, and no more than a window of it is in the hands of
//! h2. What a caller does not read is held by a share of what all may hold; without one, and when nothing is read for too long,
//! the call is reset.

use std::{
    pin::{Pin, pin},
    task::{Context, Poll, ready},
    time::Duration,
};

use h2::{Reason, SendStream, server::SendResponse};
use http::Response;
use http_body::Body as HttpBody;
use prost::bytes::Bytes;
use tokio::time::timeout;
use tonic::body::Body;

use super::received::Pump;
use crate::load::{Link, NoRoom};

/// Smaller parts need no share: the calls that may be under way bound them.
const SMALL: usize = 16 * 1024;

/// `patience`: how long the caller may read nothing. The request may go on meanwhile, and `pump` reads it.
pub(super) async fn send(
    answer: Response<Body>,
    mut respond: SendResponse<Bytes>,
    pump: Option<Pump>,
    (link, patience): (Link, Option<Duration>),
) {
    let (head, body) = answer.into_parts();
    let is_whole = body.is_end_stream();
    // Fails where the caller is gone.
    let Ok(stream) = respond.send_response(Response::from_parts(head, ()), is_whole) else { return };
    if !is_whole {
        let mut sending = Sending { stream, pump, link, patience };
        if let Err(Unsent(Some(reason))) = sending.all(body).await {
            sending.stream.send_reset(reason);
        }
    }
}

/// An answer that cannot be sent; the call is reset for this reason, if it is not reset already.
struct Unsent(Option<Reason>);

impl From<h2::Error> for Unsent {
    fn from(_: h2::Error) -> Self {
        Self(None)
    }
}

struct Sending {
    stream: SendStream<Bytes>,
    pump: Option<Pump>,
    link: Link,
    patience: Option<Duration>,
}

impl Sending {
    async fn all(&mut self, body: Body) -> Result<(), Unsent> {
        let mut body = pin!(body);
        loop {
            let frame = std::future::poll_fn(|cx| self.next(body.as_mut(), cx)).await?;
            let Some(frame) = frame else {
                return Ok(self.stream.send_data(Bytes::new(), true)?);
            };
            match frame.into_data() {
                Ok(bytes) => {
                    let is_last = body.is_end_stream();
                    self.part(bytes, is_last).await?;
                    if is_last {
                        return Ok(());
                    }
                }
                Err(frame) => {
                    if let Ok(trailers) = frame.into_trailers() {
                        return Ok(self.stream.send_trailers(trailers)?);
                    }
                }
            }
        }
    }

    fn next(
        &mut self,
        body: Pin<&mut Body>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<http_body::Frame<Bytes>>, Unsent>> {
        self.look(cx)?;
        let frame = ready!(body.poll_frame(cx)).transpose();
        Poll::Ready(frame.map_err(|_| Unsent(Some(Reason::INTERNAL_ERROR))))
    }

    /// What the caller does meanwhile: it may send more, or give up.
    fn look(&mut self, cx: &mut Context<'_>) -> Result<(), Unsent> {
        if let Some(pump) = &mut self.pump {
            pump.read_ahead(cx);
        }
        if self.stream.poll_reset(cx)?.is_ready() { Err(Unsent(None)) } else { Ok(()) }
    }

    async fn part(&mut self, mut bytes: Bytes, is_last: bool) -> Result<(), Unsent> {
        let mut share = None;
        while !bytes.is_empty() {
            self.stream.reserve_capacity(bytes.len());
            if self.stream.capacity() == 0 {
                if share.is_none() && bytes.len() > SMALL {
                    let taken = self.link.answer(bytes.len());
                    share = Some(taken.map_err(|NoRoom| Unsent(Some(Reason::ENHANCE_YOUR_CALM)))?);
                }
                self.wait().await?;
            }
            let piece = bytes.split_to(self.stream.capacity().min(bytes.len()));
            if !piece.is_empty() {
                self.stream.send_data(piece, is_last && bytes.is_empty())?;
            }
        }
        Ok(())
    }

    /// Waits until the caller has read something.
    async fn wait(&mut self) -> Result<(), Unsent> {
        let limit = self.patience;
        let read = std::future::poll_fn(|cx| {
            self.look(cx)?;
            match ready!(self.stream.poll_capacity(cx)) {
                Some(Ok(_)) => Poll::Ready(Ok(())),
                Some(Err(error)) => Poll::Ready(Err(error.into())),
                None => Poll::Ready(Err(Unsent(None))),
            }
        });
        match limit {
            None => read.await,
            Some(limit) => {
                let late = |_| Err(Unsent(Some(Reason::CANCEL)));
                timeout(limit, read).await.unwrap_or_else(late)
            }
        }
    }
}
