//! What the server does with one request, step by step.
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Version};
use serde_json::{Value, json};

use crate::{endpoints, visit::Visit};

/// What the server does with one request, step by step. After the last step the body ends as it should.
///
/// ```
/// # use std::time::Duration;
/// # use fault_server::{Framing, Head, Reply};
/// let half_an_answer = Reply::new()
///     .head(Head::new(200, Framing::Length(100)))
///     .send("half of ")
///     .wait(Duration::from_secs(3))
///     .close();
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct Reply {
    pub(crate) steps: Vec<Step>,
}

/// Status and headers of an answer, and how its body is delimited.
#[derive(Clone, Debug)]
#[must_use]
pub struct Head {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) framing: Framing,
}

/// How a body is delimited over HTTP/1.1. Over HTTP/2 only a length is told, the rest is in the frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// `Content-Length`, which nobody compares with what is sent.
    Length(usize),
    /// `Transfer-Encoding: chunked`, one chunk for each [`Reply::send`].
    Chunked,
    /// By the end of the connection.
    UntilClose,
}

#[derive(Clone, Debug)]
pub(crate) enum Step {
    Wait(Duration),
    Pace(Duration),
    Head(Head),
    Send(Bytes),
    Raw(Bytes),
    Repeat { bytes: Bytes, every: Duration },
    Finish,
    Hang,
    Close,
    Reset,
    GoAway(GoAway),
    ResetStream(u32),
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum GoAway {
    Graceful,
    Abrupt(u32),
}

impl Reply {
    /// Nothing: without a further step, the connection is closed.
    pub const fn new() -> Self {
        Self { steps: Vec::new() }
    }

    /// The right answer, or the right error for what is no right request.
    pub fn healthy(visit: &Visit<'_>) -> Self {
        endpoints::healthy(visit)
    }

    /// A whole answer of JSON.
    ///
    /// # Panics
    /// When `status` is not in 100..=999.
    pub fn json(status: u16, body: &Value) -> Self {
        Self::whole(status, "application/json", body.to_string())
    }

    /// An error in OpenAI's shape: its `type`, its `code`, its `message`.
    ///
    /// # Panics
    /// When `status` is not in 100..=999.
    pub fn error(status: u16, kind: &str, code: Option<&str>, message: &str) -> Self {
        Self::json(status, &error(kind, code, message))
    }

    /// A whole answer.
    ///
    /// # Panics
    /// When `status` is not in 100..=999, or `content_type` is no header value.
    pub fn whole(status: u16, content_type: &str, body: impl Into<Bytes>) -> Self {
        let body = body.into();
        let head =
            Head::new(status, Framing::Length(body.len())).header("content-type", content_type);
        Self::new().head(head).send(body)
    }

    /// Waits.
    pub fn wait(self, time: Duration) -> Self {
        self.step(Step::Wait(time))
    }

    /// From here on waits so long before each byte. Zero: not any more.
    pub fn pace(self, each_byte: Duration) -> Self {
        self.step(Step::Pace(each_byte))
    }

    /// Sends status and headers.
    pub fn head(self, head: Head) -> Self {
        self.step(Step::Head(head))
    }

    /// Sends a piece of the body.
    pub fn send(self, bytes: impl Into<Bytes>) -> Self {
        self.step(Step::Send(bytes.into()))
    }

    /// Puts bytes on the wire as they are. HTTP/1.1 alone.
    pub fn raw(self, bytes: impl Into<Bytes>) -> Self {
        self.step(Step::Raw(bytes.into()))
    }

    /// Sends the same piece of the body for ever: what follows is not reached.
    pub fn repeat(self, bytes: impl Into<Bytes>, every: Duration) -> Self {
        let bytes = bytes.into();
        self.step(Step::Repeat { bytes, every })
    }

    /// Ends the body as it should; without it, the end of the steps does that.
    pub fn finish(self) -> Self {
        self.step(Step::Finish)
    }

    /// Does nothing, with the connection open, until the client closes it.
    pub fn hang(self) -> Self {
        self.step(Step::Hang)
    }

    /// Closes the connection.
    pub fn close(self) -> Self {
        self.step(Step::Close)
    }

    /// Resets the connection: a TCP socket sends RST, what is no socket is closed.
    pub fn reset(self) -> Self {
        self.step(Step::Reset)
    }

    /// Sends GOAWAY with this error code, and closes the connection. HTTP/2 alone.
    pub fn go_away(self, code: u32) -> Self {
        self.step(Step::GoAway(GoAway::Abrupt(code)))
    }

    /// Sends GOAWAY without an error, and goes on with this request. HTTP/2 alone.
    pub fn go_away_gracefully(self) -> Self {
        self.step(Step::GoAway(GoAway::Graceful))
    }

    /// Sends RST_STREAM with this error code. HTTP/2 alone.
    pub fn reset_stream(self, code: u32) -> Self {
        self.step(Step::ResetStream(code))
    }

    /// A header more, in a head that is a step already.
    ///
    /// # Panics
    /// When `name` or `value` is not one of a header.
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        for step in &mut self.steps {
            if let Step::Head(head) = step {
                head.insert(name, value);
            }
        }
        self
    }

    /// The steps of another one, after these.
    pub fn then(mut self, other: Self) -> Self {
        self.steps.extend(other.steps);
        self
    }

    /// This one, or an error that tells why this version of HTTP cannot show it.
    pub(crate) fn fit(self, version: Version) -> Self {
        let second = version == Version::HTTP_2;
        let needed = match second {
            true if self.needs_first() => "HTTP/1.1",
            false if self.needs_second() => "HTTP/2, with prior knowledge",
            _ => return self,
        };
        let message = format!("this fault can only be shown over {needed}: make the call that way");
        Self::error(505, "fault_server_error", Some("http_version"), &message)
    }

    /// A head cannot be sent byte by byte in HTTP/2.
    fn needs_first(&self) -> bool {
        let mut paced = false;
        self.steps.iter().any(|step| match step {
            Step::Pace(time) => {
                paced = !time.is_zero();
                false
            }
            Step::Head(_) => paced,
            Step::Raw(_) => true,
            _ => false,
        })
    }

    fn needs_second(&self) -> bool {
        let only = |step: &Step| matches!(step, Step::GoAway(_) | Step::ResetStream(_));
        self.steps.iter().any(only)
    }

    fn step(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }
}

impl Head {
    /// Without headers but those of the framing.
    ///
    /// # Panics
    /// When `status` is not in 100..=999.
    pub fn new(status: u16, framing: Framing) -> Self {
        Self {
            status: StatusCode::from_u16(status).expect("a status is in 100..=999"),
            headers: HeaderMap::new(),
            framing,
        }
    }

    /// A header more.
    ///
    /// # Panics
    /// When `name` or `value` is not one of a header.
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        self.insert(name, value);
        self
    }

    fn insert(&mut self, name: &'static str, value: &str) {
        let value = HeaderValue::from_str(value).expect("a header's value is visible ASCII");
        self.headers.insert(HeaderName::from_static(name), value);
    }
}

/// An error in OpenAI's shape.
pub(crate) fn error(kind: &str, code: Option<&str>, message: &str) -> Value {
    json!({ "error": { "message": message, "type": kind, "param": null, "code": code } })
}
