//! The settings of an upstream.
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64},
    },
    time::Duration,
};

use http::{HeaderMap, HeaderName, HeaderValue, header};
use obs_core::CallContext;

use super::{
    Key, Limits, Malformed, Prepare, Shared, TellDeadline, Upstream,
    base_url::BaseUrl,
    build_error::BuildError,
    client::{Connections, Proxy},
};

/// The settings of an [`Upstream`]. [`build`](Self::build) checks them.
#[derive(Clone)]
#[must_use = "a builder does nothing until it is built"]
pub struct UpstreamBuilder {
    base_url: String,
    name: Option<String>,
    key: Option<String>,
    key_header: Option<&'static str>,
    headers: Vec<(String, String)>,
    prepare: Option<Prepare>,
    tells: TellDeadline,
    connections: Connections,
    limits: Limits,
    malformed: Malformed,
    adds_usage: bool,
}

impl UpstreamBuilder {
    pub(super) fn new(base_url: String) -> Self {
        Self {
            base_url,
            name: None,
            key: None,
            key_header: None,
            headers: Vec::new(),
            prepare: None,
            tells: TellDeadline::default(),
            connections: Connections::default(),
            limits: Limits {
                answer: 64 << 20,
                event: 8 << 20,
                error: 64 << 10,
                linger: Duration::from_secs(1),
            },
            malformed: Malformed::default(),
            adds_usage: true,
        }
    }

    /// Names the provider in errors, in place of its URL: for those whose callers are not to see where it is. The URL is
    /// told in the log then, at the level debug.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The operator's key, sent as `Authorization: Bearer`. Without one the caller's own credential is passed on, with its
    /// organization and project; with one they are not.
    pub fn api_key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Sends the operator's key bare in this header (in lower case), such as `x-api-key`, and not as `Authorization: Bearer`.
    ///
    /// # Panics
    ///
    /// It is no name of a header.
    pub fn key_header(mut self, name: &'static str) -> Self {
        self.key_header = Some(name);
        self
    }

    /// A header of every request, such as `openai-organization`. It replaces one of the caller's.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Called for every request before it goes out, with its headers, in the task and context in which the call is
    /// polled: the place to inject a trace context.
    pub fn prepare(
        mut self,
        prepare: impl Fn(&CallContext, &mut HeaderMap) + Send + Sync + 'static,
    ) -> Self {
        self.prepare = Some(Arc::new(prepare));
        self
    }

    /// In which headers the provider is told how much time is left, where the call has a deadline. In both unless told.
    pub fn tell_deadline(mut self, tells: TellDeadline) -> Self {
        self.tells = tells;
        self
    }

    /// Speaks HTTP/2 alone, also without TLS (by prior knowledge). Unless told, the provider chooses in TLS, and without it
    /// HTTP/1.1 is spoken.
    pub fn http2_only(mut self) -> Self {
        self.connections.http2_only = true;
        self
    }

