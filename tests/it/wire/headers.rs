//! The headers of a request: the Call-Definition of PROTOCOL-HTTP2.md.

use http::{HeaderValue, Method};

use super::{NOTHING, WHO_AM_I, Wire, bearer, told};
use crate::test_server::TestServer;

const INVALID: &str = "InvalidArgument: INVALID_REQUEST; ";

#[tokio::test]
async fn a_method_other_than_post_is_not_allowed() {
    let server = TestServer::sqlite().await;
    let (wire, operator) = (Wire::open(&server).await, server.operator());
    for method in [Method::GET, Method::HEAD, Method::PUT, Method::DELETE, Method::OPTIONS] {
        let request = wire.signed(&operator, WHO_AM_I).method(method.clone());
        let reply = wire.send(request, &[NOTHING]).await.unwrap();
        assert_eq!((reply.http, reply.headers["allow"].to_str().unwrap()), (405, "POST"), "{method}");
        assert!(!reply.headers.contains_key("grpc-status"), "{method}");
    }
}

#[tokio::test]
async fn another_content_type_is_not_supported() {
    let server = TestServer::sqlite().await;
    let (wire, operator) = (Wire::open(&server).await, server.operator());
    let send = async |types: &[&str]| {
        let request = wire.bare(WHO_AM_I).header("te", "trailers").header("authorization", bearer(&operator));
        let request = types.iter().fold(request, |request, one| request.header("content-type", *one));
        wire.send(request, &[NOTHING]).await.unwrap()
    };
    for types in [
        &[][..],
        &[""],
        &["application/json"],
        &["application/x-www-form-urlencoded"],
        &["text/plain"],
        &["application/grp"],
        &["application/grpcx"],
        &["application/grpc-web"],
        &["application/grpc-web+proto"],
        &["application/grpc-web-text"],
        &[" application/grpc"],
        &["application/json, application/grpc"],
        &["application/grpc", "application/grpc"],
        &["application/grpc", "application/json"],
    ] {
        let reply = send(types).await;
        assert_eq!(reply.http, 415, "{types:?}");
        assert!(!reply.headers.contains_key("grpc-status"), "{types:?}");
        assert_eq!(reply.headers["accept"], "application/grpc", "{types:?}");
        assert!(!reply.body.is_empty(), "a person is told what to send");
    }
    for types in [
        "application/grpc",
        "application/grpc+proto",
        "Application/gRPC+Proto",
        "application/grpc;charset=utf-8",
        "application/grpc+proto; charset=utf-8",
    ] {
        assert_eq!(send(&[types]).await.told(), "OK", "{types}");
    }
    // The client speaks gRPC and understands a refusal, but uses another codec.
    for types in ["application/grpc+json", "application/grpc+", "application/grpc+thrift;v=1"] {
        let must = "content-type must be application/grpc or application/grpc+proto";
        assert_eq!(send(&[types]).await.told(), format!("{INVALID}{must}"), "{types}");
    }
}

#[tokio::test]
async fn te_must_be_trailers() {
    let server = TestServer::sqlite().await;
    let (wire, operator) = (Wire::open(&server).await, server.operator());
    let request = wire.bare(WHO_AM_I).header("content-type", "application/grpc");
    let request = request.header("authorization", bearer(&operator));
    assert_eq!(told(wire.send(request, &[NOTHING]).await), format!("{INVALID}te must be trailers"));
}

#[tokio::test]
async fn the_scheme_must_be_one_of_http() {
    let server = TestServer::sqlite().await;
    let (wire, operator) = (Wire::open(&server).await, server.operator());
    for (scheme, answer) in
        [("https", "OK".to_owned()), ("ftp", format!("{INVALID}:scheme must be http or https"))]
    {
        let uri = format!("{scheme}://{}{WHO_AM_I}", server.address);
        let request = wire.signed(&operator, WHO_AM_I).uri(uri);
        assert_eq!(told(wire.send(request, &[NOTHING]).await), answer);
    }
}

#[tokio::test]
async fn a_path_is_taken_as_it_is() {
    let server = TestServer::sqlite().await;
    let (wire, operator) = (Wire::open(&server).await, server.operator());
    for path in [
        "/",
        "//tidegate.v1.AccessService/WhoAmI",
        "/tidegate.v1.AccessService",
        "/tidegate.v1.AccessService/",
        "/tidegate.v1.AccessService/WhoAmI/",
        "/tidegate.v1.AccessService/whoAmI",
        "/TIDEGATE.v1.AccessService/WhoAmI",
        "/tidegate.v1.AccessService/WhoAm%49",
        "/tidegate.v1.AccessService/WhoAmI?x=1",
        "/tidegate.v1.AccessService/WhoAmI?",
        "/x/../tidegate.v1.AccessService/WhoAmI",
    ] {
        let reply = wire.send(wire.signed(&operator, path), &[NOTHING]).await;
        assert_eq!(told(reply), "Unimplemented: NO_SUCH_METHOD", "{path}");
        let reply = wire.send(wire.request(path), &[NOTHING]).await;
        assert_eq!(told(reply), "Unauthenticated: UNAUTHENTICATED", "{path}");
    }
    // A path with a query is another path, also for a public method.
    let reply = wire.send(wire.request("/grpc.health.v1.Health/Check?x=1"), &[NOTHING]).await;
    assert_eq!(told(reply), "Unauthenticated: UNAUTHENTICATED");
}

