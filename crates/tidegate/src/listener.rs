//! Connections that are bounded in number and in time, for the ports of HTTP/1.1. A client that sends nothing frees its place
//! soon, and one that never finishes its request when the connection's life is over. Where all places are taken, the oldest
//! connection makes room for a new one: an answer takes a few milliseconds, so clients that hold connections keep no probe out.

use std::{
    collections::VecDeque,
    future::Future as _,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Weak},
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::serve::Listener;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, Sleep, sleep},
};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// How long a client may take to send its first byte.
const FIRST_BYTE_TIMEOUT: Duration = Duration::from_secs(5);

pub struct BoundedListener {
    listener: TcpListener,
    most: usize,
    /// Twice as many: who makes room still has its place until its task has ended.
    places: Arc<Semaphore>,
    /// From the oldest to the newest. Those that are closed are gone.
    seats: VecDeque<Weak<CancellationToken>>,
    first_byte: Duration,
    life: Duration,
}

/// A connection that reads and writes nothing after its end.
pub struct MortalConnection {
    stream: TcpStream,
    /// How long it lives once something was read; absent from then on.
    life: Option<Duration>,
    end: Pin<Box<Sleep>>,
    /// It makes room for another one.
    gone: Pin<Box<WaitForCancellationFutureOwned>>,
    _seat: Arc<CancellationToken>,
    _place: Option<OwnedSemaphorePermit>,
}

impl BoundedListener {
    pub fn new(listener: TcpListener, most: usize, life: Duration) -> Self {
        let first_byte = FIRST_BYTE_TIMEOUT.min(life);
        let places = Arc::new(Semaphore::new(2 * most));
        Self { listener, most, places, seats: VecDeque::new(), first_byte, life }
    }

    /// A seat for one more. Where there is none, the oldest connections lose theirs.
    fn seat(&mut self) -> Arc<CancellationToken> {
        self.seats.retain(|seat| seat.strong_count() > 0);
        while self.seats.len() >= self.most {
            if let Some(oldest) = self.seats.pop_front().and_then(|seat| seat.upgrade()) {
                oldest.cancel();
            }
        }
        let seat = Arc::new(CancellationToken::new());
        self.seats.push_back(Arc::downgrade(&seat));
        seat
    }
}

impl Listener for BoundedListener {
    type Io = MortalConnection;
    type Addr = SocketAddr;

    /// Waits for a place first: until then, clients wait in the queue of the operating system.
    async fn accept(&mut self) -> (MortalConnection, SocketAddr) {
        // `None` only if the semaphore is closed, which it never is.
        let place = self.places.clone().acquire_owned().await.ok();
        let (stream, from) = Listener::accept(&mut self.listener).await;
        let (end, seat) = (Box::pin(sleep(self.first_byte)), self.seat());
        let gone = Box::pin(CancellationToken::clone(&seat).cancelled_owned());
        let connection =
            MortalConnection { stream, life: Some(self.life), end, gone, _seat: seat, _place: place };
        (connection, from)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl MortalConnection {
    /// The stream; an error once its life is over. Wakes the task then, if it waits for the stream.
    fn alive(&mut self, context: &mut Context<'_>) -> io::Result<Pin<&mut TcpStream>> {
        if self.gone.as_mut().poll(context).is_ready() {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        match self.end.as_mut().poll(context) {
            Poll::Ready(()) => Err(io::ErrorKind::TimedOut.into()),
            Poll::Pending => Ok(Pin::new(&mut self.stream)),
        }
    }
}

impl AsyncRead for MortalConnection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(self.alive(context)?.poll_read(context, buffer))?;
        if buffer.filled().len() > before
            && let Some(life) = self.life.take()
        {
            self.end.as_mut().reset(Instant::now() + life);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for MortalConnection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.alive(context)?.poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.alive(context)?.poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    /// No test waits this long.
    const LONG: Duration = Duration::from_mins(5);

    async fn connections(life: Duration) -> (BoundedListener, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        (BoundedListener::new(listener, 1, life), address)
    }

    #[tokio::test]
    async fn a_connection_takes_a_place_until_it_is_closed() {
        let (mut connections, address) = connections(LONG).await;
        connections.first_byte = LONG;
        let mut client = TcpStream::connect(address).await.unwrap();
        let (mut connection, _) = connections.accept().await;
        assert_eq!(connections.places.available_permits(), 1);
        client.write_all(b"hello").await.unwrap();
        let mut heard = [0; 5];
        connection.read_exact(&mut heard).await.unwrap();
        connection.write_all(&heard).await.unwrap();
        drop(connection);
        assert_eq!(connections.places.available_permits(), 2);
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).await.unwrap();
        assert_eq!(answer, b"hello");
    }

    #[tokio::test]
    async fn the_oldest_connection_makes_room_for_a_new_one() {
        let (mut connections, address) = connections(LONG).await;
        connections.first_byte = LONG;
        let _holding = TcpStream::connect(address).await.unwrap();
        let (mut oldest, _) = connections.accept().await;
        let reading = tokio::spawn(async move { oldest.read(&mut [0; 5]).await });
        let mut client = TcpStream::connect(address).await.unwrap();
        let (mut newest, _) = connections.accept().await;
        let ended = reading.await.unwrap().unwrap_err();
        assert_eq!(ended.kind(), io::ErrorKind::ConnectionAborted);
        client.write_all(b"hello").await.unwrap();
        newest.read_exact(&mut [0; 5]).await.unwrap();
    }

    #[tokio::test]
    async fn a_client_that_says_nothing_is_let_go() {
        let (mut connections, address) = connections(Duration::ZERO).await;
        let _client = TcpStream::connect(address).await.unwrap();
        let (mut connection, _) = connections.accept().await;
        let read = connection.read(&mut [0; 5]).await;
        assert_eq!(read.unwrap_err().kind(), io::ErrorKind::TimedOut);
        let written = connection.write_all(b"hello").await;
        assert_eq!(written.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn a_client_that_has_said_something_may_take_its_time() {
        let (mut connections, address) = connections(LONG).await;
        connections.first_byte = LONG;
        let mut client = TcpStream::connect(address).await.unwrap();
        let (mut connection, _) = connections.accept().await;
        connection.life = Some(Duration::ZERO);
        client.write_all(b"hello").await.unwrap();
        let mut heard = [0; 5];
        connection.read_exact(&mut heard).await.unwrap();
        let read = connection.read(&mut heard).await;
        assert_eq!(read.unwrap_err().kind(), io::ErrorKind::TimedOut, "its life begins with the first byte");
    }
}
