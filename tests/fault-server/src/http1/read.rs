//! Requests of HTTP/1.1.
use std::{future, io};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Version, header};
use httparse::Status;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::reply::Reply;

const MAX_HEAD: usize = 64 * 1024;
const MAX_HEADERS: usize = 128;
const MAX_BODY: usize = 64 * 1024 * 1024;

/// What a client that has more to say than this may wait with, while it is answered.
const MAX_AHEAD: usize = 1024 * 1024;

/// Reads requests, and keeps what comes after them.
#[derive(Debug)]
pub(super) struct Reader<R> {
    from: R,
    buffer: BytesMut,
}

enum Fault {
    Bad(&'static str),
    TooLarge,
    Closed,
}

enum Length {
    Known(usize),
    Chunked,
}

impl<R: AsyncRead + Unpin> Reader<R> {
    pub(super) fn new(from: R) -> Self {
        Self {
            from,
            buffer: BytesMut::new(),
        }
    }

    /// The next request; none when the client has left; what to answer if it is no right one. Who waits for a
    /// `100 Continue` gets it.
    pub(super) async fn request(
        &mut self,
        to: &mut (impl AsyncWrite + Unpin),
    ) -> Result<Option<Request<Bytes>>, Reply> {
        let refuse = |status, what| Err(Reply::error(status, "invalid_request_error", None, what));
        match self.read(to).await {
            Ok(request) => Ok(Some(request)),
            Err(Fault::Bad(what)) => refuse(400, what),
            Err(Fault::TooLarge) => {
                refuse(413, "the head is limited to 64 KiB, the body to 64 MiB")
            }
            Err(Fault::Closed) => Ok(None),
        }
    }

    /// Waits for the client to leave, and keeps what else it sends.
    pub(super) async fn closed(&mut self) {
        while self.buffer.len() < MAX_AHEAD {
            if self.fill().await.is_err() {
                return;
            }
        }
        future::pending().await
    }

    async fn read(&mut self, to: &mut (impl AsyncWrite + Unpin)) -> Result<Request<Bytes>, Fault> {
        let mut request = loop {
            if let Some(request) = self.head()? {
                break request;
            }
            if self.buffer.len() > MAX_HEAD {
                return Err(Fault::TooLarge);
            }
            self.fill().await?;
        };
        let length = length(request.headers())?;
        if request.headers().contains_key(header::EXPECT) {
            to.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        }
        *request.body_mut() = match length {
            Length::Known(length) => self.take(length).await?,
            Length::Chunked => self.chunks().await?,
        };
        Ok(request)
    }

    /// The head, if it is there.
    fn head(&mut self) -> Result<Option<Request<Bytes>>, Fault> {
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut head = httparse::Request::new(&mut headers);
        let bad = |_| Fault::Bad("this is not a request of HTTP/1.1");
        let Status::Complete(length) = head.parse(&self.buffer).map_err(|_| bad(()))? else {
            return Ok(None);
        };
        let version = if head.version == Some(0) {
            Version::HTTP_10
        } else {
            Version::HTTP_11
        };
        let mut request = Request::builder()
            .method(head.method.unwrap_or_default())
            .uri(head.path.unwrap_or_default())
            .version(version)
            .body(Bytes::new())
            .map_err(|_| Fault::Bad("the request line has no right method or path"))?;
        for header in head.headers.iter() {
            let name = HeaderName::from_bytes(header.name.as_bytes());
            let value = HeaderValue::from_bytes(header.value);
            let (Ok(name), Ok(value)) = (name, value) else {
                return Err(Fault::Bad("a header has no right name or value"));
            };
            request.headers_mut().append(name, value);
        }
        let _ = self.buffer.split_to(length);
        Ok(Some(request))
    }

    async fn chunks(&mut self) -> Result<Bytes, Fault> {
        let mut body = BytesMut::new();
        loop {
            let line = self.line().await?;
            let size = line.split(|byte| *byte == b';').next().unwrap_or_default();
            let size = str::from_utf8(size)
                .ok()
                .and_then(|size| usize::from_str_radix(size.trim(), 16).ok());
            let size = size.ok_or(Fault::Bad(
                "the size of a chunk is not a hexadecimal number",
            ))?;
            if size == 0 {
                break;
            }
            if body.len() + size > MAX_BODY {
                return Err(Fault::TooLarge);
            }
            body.extend_from_slice(&self.take(size).await?);
            if !self.line().await?.is_empty() {
                return Err(Fault::Bad("a chunk is longer than its size"));
            }
        }
        // Trailers tell nothing that is needed here.
        while !self.line().await?.is_empty() {}
        Ok(body.freeze())
    }

    /// A line, without its end.
    async fn line(&mut self) -> Result<Bytes, Fault> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|two| two == b"\r\n") {
                let mut line = self.buffer.split_to(end + 2);
                line.truncate(end);
                return Ok(line.freeze());
            }
            if self.buffer.len() > MAX_HEAD {
                return Err(Fault::TooLarge);
            }
            self.fill().await?;
        }
    }

    async fn take(&mut self, length: usize) -> Result<Bytes, Fault> {
        while self.buffer.len() < length {
            self.fill().await?;
        }
        Ok(self.buffer.split_to(length).freeze())
    }

    async fn fill(&mut self) -> Result<(), Fault> {
        self.buffer.reserve(8 * 1024);
        match self.from.read_buf(&mut self.buffer).await? {
            0 => Err(Fault::Closed),
            _ => Ok(()),
        }
    }
}

impl From<io::Error> for Fault {
    fn from(_: io::Error) -> Self {
        Self::Closed
    }
}

fn length(headers: &HeaderMap) -> Result<Length, Fault> {
    if headers.contains_key(header::TRANSFER_ENCODING) {
        return Ok(Length::Chunked);
    }
    let Some(length) = headers.get(header::CONTENT_LENGTH) else {
        return Ok(Length::Known(0));
    };
    let length = length.to_str().ok().and_then(|length| length.parse().ok());
    match length.ok_or(Fault::Bad("the content-length is not a number"))? {
        length if length > MAX_BODY => Err(Fault::TooLarge),
        length => Ok(Length::Known(length)),
    }
}