    /// The most time for name resolution, connection and TLS together. 2 s unless told.
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connections.connect_timeout = limit;
        self
    }

    /// How many idle connections are kept, and for how long. 64 for 60 s unless told; HTTP/2 needs one.
    pub fn pool(mut self, idle: usize, time: Duration) -> Self {
        self.connections.idle = (idle, time);
        self
    }

    /// The most bytes of an answer, or of all events of a stream. 64 MiB unless told.
    pub fn max_answer(mut self, bytes: usize) -> Self {
        self.limits.answer = bytes;
        self
    }

    /// The most bytes of one event of a stream. 8 MiB unless told.
    pub fn max_event(mut self, bytes: usize) -> Self {
        self.limits.event = bytes;
        self
    }

    /// How much of the body of an error is kept; the rest is cut off. 64 KiB unless told.
    pub fn max_error(mut self, bytes: usize) -> Self {
        self.limits.error = bytes;
        self
    }

    /// How long a stream that has its finish reason is waited for to tell its usage. 1 s unless told.
    pub fn linger(mut self, time: Duration) -> Self {
        self.limits.linger = time;
        self
    }

    /// Leaves streamed requests as they are. Unless told, what a format needs so that a stream tells its usage
    /// (`stream_options.include_usage` of chat completions) is set where the caller did not ask for it; the usage is unknown
    /// without it. A provider that refuses it with a 400 is asked again without it, and not asked for it any more.
    pub fn without_stream_usage(mut self) -> Self {
        self.adds_usage = false;
        self
    }

    /// What to do with an event that is no JSON. [`Malformed::Fail`] unless told.
    pub fn malformed(mut self, policy: Malformed) -> Self {
        self.malformed = policy;
        self
    }

    /// Trusts these certificates (PEM) besides those that the system trusts.
    pub fn trust(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.connections.trusted.push(pem.into());
        self
    }

    /// Goes through this proxy (`http://` or `https://`) and no other. Unless told, the variables `HTTPS_PROXY`,
    /// `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` are obeyed as they are when the upstream is built.
    pub fn proxy(mut self, url: impl Into<String>) -> Self {
        self.connections.proxy = Proxy::At(url.into());
        self
    }

    /// Goes through no proxy, whatever the environment says.
    pub fn no_proxy(mut self) -> Self {
        self.connections.proxy = Proxy::None;
        self
    }

    /// Makes the upstream. No connection is made before the first request.
    ///
    /// # Errors
    ///
    /// A setting cannot be: which one and why is in the error, and no secret.
    pub fn build(self) -> Result<Upstream, BuildError> {
        let base = BaseUrl::parse(&self.base_url)?;
        let key_header = self.key_header;
        let key = self.key.map(|key| Key::new(key, key_header)).transpose()?;
        let limits = [
            ("max_answer", self.limits.answer),
            ("max_event", self.limits.event),
            ("max_error", self.limits.error),
        ];
        if let Some((setting, _)) = limits.into_iter().find(|(_, bytes)| *bytes == 0) {
            return Err(BuildError::new(setting, "is 0: expected at least 1 byte"));
        }
        let shared = Shared {
            client: self.connections.client(base.is_tls())?,
            base,
            name: self.name.map(Into::into),
            key,
            headers: headers(self.headers)?,
            prepare: self.prepare,
            tells: self.tells,
            limits: self.limits,
            malformed: self.malformed,
            adds_usage: self.adds_usage,
            refuses_usage: AtomicBool::new(false),
            skipped: AtomicU64::new(0),
        };
        let shared = Arc::new(shared);
        Ok(Upstream { shared })
    }
}

/// Without the key, and without values of headers.
impl fmt::Debug for UpstreamBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpstreamBuilder")
            .field("has_key", &self.key.is_some())
            .field("limits", &self.limits)
            .field("malformed", &self.malformed)
            .finish_non_exhaustive()
    }
}

impl Key {
    fn new(text: String, own: Option<&'static str>) -> Result<Self, BuildError> {
        let text = text.trim();
        if text.is_empty() {
            let problem = "is empty: leave it out to pass the caller's credential on";
            return Err(BuildError::new("api_key", problem));
        }
        let (name, header) = match own {
            None => (header::AUTHORIZATION, format!("Bearer {text}")),
            Some(name) => (HeaderName::from_static(name), text.to_owned()),
        };
        let header = HeaderValue::try_from(header);
        let mut header = header.map_err(|_| {
            let problem = "holds characters that no header may hold";
            BuildError::new("api_key", problem)
        })?;
        header.set_sensitive(true);
        Ok(Self {
            text: text.into(),
            name,
            header,
        })
    }
}

fn headers(pairs: Vec<(String, String)>) -> Result<HeaderMap, BuildError> {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        let wrong = |what: &str| {
            let problem = format!("`{name}` has {what} that no header may have");
            BuildError::new("header", problem)
        };
        let parsed = HeaderName::try_from(&name).map_err(|_| wrong("a name"))?;
        let mut value = HeaderValue::try_from(&value).map_err(|_| wrong("a value"))?;
        value.set_sensitive(true);
        headers.insert(parsed, value);
    }
    Ok(headers)
}
