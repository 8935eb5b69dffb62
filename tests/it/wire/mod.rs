//! How the server answers headers and bytes that no gRPC library would send: the rules of gRPC's
//! PROTOCOL-HTTP2.md, one by one.

mod bounds;
mod credentials;
mod draining;
mod frames;
mod headers;
mod trailers;

use std::net::SocketAddr;

use http::{HeaderMap, Request, request};
use prost::{Message, bytes::Bytes};
use tidegate_client::Refused;
use tonic::Status;

use crate::{actor::Actor, test_server::TestServer};

/// What grpc-java accepts as headers and as trailers, counted as `SETTINGS_MAX_HEADER_LIST_SIZE` is; grpc-core
/// refuses more at random, and everything above 16 KiB.
const DEFAULT_MAX_HEADER_LIST: u32 = 8 * 1024;

const CHECK: &str = "/grpc.health.v1.Health/Check";
const WATCH: &str = "/grpc.health.v1.Health/Watch";
const WHO_AM_I: &str = "/tidegate.v1.AccessService/WhoAmI";
const EVALUATE: &str = "/tidegate.v1.EvaluationService/Evaluate";
const IMPORT: &str = "/tidegate.v1.AccountService/ImportAccounts";

/// An HTTP/2 connection that sends everything as it is given.
pub struct Wire {
    sender: h2::client::SendRequest<Bytes>,
    authority: String,
}

/// An answer as it came.
#[derive(Debug)]
pub struct Reply {
    pub http: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    /// Empty where the headers end the answer.
    pub trailers: HeaderMap,
}

impl Held {
    /// Ends the request.
    pub fn end(&mut self) {
        self.body.send_data(Bytes::new(), true).unwrap();
    }
}

impl Wire {
    pub async fn open(server: &TestServer) -> Self {
        Self::to(server.address).await
    }

    pub async fn to(address: SocketAddr) -> Self {
        Self::with(address, h2::client::Builder::new()).await
    }

    /// A caller that takes no byte of an answer beyond its headers.
    pub async fn unread(address: SocketAddr) -> Self {
        let mut client = h2::client::Builder::new();
        client.initial_window_size(0);
        Self::with(address, client).await
    }

    async fn with(address: SocketAddr, mut client: h2::client::Builder) -> Self {
        let socket = tokio::net::TcpStream::connect(address).await.unwrap();
        let connecting = client.max_header_list_size(DEFAULT_MAX_HEADER_LIST).handshake(socket);
        let (sender, connection) = connecting.await.unwrap();
        tokio::spawn(connection);
        Self { sender, authority: address.to_string() }
    }

    /// A request with the headers that gRPC demands, and no others.
    pub fn request(&self, path: &str) -> request::Builder {
        self.bare(path).header("te", "trailers").header("content-type", "application/grpc")
    }

    /// The same with the credential of an actor.
    pub fn signed(&self, actor: &Actor, path: &str) -> request::Builder {
        self.request(path).header("authorization", bearer(actor))
    }

    /// A request without any header.
    pub fn bare(&self, path: &str) -> request::Builder {
        Request::post(format!("http://{}{path}", self.authority))
    }

    /// Sends the pieces as a DATA frame each, then ends the request; `None` when the stream was reset.
    pub async fn send(&self, request: request::Builder, pieces: &[&[u8]]) -> Option<Reply> {
        self.exchange(request, pieces, None).await
    }

    pub async fn exchange(
        &self,
        request: request::Builder,
        pieces: &[&[u8]],
        trailers: Option<HeaderMap>,
    ) -> Option<Reply> {
        let mut sender = self.sender.clone().ready().await.unwrap();
        let empty = pieces.is_empty() && trailers.is_none();
        let (answer, mut body) = sender.send_request(request.body(()).unwrap(), empty).unwrap();
        // Errors are ignored: the server may answer and reset the stream before everything is sent.
        for (n, piece) in pieces.iter().enumerate() {
            let end = n + 1 == pieces.len() && trailers.is_none();
            let _ = body.send_data(Bytes::copy_from_slice(piece), end);
        }
        if let Some(trailers) = trailers {
            let _ = body.send_trailers(trailers);
        }
        read(answer).await
    }

