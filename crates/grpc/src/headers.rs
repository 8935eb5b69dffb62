//! Checks the headers of a request against gRPC's PROTOCOL-HTTP2.md ("Requests"), before the caller
//! is identified. The answer to a wrong header is the same for every caller and method.

use std::time::Duration;

use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode,
    header::{ACCEPT, ALLOW, CONTENT_TYPE, TE},
    uri::Scheme,
};
use tonic::body::Body;

use crate::{deadline, status};

const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");
const GRPC_ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
const GRPC: &str = "application/grpc";

/// Why a request is refused before its caller is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HeaderFault {
    /// Answered with HTTP 405, which other HTTP clients understand.
    Method,
    /// Answered with HTTP 415, likewise.
    ContentType,
    Encoding,
    Malformed {
        header: &'static str,
        must: &'static str,
    },
}

const CODEC: HeaderFault = HeaderFault::Malformed {
    header: "content-type",
    must: "must be application/grpc or application/grpc+proto",
};
const TE_TRAILERS: HeaderFault = HeaderFault::Malformed { header: "te", must: "must be trailers" };
const SCHEME: HeaderFault = HeaderFault::Malformed { header: ":scheme", must: "must be http or https" };
const TIMEOUT: HeaderFault = HeaderFault::Malformed {
    header: "grpc-timeout",
    must: "must be 1 to 8 digits and a unit: H, M, S, m, u or n",
};

/// Checks the headers, and returns the timeout that the caller asks for. Copies nothing, because
/// every call passes here.
pub(crate) fn read<B>(request: &Request<B>) -> Result<Option<Duration>, HeaderFault> {
    let headers = request.headers();
    if request.method() != Method::POST {
        return Err(HeaderFault::Method);
    }
    let content_type = one(headers, &CONTENT_TYPE).ok().flatten().ok_or(HeaderFault::ContentType)?;
    codec(content_type)?;
    if headers.get(TE).is_none_or(|te| te != "trailers") {
        return Err(TE_TRAILERS);
    }
    if request.uri().scheme().is_some_and(|scheme| *scheme != Scheme::HTTP && *scheme != Scheme::HTTPS) {
        return Err(SCHEME);
    }
    match one(headers, &GRPC_ENCODING) {
        Ok(None) => {}
        Ok(Some(encoding)) if encoding == "identity" => {}
        _ => return Err(HeaderFault::Encoding),
    }
    let timeout = one(headers, &GRPC_TIMEOUT).map_err(|Several| TIMEOUT)?;
    timeout.map(|text| text.to_str().ok().and_then(deadline::parse).ok_or(TIMEOUT)).transpose()
}

/// A header was given more than once. It is refused, because a proxy and the server could each read
/// a different one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Several;

/// The only header of this name, if there is one.
pub(crate) fn one<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h HeaderValue>, Several> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    if values.next().is_some() { Err(Several) } else { Ok(first) }
}

/// Accepts `application/grpc`, with `+proto` or without, and with parameters or without. gRPC-Web
/// has become gRPC before (`web.rs`), or is off.
fn codec(content_type: &HeaderValue) -> Result<(), HeaderFault> {
    let text = content_type.as_bytes();
    let (grpc, rest) = text.split_at_checked(GRPC.len()).ok_or(HeaderFault::ContentType)?;
    if !grpc.eq_ignore_ascii_case(GRPC.as_bytes()) {
        return Err(HeaderFault::ContentType);
    }
    match rest {
        [] | [b';', ..] => Ok(()),
        [b'+', codec @ ..] => {
            let name = codec.split(|byte| matches!(byte, b';' | b' ')).next().unwrap_or_default();
            if name.eq_ignore_ascii_case(b"proto") { Ok(()) } else { Err(CODEC) }
        }
        _ => Err(HeaderFault::ContentType),
    }
}

impl HeaderFault {
    pub(crate) fn answer(self, headers: &HeaderMap) -> Response<Body> {
        match self {
            // Without a body, because the answer to HEAD has none.
            Self::Method => not_grpc(StatusCode::METHOD_NOT_ALLOWED, Body::empty(), (ALLOW, "POST")),
            Self::ContentType => {
                let text = "This server speaks gRPC: content-type must be application/grpc.\n";
                let accept = (ACCEPT, GRPC);
                not_grpc(StatusCode::UNSUPPORTED_MEDIA_TYPE, Body::new(text.to_owned()), accept)
            }
            Self::Encoding => {
                let named = headers.get(GRPC_ENCODING).map(HeaderValue::as_bytes).unwrap_or_default();
                status::encoding_not_supported(&String::from_utf8_lossy(named)).into_http()
            }
            Self::Malformed { header, must } => status::malformed(header, must).into_http(),
        }
    }
}

/// For clients that do not speak gRPC: they would take gRPC's HTTP status 200 for a success.
fn not_grpc(code: StatusCode, text: Body, (name, value): (HeaderName, &'static str)) -> Response<Body> {
    let mut answer = Response::new(text);
    *answer.status_mut() = code;
    answer.headers_mut().insert(name, HeaderValue::from_static(value));
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    answer
}
