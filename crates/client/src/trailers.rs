//! Removes status details that are not base 64 from an answer. tonic panics on them (`Status::from_header_map`), so that a
//! proxy that damages a header would end the caller's task.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{HeaderMap, HeaderName, Response};
use http_body::{Body as HttpBody, Frame, SizeHint};
use prost::bytes::Bytes;
use tonic::{Status, body::Body, metadata::MetadataMap};

const DETAILS: HeaderName = HeaderName::from_static("grpc-status-details-bin");

/// The answer whose headers and trailers have details that can be decoded, or none.
pub(crate) fn decodable(mut answer: Response<Body>) -> Response<Body> {
    keep_decodable(answer.headers_mut());
    answer.map(|body| Body::new(DecodableTrailers(body)))
}

fn keep_decodable(headers: &mut HeaderMap) {
    // tonic decodes the first one.
    let Some(details) = headers.get(DETAILS) else { return };
    let metadata = MetadataMap::from_headers(HeaderMap::from_iter([(DETAILS, details.clone())]));
    if metadata.get_bin(DETAILS.as_str()).is_none_or(|details| details.to_bytes().is_err()) {
        headers.remove(DETAILS);
    }
}

struct DecodableTrailers(Body);

impl HttpBody for DecodableTrailers {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let mut frame = ready!(Pin::new(&mut self.0).poll_frame(cx));
        if let Some(Ok(frame)) = &mut frame
            && let Some(trailers) = frame.trailers_mut()
        {
            keep_decodable(trailers);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}