    /// Waits for the answer to a call that is not finished.
    pub async fn read(&self, held: Held) -> Option<Reply> {
        let Held { answer, body: _open } = held;
        read(answer).await
    }

    /// Sends headers and the pieces, and does not end the request or wait for the answer.
    pub async fn hold(&self, request: request::Builder, pieces: &[&[u8]]) -> Held {
        let mut sender = self.sender.clone().ready().await.unwrap();
        let (answer, mut body) = sender.send_request(request.body(()).unwrap(), false).unwrap();
        for piece in pieces {
            body.send_data(Bytes::copy_from_slice(piece), false).unwrap();
        }
        Held { answer, body }
    }

    /// Whether the server takes calls on this connection.
    pub async fn send_ready(&self) -> bool {
        self.sender.clone().ready().await.is_ok()
    }

    /// Calls at once on this connection, as the server announces.
    pub fn streams_at_once(&self) -> usize {
        self.sender.current_max_send_streams()
    }
}

/// A call that is not finished.
pub struct Held {
    pub answer: h2::client::ResponseFuture,
    pub body: h2::SendStream<Bytes>,
}

/// Waits for the whole answer; `None`: the call or its connection was ended.
pub async fn read(answer: h2::client::ResponseFuture) -> Option<Reply> {
    let (head, mut incoming) = answer.await.ok()?.into_parts();
    let mut body = Vec::new();
    while let Some(piece) = incoming.data().await {
        let piece = piece.ok()?;
        incoming.flow_control().release_capacity(piece.len()).unwrap();
        body.extend_from_slice(&piece);
    }
    let trailers = incoming.trailers().await.ok()?.unwrap_or_default();
    Some(Reply { http: head.status.as_u16(), headers: head.headers, body, trailers })
}

impl Reply {
    /// The headers that say how the call ended.
    pub fn ending(&self) -> &HeaderMap {
        if self.trailers.is_empty() { &self.headers } else { &self.trailers }
    }

    /// The size of the ending as a header list: the bytes of names and values, and 32 for each.
    pub fn ending_bytes(&self) -> usize {
        let pseudo = if self.trailers.is_empty() { ":status200".len() + 32 } else { 0 };
        let count =
            |(name, value): (&http::HeaderName, &http::HeaderValue)| name.as_str().len() + value.len() + 32;
        pseudo + self.ending().iter().map(count).sum::<usize>()
    }

    pub fn refused(&self) -> Refused {
        Refused::of(&Status::from_header_map(self.ending()).unwrap())
    }

    /// The answer in one line: `OK`, or the HTTP status, or the gRPC status with its reason and the
    /// violations.
    pub fn told(&self) -> String {
        match Status::from_header_map(self.ending()) {
            None => format!("HTTP {}", self.http),
            Some(status) if status.code() == tonic::Code::Ok => "OK".to_owned(),
            Some(status) => {
                let refused = Refused::of(&status);
                let reason = if refused.reason.is_some() { refused.name() } else { "without a reason" };
                let wrong =
                    refused.violations.iter().map(|wrong| format!("; {} {}", wrong.field, wrong.description));
                format!("{:?}: {reason}{}", status.code(), wrong.collect::<String>())
            }
        }
    }
}

/// `told()` of an answer, or that there was none.
pub fn told(reply: Option<Reply>) -> String {
    reply.map_or_else(|| "reset".to_owned(), |reply| reply.told())
}

pub fn bearer(actor: &Actor) -> String {
    format!("Bearer {}", actor.token.as_deref().unwrap())
}

/// A message as it goes over the wire.
pub fn framed(message: &impl Message) -> Vec<u8> {
    frame(0, &message.encode_to_vec())
}

pub fn frame(flag: u8, message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap();
    [&[flag][..], &length.to_be_bytes(), message].concat()
}

/// A message with nothing in it.
pub const NOTHING: &[u8] = &[0; 5];
