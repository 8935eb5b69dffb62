//! Checks the framing of a request's body: each message has a prefix of five bytes, and there are
//! as many messages as the method takes (PROTOCOL-HTTP2.md, "Length-Prefixed-Message"). tonic reads
//! the frames too, but accepts two messages where the method takes one, and answers INTERNAL to
//! mistakes of the caller.
//!
//! Nothing is copied: the bytes are checked as they pass. A message that is too large is refused as soon as its length is read,
//! and a large one waits for its share of the memory that such messages may hold (`load.rs`) before tonic reserves it.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http_body::{Body as HttpBody, Frame, SizeHint};
use prost::bytes::Bytes;
use tokio::time::Sleep;
use tonic::{Status, body::Body};

use crate::{
    fields::{FieldCount, TooManyFields},
    load::{self, ByteShare, Link, NoRoom, SMALL_MESSAGE},
    rules::RequestForm,
    status,
};

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
    /// Inside a message: `left` of its bytes are missing, at least one.
    Message { left: u32, length: u32 },
}

/// The state of the check of one body.
#[derive(Debug)]
struct Frames {
    takes: Messages,
    /// The bytes of the largest message.
    most: usize,
    place: Place,
    /// Messages that have begun.
    begun: u64,
    shape: usize,
    /// Of a large message.
    fields: Option<FieldCount>,
}

/// What is wrong with the body of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FrameFault {
    Missing,
    Several,
    Flag,
    Cut,
    Large,
    Fields,
}

impl From<TooManyFields> for FrameFault {
    fn from(TooManyFields: TooManyFields) -> Self {
        Self::Fields
    }
}

impl FrameFault {
    const fn must(self) -> &'static str {
        match self {
            Self::Missing => "must be given",
            Self::Several => "must be the only one",
            Self::Flag => "must not be compressed: its first byte must be 0",
            Self::Cut => "must be as long as its length says",
            Self::Large => "must be smaller",
            Self::Fields => "must have fewer fields",
        }
    }
}

const LENGTH_BYTES: u8 = 4;

impl Frames {
    const fn new(form: RequestForm) -> Self {
        let RequestForm { messages: takes, most, shape, .. } = form;
        Self { takes, most, place: Place::Between, begun: 0, shape, fields: None }
    }

    fn read(&mut self, mut bytes: &[u8]) -> Result<(), FrameFault> {
        while let Some((first, rest)) = bytes.split_first() {
            (self.place, bytes) = match self.place {
                Place::Between if self.begun > 0 && self.takes == Messages::One => {
                    return Err(FrameFault::Several);
                }
                Place::Between if *first != 0 => return Err(FrameFault::Flag),
                Place::Between => {
                    self.begun += 1;
                    (Place::Length { read: 0, length: 0 }, rest)
                }
                Place::Length { read, length } => {
                    let length = length << 8 | u32::from(*first);
                    (self.after(read + 1, length)?, rest)
                }
                Place::Message { left, length } => {
                    let taken = bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                    let left = left.saturating_sub(u32::try_from(taken).unwrap_or(left));
                    if let Some(fields) = &mut self.fields {
                        fields.read(bytes.get(..taken).unwrap_or_default())?;
                    }
                    (Self::within(left, length), bytes.get(taken..).unwrap_or_default())
                }
            };
        }
        Ok(())
    }

    fn after(&mut self, read: u8, length: u32) -> Result<Place, FrameFault> {
        if read < LENGTH_BYTES {
            return Ok(Place::Length { read, length });
        }
        let is_large = usize::try_from(length).map_or(true, |length| length > self.most);
        self.fields = (length > SMALL_MESSAGE && !is_large).then(|| FieldCount::new(length, self.shape));
        if is_large { Err(FrameFault::Large) } else { Ok(Self::within(length, length)) }
    }

    const fn within(left: u32, length: u32) -> Place {
        if left == 0 { Place::Between } else { Place::Message { left, length } }
    }

    /// The length of the large message that is being read, if there is one.
    const fn large(&self) -> Option<u32> {
        match self.place {
            Place::Message { length, .. } if length > SMALL_MESSAGE => Some(length),
            _ => None,
        }
    }

    fn end(&self) -> Result<(), FrameFault> {
        match self.place {
            Place::Between if self.begun == 0 && self.takes == Messages::One => Err(FrameFault::Missing),
            Place::Between => Ok(()),
            Place::Length { .. } | Place::Message { .. } => Err(FrameFault::Cut),
        }
    }
}

/// A body that fails at the first framing error, and that holds large messages by a share.
pub(crate) struct FramedBody {
    body: Body,
    frames: Frames,
    ended: bool,
    link: Link,
    large: LargeMessage,
}

/// The large message that is read.
enum LargeMessage {
    None,
    /// It waits for its share. The first part of it was read.
    Waits {
        share: Pin<Box<dyn Future<Output = Result<ByteShare, NoRoom>> + Send>>,
        read: Frame<Bytes>,
    },
    /// It is the one of this number, and must arrive in time.
    Held {
        number: u64,
        late: Pin<Box<Sleep>>,
        _share: ByteShare,
    },
}

impl FramedBody {
    pub(crate) const fn new(body: Body, form: RequestForm, link: Link) -> Self {
        Self { body, frames: Frames::new(form), ended: false, link, large: LargeMessage::None }
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

    /// Whether the share is that of the message which is read now.
    const fn has_share(&self) -> bool {
        matches!(&self.large, LargeMessage::Held { number, .. } if *number == self.frames.begun)
    }
}

impl HttpBody for FramedBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        if !matches!(this.large, LargeMessage::Waits { .. }) {
            if this.frames.large().is_none() {
                // It was read whole, and has been decoded since.
                this.large = LargeMessage::None;
            }
            let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(cx) else {
                if let LargeMessage::Held { late, .. } = &mut this.large {
                    ready!(late.as_mut().poll(cx));
                    return Poll::Ready(Some(Err(status::deadline_exceeded())));
                }
                return Poll::Pending;
            };
            let frame = frame.transpose()?;
            if let Err(fault) = this.check(frame.as_ref()) {
                return Poll::Ready(Some(Err(status::malformed("message", fault.must()))));
            }
            match (this.frames.large(), frame) {
                (Some(length), Some(read)) if !this.has_share() => {
                    let share = Box::pin(this.link.clone().message(length));
                    this.large = LargeMessage::Waits { share, read };
                }
                (_, frame) => return Poll::Ready(frame.map(Ok)),
            }
        }
        let LargeMessage::Waits { share, .. } = &mut this.large else { return Poll::Ready(None) };
        let share = ready!(share.as_mut().poll(cx));
        let LargeMessage::Waits { read, .. } = std::mem::replace(&mut this.large, LargeMessage::None) else {
            return Poll::Ready(None);
        };
        Poll::Ready(Some(match share {
            Err(NoRoom) => Err(status::refused(&load::BUSY)),
            Ok(share) => {
                let late = Box::pin(tokio::time::sleep(this.link.arrival()));
                this.large = LargeMessage::Held { number: this.frames.begun, late, _share: share };
                Ok(read)
            }
        }))
    }

    /// False until the end was checked: a body that has ended may not be polled again.
    fn is_end_stream(&self) -> bool {
        self.ended && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