#[tokio::test]
async fn a_timeout_is_a_number_and_a_unit() {
    let server = TestServer::sqlite().await;
    let (wire, operator) = (Wire::open(&server).await, server.operator());
    let send = async |timeouts: &[&[u8]]| {
        let request = timeouts.iter().fold(wire.signed(&operator, WHO_AM_I), |request, timeout| {
            request.header("grpc-timeout", HeaderValue::from_bytes(timeout).unwrap())
        });
        told(wire.send(request, &[NOTHING]).await)
    };
    for timeouts in [
        &[&b""[..]][..],
        &[b"5"],
        &[b"S"],
        &[b"5s"],
        &[b"5D"],
        &[b"5SS"],
        &[b"+5S"],
        &[b"-5S"],
        &[b"5.5S"],
        &[b"1e3S"],
        &[b"0x5S"],
        &[b"5 S"],
        &[b"123456789S"],
        &[b"000000005S"],
        &["５S".as_bytes()],
        &["5µ".as_bytes()],
        &[b"5\xff"],
        &[b"5S,5S"],
        &[b"5S", b"5S"],
        &[b"5S", b"1H"],
    ] {
        let must = "grpc-timeout must be 1 to 8 digits and a unit: H, M, S, m, u or n";
        assert_eq!(send(timeouts).await, format!("{INVALID}{must}"), "{timeouts:?}");
    }
    for timeout in ["1H", "99999999H", "9M", "30S", "00000030S", "30000m", "30000000u"] {
        assert_eq!(send(&[timeout.as_bytes()]).await, "OK", "{timeout}");
    }
    // Clients send these when their deadline has passed.
    for timeout in ["0S", "0n", "00000000n"] {
        let late = "DeadlineExceeded: DEADLINE_EXCEEDED";
        assert_eq!(send(&[timeout.as_bytes()]).await, late, "{timeout}");
    }
}

#[tokio::test]
async fn an_encoding_that_is_not_read_is_not_implemented() {
    let server = TestServer::sqlite().await;
    let (wire, operator) = (Wire::open(&server).await, server.operator());
    let send = async |encodings: &[&[u8]], body: &[u8]| {
        let request = encodings.iter().fold(wire.signed(&operator, WHO_AM_I), |request, encoding| {
            request.header("grpc-encoding", HeaderValue::from_bytes(encoding).unwrap())
        });
        wire.send(request, &[body]).await.unwrap()
    };
    let long = [b'x'; 10_000];
    for encodings in [
        &[&b"gzip"[..]][..],
        &[b"deflate"],
        &[b"snappy"],
        &[b"zstd"],
        &[b"GZIP"],
        &[b""],
        &[b"identity, gzip"],
        &[b"identity", b"gzip"],
        &[b"\xff\xfe"],
        &["ä".as_bytes()],
        &[&long],
    ] {
        for body in [NOTHING, &[1, 0, 0, 0, 0]] {
            let reply = send(encodings, body).await;
            assert_eq!(reply.told(), "Unimplemented: ENCODING_NOT_SUPPORTED", "{encodings:?}");
            assert_eq!(reply.headers["grpc-accept-encoding"], "identity", "{encodings:?}");
            assert!(reply.ending_bytes() < 1_024, "{encodings:?}");
        }
    }
    assert_eq!(send(&[b"identity"], NOTHING).await.told(), "OK");
    let refused = send(&[b"gzip"], NOTHING).await.refused();
    assert_eq!(refused.metadata["encoding"], "gzip");
}

/// Headers that nothing reads may hold what HTTP allows.
#[tokio::test]
async fn metadata_that_is_not_read_does_not_count() {
    let server = TestServer::sqlite().await;
    let (wire, operator) = (Wire::open(&server).await, server.operator());
    let odd = HeaderValue::from_bytes(b"\xff\xc3\x28 \t").unwrap();
    let request =
        wire.signed(&operator, WHO_AM_I).header("x-odd", odd.clone()).header("user-agent", odd.clone());
    let request = request.header("odd-bin", "no base 64!").header("grpc-accept-encoding", odd);
    assert_eq!(told(wire.send(request, &[NOTHING]).await), "OK");
}
