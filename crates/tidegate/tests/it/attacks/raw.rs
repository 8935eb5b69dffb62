//! HTTP/2 by hand: frames that no library would send.

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PING: u8 = 6;
pub const WINDOW_UPDATE: u8 = 8;
pub const CONTINUATION: u8 = 9;

pub const END_STREAM: u8 = 1;
pub const END_HEADERS: u8 = 4;

pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A socket that has sent the preface, settings that let the server send anything, and nothing else.
pub async fn connect(address: SocketAddr) -> TcpStream {
    let mut socket = TcpStream::connect(address).await.unwrap();
    // The initial window of streams: the largest.
    let settings = frame(SETTINGS, 0, 0, &[0, 4, 0x7f, 0xff, 0xff, 0xff]);
    let window = frame(WINDOW_UPDATE, 0, 0, &0x7000_0000_u32.to_be_bytes());
    socket.write_all(&[PREFACE, &settings, &window].concat()).await.unwrap();
    socket
}

/// Sends the bytes again and again, and ignores what comes back, until the server closes the connection or all are sent.
pub async fn flood(socket: TcpStream, bytes: &[u8], times: usize) {
    let (mut incoming, mut outgoing) = socket.into_split();
    let ignored = tokio::spawn(async move {
        let mut heard = vec![0; 64 * 1024];
        while incoming.read(&mut heard).await.is_ok_and(|length| length > 0) {}
    });
    for _ in 0..times {
        if outgoing.write_all(bytes).await.is_err() {
            break;
        }
    }
    drop(outgoing);
    ignored.await.unwrap();
}

/// Waits until the server closes the connection.
pub async fn is_closed(socket: &mut TcpStream) {
    let mut heard = vec![0; 64 * 1024];
    while socket.read(&mut heard).await.is_ok_and(|length| length > 0) {}
}

/// The headers of a call as a header block.
pub fn head(path: &str, token: Option<&str>) -> Vec<u8> {
    let bearer = token.map(|token| format!("Bearer {token}"));
    let mut block = Vec::new();
    let fixed = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", path),
        (":authority", "tidegate"),
        ("te", "trailers"),
        ("content-type", "application/grpc"),
    ];
    for (name, value) in fixed.into_iter().chain(bearer.as_deref().map(|bearer| ("authorization", bearer))) {
        literal(&mut block, 0, name.as_bytes(), value.as_bytes());
    }
    block
}

/// A literal header (RFC 7541 §6.2): 0 without an index, 0x40 with one.
pub fn literal(block: &mut Vec<u8>, kind: u8, name: &[u8], value: &[u8]) {
    block.push(kind);
    for text in [name, value] {
        length(block, text.len());
        block.extend_from_slice(text);
    }
}

/// A whole number with a prefix of seven bits (RFC 7541 §5.1).
fn length(block: &mut Vec<u8>, mut number: usize) {
    if number < 127 {
        return block.push(u8::try_from(number).unwrap());
    }
    block.push(127);
    number -= 127;
    while number >= 128 {
        block.push(u8::try_from(number % 128 + 128).unwrap());
        number /= 128;
    }
    block.push(u8::try_from(number).unwrap());
}
