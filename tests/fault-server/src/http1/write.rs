//! Replies over HTTP/1.1, right or wrong.
use std::{future, io, time::Duration};

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncWrite, AsyncWriteExt};

use crate::{
    reply::{Framing, Head, Reply, Step},
    tempo::Tempo,
};

/// Performs one reply.
#[derive(Debug)]
pub(super) struct Writer<'a, W> {
    to: &'a mut W,
    tempo: Tempo,
    pace: Duration,
    framing: Option<Framing>,
    finished: bool,
}

/// What comes after a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Another request.
    Request,
    /// The end of the connection, perhaps after all of the body.
    Close { finished: bool },
    /// The end of the connection by force.
    Reset,
    /// Nothing: the client has left.
    Left,
}

impl<'a, W: AsyncWrite + Unpin> Writer<'a, W> {
    pub(super) fn new(to: &'a mut W, tempo: Tempo) -> Self {
        Self {
            to,
            tempo,
            pace: Duration::ZERO,
            framing: None,
            finished: false,
        }
    }

    pub(super) async fn perform(mut self, reply: Reply) -> io::Result<Next> {
        for step in reply.steps {
            match step {
                Step::Wait(time) => self.tempo.sleep(time).await,
                Step::Pace(time) => self.pace = time,
                Step::Head(head) => {
                    self.framing = Some(head.framing);
                    self.put(&render(&head)).await?;
                }
                Step::Send(bytes) => self.send(bytes).await?,
                Step::Raw(bytes) => self.put(&bytes).await?,
                Step::Repeat { bytes, every } => loop {
                    self.send(bytes.clone()).await?;
                    self.tempo.sleep(every).await;
                },
                Step::Finish => self.finish().await?,
                Step::Hang => future::pending().await,
                Step::Close => {
                    return Ok(Next::Close {
                        finished: self.finished,
                    });
                }
                Step::Reset => return Ok(Next::Reset),
                Step::GoAway(_) | Step::ResetStream(_) => {
                    unreachable!("replies are made to fit the version")
                }
            }
        }
        self.finish().await?;
        Ok(match self.framing {
            Some(Framing::Chunked | Framing::Length(_)) => Next::Request,
            Some(Framing::UntilClose) => Next::Close { finished: true },
            None => Next::Close { finished: false },
        })
    }

    async fn send(&mut self, bytes: Bytes) -> io::Result<()> {
        if self.framing != Some(Framing::Chunked) {
            return self.put(&bytes).await;
        }
        // An empty chunk would be the last one.
        if bytes.is_empty() {
            return Ok(());
        }
        let mut chunk = BytesMut::from(format!("{:x}\r\n", bytes.len()).as_bytes());
        chunk.extend_from_slice(&bytes);
        chunk.extend_from_slice(b"\r\n");
        self.put(&chunk).await
    }

    async fn finish(&mut self) -> io::Result<()> {
        if self.framing == Some(Framing::Chunked) && !self.finished {
            self.put(b"0\r\n\r\n").await?;
        }
        self.finished = self.framing.is_some();
        Ok(())
    }

    async fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.pace.is_zero() {
            self.to.write_all(bytes).await?;
            return self.to.flush().await;
        }
        for byte in bytes {
            self.tempo.sleep(self.pace).await;
            self.to.write_u8(*byte).await?;
            self.to.flush().await?;
        }
        Ok(())
    }
}

fn render(head: &Head) -> Bytes {
    let reason = head.status.canonical_reason().unwrap_or("Unknown");
    let mut out =
        BytesMut::from(format!("HTTP/1.1 {} {reason}\r\n", head.status.as_u16()).as_bytes());
    for (name, value) in &head.headers {
        for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            out.extend_from_slice(part);
        }
    }
    let framing = match head.framing {
        Framing::Length(length) => format!("content-length: {length}\r\n\r\n"),
        Framing::Chunked => "transfer-encoding: chunked\r\n\r\n".into(),
        Framing::UntilClose => "connection: close\r\n\r\n".into(),
    };
    out.extend_from_slice(framing.as_bytes());
    out.freeze()
}
