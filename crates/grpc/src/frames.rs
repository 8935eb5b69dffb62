//! Checks the framing of a request's body: each message has a prefix of five bytes, and there are
//! as many messages as the method takes (PROTOCOL-HTTP2.md, "Length-Prefixed-Message"). tonic reads
//! the frames too, but accepts two messages where the method takes one, and answers INTERNAL to
//! mistakes of the caller.
//!
//! Nothing is copied: the bytes are checked as they pass.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use http_body::{Body as HttpBody, Frame, SizeHint};
use prost::bytes::Bytes;
use tonic::{Status, body::Body};

use crate::status;

/// How many messages a request of the method has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Messages {
    One,
    Any,
}

/// How far the body was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before a message, or after the last one.
    Between,
    /// Inside a length: `read` of its bytes were read, and their value is `length`.
    Length { read: u8, length: u32 },
    /// Inside a message: `left` bytes are missing, at least one.
    Message { left: u32 },
}

/// The state of the check of one body.
#[derive(Debug, Clone, Copy)]
struct Frames {
    takes: Messages,
    place: Place,
    begun: bool,
}

/// What is wrong with the body of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FrameFault {
    Missing,
    Several,
    Flag,
    Cut,
}

impl FrameFault {
    const fn must(self) -> &'static str {
        match self {
            Self::Missing => "must be given",
            Self::Several => "must be the only one",
            Self::Flag => "must not be compressed: its first byte must be 0",
            Self::Cut => "must be as long as its length says",
        }
    }
}

const LENGTH_BYTES: u8 = 4;

impl Frames {
    const fn new(takes: Messages) -> Self {
        Self { takes, place: Place::Between, begun: false }
    }

    fn read(&mut self, mut bytes: &[u8]) -> Result<(), FrameFault> {
        while let Some((first, rest)) = bytes.split_first() {
            (self.place, bytes) = match self.place {
                Place::Between if self.begun && self.takes == Messages::One => {
                    return Err(FrameFault::Several);
                }
                Place::Between if *first != 0 => return Err(FrameFault::Flag),
                Place::Between => {
                    self.begun = true;
                    (Place::Length { read: 0, length: 0 }, rest)
                }
                Place::Length { read, length } => {
                    let length = length << 8 | u32::from(*first);
                    (Self::after(read + 1, length), rest)
                }
                Place::Message { left } => {
                    let taken = bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                    let left = left.saturating_sub(u32::try_from(taken).unwrap_or(left));
                    (Self::within(left), bytes.get(taken..).unwrap_or_default())
                }
            };
        }
        Ok(())
    }

    const fn after(read: u8, length: u32) -> Place {
        if read < LENGTH_BYTES { Place::Length { read, length } } else { Self::within(length) }
    }

    const fn within(left: u32) -> Place {
        if left == 0 { Place::Between } else { Place::Message { left } }
    }

    fn end(&self) -> Result<(), FrameFault> {
        match self.place {
            Place::Between if !self.begun && self.takes == Messages::One => Err(FrameFault::Missing),
            Place::Between => Ok(()),
            Place::Length { .. } | Place::Message { .. } => Err(FrameFault::Cut),
        }
    }
}

/// A body that fails at the first framing error.
pub(crate) struct FramedBody {
    body: Body,
    frames: Frames,
    ended: bool,
}

impl FramedBody {
    pub(crate) const fn new(body: Body, takes: Messages) -> Self {
        Self { body, frames: Frames::new(takes), ended: false }
    }

    fn check(&mut self, frame: Option<&Frame<Bytes>>) -> Result<(), FrameFault> {
        match frame.map(Frame::data_ref) {
            Some(Some(bytes)) => self.frames.read(bytes),
            // Trailers, or the end without any.
            Some(None) | None if self.ended => Ok(()),
            Some(None) | None => {
                self.ended = true;
                self.frames.end()
            }
        }
    }
}

impl HttpBody for FramedBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx)).transpose()?;
        let checked = self.check(frame.as_ref());
        Poll::Ready(match checked {
            Ok(()) => frame.map(Ok),
            Err(fault) => Some(Err(status::malformed("message", fault.must()))),
        })
    }

    /// False until the end was checked: a body that has ended may not be polled again.
    fn is_end_stream(&self) -> bool {
        self.ended && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
