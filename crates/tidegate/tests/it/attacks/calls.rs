//! Calls as a library sends them, many at once.

use std::net::SocketAddr;

use h2::{
    SendStream,
    client::{Builder, ResponseFuture, SendRequest},
};
use http::Request;
use prost::bytes::Bytes;
use tokio::{net::TcpStream, task::JoinHandle};

/// A connection whose calls go on until it is dropped.
pub struct Calls {
    sender: SendRequest<Bytes>,
    driver: JoinHandle<()>,
    token: Option<String>,
    pub under_way: Vec<(ResponseFuture, SendStream<Bytes>)>,
}

impl Calls {
    /// `window`: how many bytes of an answer are read.
    pub async fn open(address: SocketAddr, token: Option<&str>, window: u32) -> Self {
        let socket = TcpStream::connect(address).await.unwrap();
        let mut client = Builder::new();
        client.initial_window_size(window).max_concurrent_reset_streams(100_000);
        let (sender, connection) = client.handshake(socket).await.unwrap();
        let driver = tokio::spawn(async move {
            // It ends when the server closes it.
            let _ = connection.await;
        });
        Self { sender, driver, token: token.map(str::to_owned), under_way: Vec::new() }
    }

    /// Begins a call and sends the bytes, as far as the server takes them. False: the connection has ended.
    pub async fn begin(&mut self, path: &str, bytes: &Bytes, ends: bool) -> bool {
        let mut request = Request::post(format!("http://tidegate{path}"))
            .header("te", "trailers")
            .header("content-type", "application/grpc");
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let Ok(mut sender) = self.sender.clone().ready().await else { return false };
        let Ok((answer, mut body)) = sender.send_request(request.body(()).unwrap(), false) else {
            return false;
        };
        // Fails where the server has refused the call already.
        let _ = body.send_data(bytes.clone(), ends);
        self.under_way.push((answer, body));
        true
    }

    /// Waits until the server has answered a call that comes after all others.
    pub async fn settle(&mut self) {
        let path = "/tidegate.v1.AccessService/WhoAmI";
        if self.begin(path, &Bytes::from_static(&[0; 5]), true).await {
            let (answer, _) = self.under_way.pop().unwrap();
            let _ = answer.await;
        }
    }

    /// Resets all calls.
    pub fn reset(&mut self) {
        for (_, mut body) in self.under_way.drain(..) {
            body.send_reset(h2::Reason::CANCEL);
        }
    }
}

impl Drop for Calls {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// The beginning of a message: the length that is announced, and fewer bytes.
pub fn part_of_message(announced: u32, sent: usize) -> Bytes {
    let mut bytes = [&[0][..], &announced.to_be_bytes()].concat();
    bytes.resize(5 + sent, 0);
    bytes.into()
}
