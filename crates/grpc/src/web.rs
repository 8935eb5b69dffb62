//! gRPC-Web (PROTOCOL-WEB.md), so that a page can call without a proxy, and what browsers ask before
//! they let a page of another origin do so (CORS).
//!
//! A request is framed as gRPC's, so its body passes unchanged. Of the answer, the trailers become a
//! last frame of the body, because browsers show a page no trailers. The text format (base 64) is not
//! served. All methods can be called: the credential decides, as it does for every caller.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Version,
    header::{
        ACCEPT, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
        ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, CONTENT_TYPE,
        ORIGIN, TE, VARY,
    },
};
use http_body::{Body as HttpBody, Frame, SizeHint};
use prost::bytes::{BufMut as _, Bytes, BytesMut};
use tonic::{Status, body::Body};

use crate::{
    gate::{Answering, Gate},
    headers,
    load::Link,
};

const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");
const GRPC_WEB: HeaderValue = HeaderValue::from_static("application/grpc-web+proto");
const ALLOWED_HEADERS: HeaderValue = HeaderValue::from_static(
    "authorization, content-type, grpc-timeout, tidegate-realm, x-grpc-web, x-user-agent",
);
const EXPOSED_HEADERS: HeaderValue =
    HeaderValue::from_static("grpc-status, grpc-message, grpc-status-details-bin");
/// Seconds for which a browser need not ask again: the longest that Chromium accepts.
const MAX_AGE: HeaderValue = HeaderValue::from_static("7200");
/// The flag of the frame that holds the trailers.
const TRAILERS: u8 = 0x80;

/// The origins whose pages may call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebOrigins(Arc<[HeaderValue]>);

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0:?} is no origin: https://host or https://host:port, in small letters and without a path")]
pub struct NotAnOrigin(String);

impl WebOrigins {
    /// Reads origins that are separated by commas. `None`: there are none.
    pub fn parse(text: &str) -> Result<Option<Self>, NotAnOrigin> {
        if text.is_empty() {
            return Ok(None);
        }
        let origins = text.split(',').map(str::trim).map(origin);
        Ok(Some(Self(origins.collect::<Result<_, _>>()?)))
    }

    fn contains(&self, origin: &HeaderValue) -> bool {
        self.0.contains(origin)
    }
}

/// As browsers send it (RFC 6454 §6.2), because it is compared byte by byte.
fn origin(text: &str) -> Result<HeaderValue, NotAnOrigin> {
    let no_origin = || NotAnOrigin(text.to_owned());
    let (scheme, host) = text.split_once("://").ok_or_else(no_origin)?;
    let is_host = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-:[]".contains(&byte);
    let is_origin = ["http", "https"].contains(&scheme) && !host.is_empty() && host.bytes().all(is_host);
    HeaderValue::from_str(text).ok().filter(|_| is_origin).ok_or_else(no_origin)
}

/// Passes gRPC on as it is, and gRPC-Web as gRPC.
pub(crate) fn call(gate: &Gate, origins: &WebOrigins, mut request: Request<Body>, link: Link) -> Answering {
    let is_web = is_web(request.headers());
    let is_plain = request.version() == Version::HTTP_2 && request.method() != Method::OPTIONS;
    if !is_web && is_plain {
        return gate.call(request, link);
    }
    let from = match headers::one(request.headers(), &ORIGIN) {
        Ok(from) if from.is_none_or(|from| origins.contains(from)) => from.cloned(),
        _ => return Box::pin(async { foreign() }),
    };
    if request.method() == Method::OPTIONS && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD) {
        return Box::pin(async { allowed(Response::new(Body::empty()), from, Asks::Before) });
    }
    if !is_web {
        return Box::pin(async { allowed(not_web(), from, Asks::Now) });
    }
    request.headers_mut().insert(CONTENT_TYPE, GRPC);
    request.headers_mut().insert(TE, HeaderValue::from_static("trailers"));
    let answer = gate.call(request, link);
    Box::pin(async { allowed(translated(answer.await), from, Asks::Now) })
}

