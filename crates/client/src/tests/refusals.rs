//! Statuses with any details.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use http::{HeaderMap, HeaderName, HeaderValue, Response, uri::PathAndQuery};
use http_body::{Body as HttpBody, Frame};
use prost::bytes::Bytes;
use tidegate_fuzz::fuzz;
use tidegate_proto::{WhoAmIRequest, WhoAmIResponse};
use tokio::runtime::Runtime;
use tonic::{Code, Status, body::Body};
use tonic_prost::ProstCodec;
use tonic_types::{ErrorDetails, StatusExt as _};
use tower::service_fn;

use crate::{
    Refused, Retries,
    transport::{Identity, Transport},
};

/// Details as the server sends them.
fn details() -> Vec<u8> {
    let mut details = ErrorDetails::with_error_info(
        "INVALID_REQUEST",
        "tidegate.dev",
        [("incident".to_owned(), "inc_1".to_owned())],
    );
    details.add_bad_request_violation("waves[0].edge_ppm", "must be 0 to 1000000 parts per million");
    details.set_retry_info(Some(Duration::from_millis(1_500)));
    Status::with_error_details(Code::Unavailable, "the database cannot be reached", details)
        .details()
        .to_vec()
}

/// What is printed is bounded, and has no control characters but the line feed before a violation.
fn read(status: &Status, length: usize) {
    let refused = Refused::of(status);
    let text = refused.to_string();
    assert!(text.len() <= 16 * length + 1_024, "{} bytes", text.len());
    assert_eq!(text.split("\n  ").count(), refused.violations.len() + 1, "{text:?}");
    assert!(!text.replace("\n  ", "").chars().any(char::is_control), "{text:?}");
    for left in [None, Some(Duration::ZERO), Some(Duration::MAX)] {
        for made in [0, 1, 3, u32::MAX] {
            let wait = Retries { attempts: u32::MAX, ..Retries::default() }.wait(&refused, made, left);
            assert!(wait.is_none_or(|wait| wait <= Duration::from_secs(5)));
        }
    }
    let _ = refused.name();
}

#[test]
fn details_of_any_bytes_are_read_or_absent() {
    fuzz!(2_000, [details()], |input| {
        for code in [Code::Unavailable, Code::InvalidArgument, Code::Ok] {
            let details = Bytes::copy_from_slice(input);
            read(&Status::with_details(code, input.text(), details), 2 * input.len());
        }
    });
}

/// A server that ends each call with these headers: at once, or as trailers after the headers.
async fn ends(headers: HeaderMap, at_once: bool) -> Status {
    let server = service_fn(move |_| {
        let mut answer = Response::new(Body::new(Trailers((!at_once).then(|| headers.clone()))));
        if at_once {
            *answer.headers_mut() = headers.clone();
        }
        std::future::ready(Ok::<_, Infallible>(answer))
    });
    let identity = Identity::new(Some(HeaderValue::from_static("Bearer tgk_1_x")), None);
    let mut grpc = tonic::client::Grpc::new(Transport::new(server, identity, None));
    grpc.ready().await.unwrap();
    let path = PathAndQuery::from_static("/tidegate.v1.AccessService/WhoAmI");
    let codec = ProstCodec::<WhoAmIRequest, WhoAmIResponse>::default();
    grpc.unary(tonic::Request::new(WhoAmIRequest {}), path, codec).await.unwrap_err()
}

struct Trailers(Option<HeaderMap>);

impl HttpBody for Trailers {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        Poll::Ready(self.0.take().map(|trailers| Ok(Frame::trailers(trailers))))
    }
}

/// `name: value`, one a line. What HTTP does not allow never comes here.
fn parsed(text: &[u8]) -> HeaderMap {
    let lines = text.split(|byte| *byte == b'\n').filter_map(|line| {
        let at = line.iter().position(|byte| *byte == b':')?;
        let value = HeaderValue::from_bytes(line[at + 1..].trim_ascii()).ok()?;
        Some((HeaderName::from_bytes(&line[..at]).ok()?, value))
    });
    lines.fold(HeaderMap::new(), |mut headers, (name, value)| {
        headers.append(name, value);
        headers
    })
}

#[test]
fn trailers_of_any_values_are_read_or_absent() {
    let status = Status::with_details(Code::Unavailable, "the database: 100 %\u{e4}", details().into());
    let trailers = status.into_http::<()>();
    let lines = |name: &str| format!("{name}: {}", trailers.headers()[name].to_str().unwrap());
    let example = ["grpc-status", "grpc-message", "grpc-status-details-bin"].map(lines).join("\n");
    let examples = [example.as_str(), "grpc-status: 16\ngrpc-message: %ff%00%e2%80%ae", "grpc-status: 99"];
    let runtime = Runtime::new().unwrap();
    fuzz!(1_500, examples, |input| {
        for at_once in [true, false] {
            read(&runtime.block_on(ends(parsed(input), at_once)), 2 * input.len());
        }
    });
}

#[tokio::test]
async fn details_that_are_no_base_64_are_absent() {
    let headers = parsed(b"grpc-status: 14\ngrpc-message: later\ngrpc-status-details-bin: no base 64!");
    for at_once in [true, false] {
        let status = ends(headers.clone(), at_once).await;
        assert_eq!(
            (status.code(), status.message(), status.details()),
            (Code::Unavailable, "later", &b""[..])
        );
    }
    let headers = parsed(b"grpc-status: 14\ngrpc-status-details-bin: CA4=");
    assert_eq!(ends(headers, false).await.details(), [8, 14]);
}
