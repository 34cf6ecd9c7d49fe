//! A connection that can be looked into before it is read, and reset.
use std::{
    fmt, io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use bytes::{Buf, Bytes, BytesMut};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf},
    net::TcpStream,
};

/// How a client of HTTP/2 begins.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What a client of TLS begins with: the record type of a handshake.
const HANDSHAKE: u8 = 0x16;

/// A connection that can be looked into before it is read, and ended from outside. It is closed with its last clone.
#[derive(Clone)]
pub(crate) struct Wire {
    /// What was looked at.
    ahead: Bytes,
    stream: Arc<Mutex<Stream>>,
}

enum Stream {
    Socket(TcpStream),
    Other(Pin<Box<dyn Other>>),
}

trait Other: AsyncRead + AsyncWrite + Send {}

impl<T: AsyncRead + AsyncWrite + Send> Other for T {}

/// What a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http1,
    Http2,
    Tls,
}

impl Wire {
    pub(crate) fn socket(socket: TcpStream) -> Self {
        // Each event is to be seen when it is sent. A socket that cannot do it is closed by now.
        let _ = socket.set_nodelay(true);
        Self::new(Stream::Socket(socket))
    }

    pub(crate) fn other(stream: impl AsyncRead + AsyncWrite + Send + 'static) -> Self {
        Self::new(Stream::Other(Box::pin(stream)))
    }

    fn new(stream: Stream) -> Self {
        Self {
            ahead: Bytes::new(),
            stream: Arc::new(Mutex::new(stream)),
        }
    }

    /// Waits for enough bytes to tell; `None` if the client leaves before.
    pub(crate) async fn sniff(&mut self) -> Option<Protocol> {
        let mut seen = BytesMut::new();
        let protocol = loop {
            let same = seen.len().min(PREFACE.len());
            if seen.first() == Some(&HANDSHAKE) {
                break Protocol::Tls;
            }
            if seen[..same] != PREFACE[..same] {
                break Protocol::Http1;
            }
            if same == PREFACE.len() {
                break Protocol::Http2;
            }
            match self.read_buf(&mut seen).await {
                Ok(0) | Err(_) => return None,
                Ok(_) => {}
            }
        };
        self.ahead = seen.freeze();
        Some(protocol)
    }

    /// From here on its end is a reset, where it is a socket.
    pub(crate) fn reset(&self) {
        if let Stream::Socket(socket) = &*self.stream() {
            // Closing a socket that must not linger sends RST. If that cannot be set, FIN has to do.
            let _ = socket.set_zero_linger();
        }
    }

    /// Says something last, and ends this direction.
    pub(crate) async fn part(mut self, words: &[u8]) {
        // Whether the client still listens is its own business.
        let _ = self.write_all(words).await;
        let _ = self.shutdown().await;
    }

    fn stream(&self) -> MutexGuard<'_, Stream> {
        // Nothing is left half done here by a panic.
        self.stream.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire")
            .field("ahead", &self.ahead.len())
            .finish_non_exhaustive()
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        to: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.ahead.is_empty() {
            return Pin::new(&mut *self.stream()).poll_read(cx, to);
        }
        let length = self.ahead.len().min(to.remaining());
        to.put_slice(&self.ahead[..length]);
        self.ahead.advance(length);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.stream()).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.stream()).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.stream()).poll_shutdown(cx)
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        to: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Socket(socket) => Pin::new(socket).poll_read(cx, to),
            Self::Other(other) => other.as_mut().poll_read(cx, to),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Socket(socket) => Pin::new(socket).poll_write(cx, bytes),
            Self::Other(other) => other.as_mut().poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Socket(socket) => Pin::new(socket).poll_flush(cx),
            Self::Other(other) => other.as_mut().poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Socket(socket) => Pin::new(socket).poll_shutdown(cx),
            Self::Other(other) => other.as_mut().poll_shutdown(cx),
        }
    }
}
