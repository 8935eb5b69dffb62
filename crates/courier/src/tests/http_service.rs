//! A push service or gateway whose answers a test scripts, over HTTP/1.1 and HTTP/2.

use std::{
    convert::Infallible,
    io::Write as _,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::Request,
    http::{HeaderMap, Version, response::Builder},
    response::Response,
    serve::Listener,
};
use futures_util::stream;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::{ServerConfig, pki_types::PrivateKeyDer};
use serde_json::Value;
use tempfile::NamedTempFile;
use tidegate_core::{DeliveryProblem, Id, Notification, PushAddress, Span};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use super::{BEGIN, PATIENT};
use crate::trouble::{Remedy, Trouble};

/// A service that answers is waited for; so long only if the test fails.
pub(crate) const TIMEOUT: Duration = PATIENT;
/// A service that hangs is not waited for.
pub(crate) const IMPATIENT: Duration = Duration::from_millis(200);

/// What the service answers.
pub(crate) enum Reply {
    Say(u16, String),
    /// With a header.
    With(u16, (&'static str, String), String),
    /// Never answers.
    Hang,
    /// Answers with a status and a body without an end, which is sent as fast as it is read.
    Endless(u16),
}

impl Reply {
    pub(crate) fn ok() -> Self {
        Self::Say(200, String::new())
    }
}

/// A request that arrived.
#[derive(Debug, Clone)]
pub(crate) struct ArrivedRequest {
    pub(crate) version: Version,
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl ArrivedRequest {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("{name} in {self:?}")).to_str().unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// A field of a form. What is decoded is compared, so a value may not contain `&`, `=` or `%` by itself.
    pub(crate) fn form(&self) -> Vec<(String, String)> {
        let decoded =
            reqwest::Url::parse(&format!("http://x/?{}", str::from_utf8(&self.body).unwrap())).unwrap();
        decoded.query_pairs().into_owned().collect()
    }
}

type Answering = dyn Fn(&ArrivedRequest) -> Reply + Send + Sync;

pub(crate) struct HttpService {
    port: u16,
    arrived: Arc<Mutex<Vec<ArrivedRequest>>>,
    /// The certificate, if the service is encrypted.
    certificate: Option<NamedTempFile>,
}

impl HttpService {
    pub(crate) async fn start(script: impl Fn(&ArrivedRequest) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (port, arrived) = (listener.local_addr().unwrap().port(), Arc::default());
        tokio::spawn(axum::serve(listener, router(&arrived, Arc::new(script))).into_future());
        Self { port, arrived, certificate: None }
    }

    /// With a certificate of its own, offering these versions of HTTP.
    pub(crate) async fn encrypted(
        versions: &[&str],
        script: impl Fn(&ArrivedRequest) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let key = PrivateKeyDer::Pkcs8(signing_key.serialize_der().into());
        let config = ServerConfig::builder().with_no_client_auth();
        let mut config = config.with_single_cert(vec![cert.der().clone()], key).unwrap();
        config.alpn_protocols = versions.iter().map(|version| version.as_bytes().to_vec()).collect();
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (port, arrived) = (tcp.local_addr().unwrap().port(), Arc::default());
        let listener = TlsListener { tcp, acceptor: TlsAcceptor::from(Arc::new(config)) };
        tokio::spawn(axum::serve(listener, router(&arrived, Arc::new(script))).into_future());
        Self { port, arrived, certificate: Some(file(&cert.pem())) }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        let scheme = if self.certificate.is_some() { "https" } else { "http" };
        format!("{scheme}://localhost:{}{path}", self.port)
    }

    pub(crate) fn ca_file(&self) -> PathBuf {
        self.certificate.as_ref().unwrap().path().to_owned()
    }

    pub(crate) fn arrived(&self) -> Vec<ArrivedRequest> {
        self.arrived.lock().unwrap().clone()
    }

    /// The requests to a path.
    pub(crate) fn arrived_at(&self, path: &str) -> Vec<ArrivedRequest> {
        self.arrived().into_iter().filter(|request| request.path == path).collect()
    }
}

fn router(arrived: &Arc<Mutex<Vec<ArrivedRequest>>>, script: Arc<Answering>) -> Router {
    let arrived = arrived.clone();
    Router::new().fallback(async move |request: Request| {
        let (parts, body) = request.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        let path = parts.uri.path_and_query().unwrap().to_string();
        // Traces are no business of a service that delivers messages.
        assert!(!parts.headers.contains_key("traceparent"), "{:?}", parts.headers);
        let request = ArrivedRequest { version: parts.version, path, headers: parts.headers, body };
        arrived.lock().unwrap().push(request.clone());
        answer(script(&request)).await
    })
}

async fn answer(reply: Reply) -> Response {
    let status = |status| Response::builder().status(status);
    let say = |builder: Builder, body: String| builder.body(Body::from(body)).unwrap();
    match reply {
        Reply::Say(code, body) => say(status(code), body),
        Reply::With(code, (name, value), body) => say(status(code).header(name, value), body),
        Reply::Hang => std::future::pending().await,
        Reply::Endless(code) => {
            let endless = stream::repeat_with(|| Ok::<_, Infallible>([b' '; 8_192].as_slice().to_vec()));
            status(code).body(Body::from_stream(endless)).unwrap()
        }
    }
}

struct TlsListener {
    tcp: TcpListener,
    acceptor: TlsAcceptor,
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, from) = self.tcp.accept().await.unwrap();
            if let Ok(stream) = self.acceptor.accept(stream).await {
                return (stream, from);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.tcp.local_addr()
    }
}

/// A port at which every request gets these bytes, and nothing more.
pub(crate) async fn saying(bytes: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 1_024]).await;
            let _ = stream.write_all(bytes).await;
            let _ = stream.shutdown().await;
            // What is not read when a connection is closed can cost the other side what was written.
            let _ = stream.read_to_end(&mut Vec::new()).await;
        }
    });
    format!("http://localhost:{port}")
}

pub(crate) fn file(text: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

/// For ten minutes.
pub(crate) fn notification(to: PushAddress) -> Notification {
    Notification {
        to,
        title: "Kasa".parse().unwrap(),
        text: "Melden Sie sich gerade an? \"Ja\"".to_owned(),
        challenge: Some(Id::from_uuid_bytes([0xfb; 16])),
        expires_at: BEGIN.plus(Span::minutes(10)),
    }
}

/// What is kept of a failure, and what is done about it.
pub(crate) fn failure<T>(sent: Result<T, Trouble>) -> (DeliveryProblem, Remedy) {
    let Err(trouble) = sent else { panic!("it was sent") };
    (trouble.problem(), trouble.remedy())
}
