//! A socket that is read in turns, and whose first bytes may have been read already.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use prost::bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes that are read before others have their turn. HTTP/2 reads frames for as long as there are any, and holds them
/// until the tasks of their streams run: so much can be held for a connection, and so many frames.
const TURN: usize = 16 * 1024;

pub(super) struct Paced<S> {
    /// What was read before.
    head: Bytes,
    inner: S,
    /// Bytes read in this turn.
    read: usize,
}

impl<S> Paced<S> {
    pub(super) const fn new(head: Bytes, inner: S) -> Self {
        Self { head, inner, read: 0 }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if !this.head.is_empty() {
            let taken = this.head.len().min(buffer.remaining());
            buffer.put_slice(&this.head.split_to(taken));
            return Poll::Ready(Ok(()));
        }
        if this.read >= TURN {
            this.read = 0;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        match Pin::new(&mut this.inner).poll_read(cx, buffer) {
            Poll::Pending => this.read = 0,
            Poll::Ready(read) => {
                read?;
                this.read += buffer.filled().len() - before;
                return Poll::Ready(Ok(()));
            }
        }
        Poll::Pending
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

/// How HTTP/2 begins (RFC 9113 §3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Whether the caller speaks HTTP/2, and the bytes that were read to find out.
pub(super) async fn speaks_http2(socket: &mut (impl AsyncRead + Unpin)) -> io::Result<(bool, Bytes)> {
    let (mut bytes, mut read) = ([0; PREFACE.len()], 0);
    std::future::poll_fn(|cx| {
        loop {
            let mut buffer = ReadBuf::new(bytes.get_mut(read..).unwrap_or_default());
            ready!(Pin::new(&mut *socket).poll_read(cx, &mut buffer))?;
            let more = buffer.filled().len();
            read += more;
            let so_far = bytes.get(..read).unwrap_or_default();
            if more == 0 || !PREFACE.starts_with(so_far) || read == PREFACE.len() {
                return Poll::Ready(Ok((so_far == PREFACE, Bytes::copy_from_slice(so_far))));
            }
        }
    })
    .await
}