/// Only the binary format, with the codec named or not.
fn is_web(headers: &HeaderMap) -> bool {
    let content_type = headers::one(headers, &CONTENT_TYPE).ok().flatten();
    content_type.is_some_and(|found| found == GRPC_WEB || found == "application/grpc-web")
}

/// Whether a browser asks if it may call (preflight), or calls.
#[derive(Clone, Copy, PartialEq)]
enum Asks {
    Before,
    Now,
}

/// Lets a page of the origin read the answer. A caller without an origin is no browser.
fn allowed(mut answer: Response<Body>, from: Option<HeaderValue>, asks: Asks) -> Response<Body> {
    let headers = answer.headers_mut();
    headers.append(VARY, HeaderValue::from_static("origin"));
    if let Some(from) = from {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, from);
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED_HEADERS);
    }
    if asks == Asks::Before {
        headers.remove(ACCESS_CONTROL_EXPOSE_HEADERS);
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("POST"));
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED_HEADERS);
        headers.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
        *answer.status_mut() = StatusCode::NO_CONTENT;
    }
    answer
}

/// Refused here, and not only by the browser, so that the call does nothing.
fn foreign() -> Response<Body> {
    text(StatusCode::FORBIDDEN, "This origin is not in grpc.web_origins.\n")
}

/// HTTP/1.1 without gRPC-Web: gRPC needs HTTP/2.
fn not_web() -> Response<Body> {
    let mut answer = text(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "Over HTTP/1.1 this server speaks gRPC-Web: content-type must be application/grpc-web+proto.\n",
    );
    answer.headers_mut().insert(ACCEPT, GRPC_WEB);
    answer
}

fn text(code: StatusCode, text: &str) -> Response<Body> {
    let mut answer = Response::new(Body::new(text.to_owned()));
    *answer.status_mut() = code;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    answer
}

fn translated(mut answer: Response<Body>) -> Response<Body> {
    // Other answers say by their HTTP status what is wrong.
    if answer.headers().get(CONTENT_TYPE) != Some(&GRPC) {
        return answer;
    }
    answer.headers_mut().insert(CONTENT_TYPE, GRPC_WEB);
    answer.map(|body| Body::new(WebBody(body)))
}

/// The body of an answer, with the trailers as its last frame.
struct WebBody(Body);

impl HttpBody for WebBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = ready!(Pin::new(&mut self.0).poll_frame(cx)).transpose()?;
        Poll::Ready(frame.map(|frame| match frame.into_trailers() {
            Ok(trailers) => Ok(Frame::data(trailers_frame(&trailers))),
            Err(data) => Ok(data),
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        // The trailers are not counted by the body.
        SizeHint::default()
    }
}

fn trailers_frame(trailers: &HeaderMap) -> Bytes {
    let line = |(name, value): (&HeaderName, &HeaderValue)| {
        [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat()
    };
    let lines = trailers.iter().flat_map(line).collect::<Vec<_>>();
    let mut frame = BytesMut::with_capacity(5 + lines.len());
    frame.put_u8(TRAILERS);
    frame.put_u32(u32::try_from(lines.len()).unwrap_or(u32::MAX));
    frame.put_slice(&lines);
    frame.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_as_a_browser_sends_it() {
        for text in ["https://app.example", "http://localhost:3000, https://[::1]:1"] {
            assert!(WebOrigins::parse(text).unwrap().is_some(), "{text}");
        }
        assert_eq!(WebOrigins::parse(""), Ok(None));
        for text in [
            "*",
            "app.example",
            "https://",
            "https://App.example",
            "https://a.example/",
            "null",
            "ftp://a",
            "https://a,",
        ] {
            assert!(WebOrigins::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn trailers_are_lines_in_a_frame_with_their_length() {
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", HeaderValue::from_static("0"));
        trailers.insert("grpc-message", HeaderValue::from_static("ok"));
        let frame = trailers_frame(&trailers);
        assert_eq!(frame[..5], [0x80, 0, 0, 0, 34]);
        assert_eq!(&frame[5..], b"grpc-status: 0\r\ngrpc-message: ok\r\n");
    }
}
