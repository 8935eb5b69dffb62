//! Bodies of requests, in pieces of any length.

use std::{
    pin::Pin,
    sync::LazyLock,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::FutureExt as _;
use http_body::{Body as HttpBody, Frame};
use prost::bytes::Bytes;
use tidegate_fuzz::fuzz;
use tidegate_metrics::Metrics;
use tokio::runtime::Runtime;
use tonic::{Code, Status, body::Body};

use crate::{
    frames::{FramedBody, Messages},
    load::{Load, MaxLoad},
    rules::RequestForm,
};

/// A body that comes in these pieces.
struct Pieces(std::vec::IntoIter<Bytes>);

impl Pieces {
    fn of(pieces: &[&[u8]]) -> Body {
        let pieces: Vec<_> = pieces.iter().map(|piece| Bytes::copy_from_slice(piece)).collect();
        Body::new(Self(pieces.into_iter()))
    }
}

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        Poll::Ready(self.0.next().map(|piece| Ok(Frame::data(piece))))
    }
}

static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap());

/// The bytes that pass, or why the body is refused.
fn read(pieces: &[&[u8]], takes: Messages) -> Result<Vec<u8>, Code> {
    let form = RequestForm { messages: takes, most: 1 << 20, shape: 0, is_bulk: false };
    // A large message has its share at once, and a timer.
    let _inside = RUNTIME.enter();
    let max = MaxLoad { calls: 1, bytes: 8 << 20, wait: Duration::ZERO, arrival: Duration::MAX };
    let load = Load::new(max, &Metrics::new("1"));
    let (mut framed, mut passed) = (FramedBody::new(Pieces::of(pieces), form, load.link()), Vec::new());
    loop {
        let frame = std::future::poll_fn(|cx| Pin::new(&mut framed).poll_frame(cx));
        match frame.now_or_never().unwrap() {
            None => return Ok(passed),
            Some(Ok(frame)) => passed.extend_from_slice(frame.data_ref().unwrap()),
            Some(Err(status)) => return Err(status.code()),
        }
    }
}

/// The messages of a body, as PROTOCOL-HTTP2.md has them.
fn messages(mut body: &[u8]) -> Option<usize> {
    let mut count = 0;
    while let Some((prefix, rest)) = body.split_first_chunk::<5>() {
        let [0, length @ ..] = prefix else { return None };
        let (_, rest) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        (body, count) = (rest, count + 1);
    }
    body.is_empty().then_some(count)
}

#[test]
fn a_body_is_read_alike_in_any_pieces() {
    let message = [&[0, 0, 0, 0, 5][..], b"hello"].concat();
    let examples =
        [message.clone(), message.repeat(3), vec![0; 5], vec![0, 255, 255, 255, 255, 1], vec![1, 0, 0, 0, 0]];
    fuzz!(3_000, examples, |input| {
        let count = messages(input);
        for (takes, is_right) in [(Messages::Any, count.is_some()), (Messages::One, count == Some(1))] {
            let expected = if is_right { Ok(input.to_vec()) } else { Err(Code::InvalidArgument) };
            let middle = input.len() / 2;
            let halves = [&input[..middle], &[], &input[middle..]];
            assert_eq!(read(&[input], takes), expected);
            assert_eq!(read(&halves, takes), expected);
            let bytes: Vec<_> = input.chunks(1).take(256).chain(input.get(256..)).collect();
            assert_eq!(read(&bytes, takes), expected);
        }
    });
}
