//! gRPC-Web, by a real HTTP/1.1 client.

use prost::Message as _;
use reqwest::{Certificate, Method, Response, StatusCode, Version};
use tidegate_grpc::WebOrigins;
use tidegate_proto as proto;

use super::{Encrypted, Setup, call};
use crate::{
    serving::{SERVED, serve},
    test_server::TestServer,
    wire::{NOTHING, framed},
};

const PAGE: &str = "https://app.example";
const WEB: &str = "application/grpc-web+proto";
const WHO_AM_I: &str = "/tidegate.v1.AccessService/WhoAmI";

async fn start(server: &TestServer) -> Encrypted {
    let web_origins = WebOrigins::parse("https://other.example,https://app.example").unwrap();
    Setup { settings: tidegate_grpc::Settings { web_origins, ..SERVED }, ..Setup::new() }.serve(server).await
}

impl Encrypted {
    /// A browser's request.
    async fn fetch(&self, method: Method, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Response {
        let authority = Certificate::from_pem(self.authority.pem.as_bytes()).unwrap();
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let browser = reqwest::Client::builder().http1_only().no_proxy().tls_certs_only([authority]);
        let mut request = browser.build().unwrap().request(method, format!("https://{}{path}", self.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(body).send().await.unwrap()
    }

    async fn post(&self, path: &str, origin: &str, token: &str, body: Vec<u8>) -> Response {
        let token = format!("Bearer {token}");
        let headers =
            [("content-type", WEB), ("origin", origin), ("authorization", &token), ("x-grpc-web", "1")];
        self.fetch(Method::POST, path, &headers, body).await
    }
}

fn header<'r>(response: &'r Response, name: &str) -> &'r str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

/// The frames of a body: flag and content.
fn frames(mut body: &[u8]) -> Vec<(u8, &[u8])> {
    let mut frames = Vec::new();
    while let [flag, a, b, c, d, rest @ ..] = body {
        let length = usize::try_from(u32::from_be_bytes([*a, *b, *c, *d])).unwrap();
        let (content, after) = rest.split_at(length);
        frames.push((*flag, content));
        body = after;
    }
    assert!(body.is_empty(), "{body:?}");
    frames
}

#[tokio::test]
async fn a_page_calls_over_http_1_and_finds_the_status_in_the_body() {
    let server = TestServer::sqlite().await;
    let encrypted = start(&server).await;
    let answer = encrypted.post(WHO_AM_I, PAGE, &encrypted.token, NOTHING.to_vec()).await;
    assert_eq!((answer.version(), answer.status()), (Version::HTTP_11, StatusCode::OK));
    assert_eq!(
        (header(&answer, "content-type"), header(&answer, "access-control-allow-origin")),
        (WEB, PAGE)
    );
    assert_eq!(header(&answer, "vary"), "origin");
    let body = answer.bytes().await.unwrap();
    let frames = frames(&body);
    assert_eq!(proto::WhoAmIResponse::decode(frames[0].1).unwrap().realm, "main");
    assert_eq!(frames[1..], [(0x80, &b"grpc-status: 0\r\n"[..])]);
    // gRPC goes on beside it.
    assert!(call(&encrypted.settings()).await.is_ok());
}

#[tokio::test]
async fn a_refusal_is_in_headers_that_a_page_may_read() {
    let server = TestServer::sqlite().await;
    let encrypted = start(&server).await;
    let nobody = encrypted.post(WHO_AM_I, PAGE, "tgk_1_x", NOTHING.to_vec()).await;
    assert_eq!((header(&nobody, "grpc-status"), nobody.status()), ("16", StatusCode::OK));
    let exposed = header(&nobody, "access-control-expose-headers");
    assert!(
        ["grpc-status", "grpc-message", "grpc-status-details-bin"].iter().all(|name| exposed.contains(name))
    );
    let body = framed(&proto::GetAccountRequest { account: "nobody".to_owned() });
    let missing =
        encrypted.post("/tidegate.v1.AccountService/GetAccount", PAGE, &encrypted.token, body).await;
    assert_eq!(header(&missing, "grpc-status"), "5");
    let cut = encrypted.post(WHO_AM_I, PAGE, &encrypted.token, vec![0, 0]).await;
    assert_eq!(header(&cut, "grpc-status"), "3", "the framing is checked as gRPC's is");
}

#[tokio::test]
async fn a_stream_is_sent_as_it_comes() {
    let server = TestServer::sqlite().await;
    let encrypted = start(&server).await;
    server.seal().await;
    let start = Some(proto::tail_events_request::Start::FromBeginning(true));
    let body = framed(&proto::TailEventsRequest { start, ..Default::default() });
    let path = "/tidegate.v1.AuditService/TailEvents";
    let mut answer = encrypted.post(path, PAGE, &encrypted.token, body).await;
    let first = answer.chunk().await.unwrap().unwrap();
    assert_eq!(first[0], 0, "a message, and the stream is open");
}

#[tokio::test]
async fn a_browser_asks_before_it_calls() {
    let server = TestServer::sqlite().await;
    let encrypted = start(&server).await;
    let ask = |origin| [("origin", origin), ("access-control-request-method", "POST")];
    let answer = encrypted.fetch(Method::OPTIONS, WHO_AM_I, &ask(PAGE), Vec::new()).await;
    assert_eq!(answer.status(), StatusCode::NO_CONTENT);
    assert_eq!(header(&answer, "access-control-allow-origin"), PAGE);
    assert_eq!(header(&answer, "access-control-allow-methods"), "POST");
    let allowed = header(&answer, "access-control-allow-headers");
    for name in ["authorization", "content-type", "x-grpc-web", "grpc-timeout", "tidegate-realm"] {
        assert!(allowed.contains(name), "{name}");
    }
    assert_eq!(header(&answer, "access-control-allow-credentials"), "", "cookies and certificates stay away");
    for foreign in ["https://evil.example", "http://app.example", "https://app.example.evil", "null"] {
        let refused = encrypted.fetch(Method::OPTIONS, WHO_AM_I, &ask(foreign), Vec::new()).await;
        assert_eq!(
            (refused.status(), header(&refused, "access-control-allow-origin")),
            (StatusCode::FORBIDDEN, "")
        );
    }
}

#[tokio::test]
async fn a_page_of_another_origin_changes_nothing() {
    let server = TestServer::sqlite().await;
    let encrypted = start(&server).await;
    let body = framed(&proto::CreateAccountRequest { external_id: "ann".to_owned(), ..Default::default() });
    let path = "/tidegate.v1.AccountService/CreateAccount";
    let refused = encrypted.post(path, "https://evil.example", &encrypted.token, body).await;
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
    let found = server.operator().refused(proto::GetAccountRequest { account: "ann".to_owned() }).await;
    assert_eq!(found.reason, Some(proto::ErrorReason::AccountNotFound));
}

#[tokio::test]
async fn http_1_is_for_grpc_web_alone() {
    let server = TestServer::sqlite().await;
    let encrypted = start(&server).await;
    for content_type in ["application/grpc", "application/grpc-web-text", "application/json"] {
        let headers = [("content-type", content_type), ("te", "trailers")];
        let refused = encrypted.fetch(Method::POST, WHO_AM_I, &headers, NOTHING.to_vec()).await;
        assert_eq!(refused.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE, "{content_type}");
    }
    let get = encrypted.fetch(Method::GET, WHO_AM_I, &[("content-type", WEB)], Vec::new()).await;
    assert_eq!(get.status(), StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn without_origins_no_http_1_is_spoken() {
    let server = TestServer::sqlite().await;
    let encrypted = Encrypted::start(&server).await;
    let refused = encrypted.shake(&["http/1.1"]).await.unwrap_err().to_string();
    assert!(refused.contains("NoApplicationProtocol"), "{refused}");
    let offered = start(&server).await;
    for (versions, chosen) in [(["http/1.1", "h2"], "h2"), (["http/1.1", "x"], "http/1.1")] {
        let stream = offered.shake(&versions).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(chosen.as_bytes()));
    }
    let (address, _open) = serve(&server.app, SERVED).await;
    let plain = reqwest::Client::builder().http1_only().no_proxy().build().unwrap();
    assert!(plain.post(format!("http://{address}{WHO_AM_I}")).send().await.is_err());
}
