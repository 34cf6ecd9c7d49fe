//! A connection that is over when no request comes.
use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

/// Reads fail once the first request has not come in time: who says nothing, or half of HTTP/2's greeting, would hold
/// its place for ever. From the first request on the limits of HTTP do.
#[derive(Debug)]
pub(super) struct Impatient<Io> {
    inner: Io,
    /// `None`: it has begun.
    limit: Option<Pin<Box<Sleep>>>,
    begun: Begun,
}

/// Tells the connection that a request has come.
#[derive(Clone, Debug, Default)]
pub(super) struct Begun(Arc<AtomicBool>);

impl<Io> Impatient<Io> {
    pub(super) fn new(inner: Io, limit: Duration) -> (Self, Begun) {
        let begun = Begun::default();
        let limit = Some(Box::pin(sleep(limit)));
        let impatient = Self {
            inner,
            limit,
            begun: begun.clone(),
        };
        (impatient, begun)
    }
}

impl Begun {
    pub(super) fn note(&self) {
        self.0.store(true, Relaxed);
    }
}

impl<Io: AsyncRead + Unpin> AsyncRead for Impatient<Io> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let read = Pin::new(&mut this.inner).poll_read(cx, into);
        if this.limit.is_some() && this.begun.0.load(Relaxed) {
            this.limit = None;
        }
        if let (Some(limit), Poll::Pending) = (&mut this.limit, &read)
            && limit.as_mut().poll(cx).is_ready()
        {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        read
    }
}

impl<Io: AsyncWrite + Unpin> AsyncWrite for Impatient<Io> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, bytes)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    const LIMIT: Duration = Duration::from_secs(5);

    #[tokio::test(start_paused = true)]
    async fn who_never_asks_is_left_and_who_has_asked_is_not() {
        let (mut client, server) = duplex(64);
        let (mut server, begun) = Impatient::new(server, LIMIT);
        client.write_all(b"PRI").await.unwrap();
        let mut three = [0; 3];
        server.read_exact(&mut three).await.unwrap();
        let error = server.read_u8().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);

        let (mut client, server) = duplex(64);
        let (mut server, begun_too) = Impatient::new(server, LIMIT);
        begun_too.note();
        let reading = tokio::spawn(async move { server.read_u8().await });
        tokio::time::sleep(2 * LIMIT).await;
        client.write_u8(7).await.unwrap();
        assert_eq!(reading.await.unwrap().unwrap(), 7);
        drop(begun);
    }
}
