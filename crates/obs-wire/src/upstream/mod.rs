//! The service that sends requests to a provider.
mod answer;
mod base_url;
mod body;
mod build_error;
mod builder;
mod client;
mod forward;
mod headers;
mod send;
mod service;
mod stream;
mod tls;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use http::{HeaderMap, HeaderName, HeaderValue};
use obs_core::{CallContext, Deadline};

use base_url::BaseUrl;

pub use build_error::BuildError;
pub use builder::UpstreamBuilder;
pub use forward::ForwardBody;
pub use headers::{DEADLINE, TellDeadline};
pub use service::ResponseFuture;

/// A provider, over pooled HTTP/1.1 and HTTP/2 connections.
///
/// It is a [`Service`](tower_service::Service) of every [`Request`](crate::Request), bare or in a
/// [`Call`](obs_core::Call): use it within
/// [`AttemptLayer::enveloped`](obs_core::AttemptLayer::enveloped), so that it knows the deadline. It is always ready.
/// Clones share the connections.
///
/// Dropping the future of a call, or the stream that it gave, ends the request: over HTTP/1.1 its connection is closed,
/// over HTTP/2 its stream is reset.
///
/// It enforces no limits of time but the one for connecting; `obs-timeout` does the rest. Redirects are not followed,
/// nothing is decompressed, and nothing is retried but what the provider refused unread (an HTTP/2 `GOAWAY`, a pooled
/// connection that had closed) and what a format adds to learn the usage of a stream, where the provider does not know it.
#[derive(Clone)]
pub struct Upstream {
    shared: Arc<Shared>,
}

struct Shared {
    client: reqwest::Client,
    base: BaseUrl,
    /// In errors, in place of the URL.
    name: Option<Box<str>>,
    /// The credential of the operator.
    key: Option<Key>,
    headers: HeaderMap,
    prepare: Option<Prepare>,
    tells: TellDeadline,
    limits: Limits,
    malformed: Malformed,
    adds_usage: bool,
    /// The provider does not know `stream_options`.
    refuses_usage: AtomicBool,
    skipped: AtomicU64,
}

/// The operator's key as it is, to take it out of what a provider says, and as a header.
struct Key {
    text: Box<str>,
    name: HeaderName,
    header: HeaderValue,
}

type Prepare = Arc<dyn Fn(&CallContext, &mut HeaderMap) + Send + Sync>;

#[derive(Clone, Copy, Debug)]
struct Limits {
    answer: usize,
    event: usize,
    error: usize,
    linger: Duration,
}

/// What to do with an event of a stream that is no JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Malformed {
    /// End the stream with an error of kind [`ErrorKind::Upstream`](obs_core::ErrorKind::Upstream). Nobody knows what the
    /// event held, and an answer with a hole is not shown as a whole one; before the commit point another route takes over.
    #[default]
    Fail,
    /// Go on with the next event, and count it. Such an answer is never kept in a cache.
    Skip,
}

impl Upstream {
    /// A provider with this base URL, such as `https://api.openai.com/v1`.
    ///
    /// Paths of endpoints are added to it. A URL without a path gets `/v1`; one with a path is taken as it is. A query
    /// goes with every request.
    pub fn builder(base_url: impl Into<String>) -> UpstreamBuilder {
        UpstreamBuilder::new(base_url.into())
    }

    /// The base URL, without its query.
    #[must_use]
    pub fn base_url(&self) -> &str {
        self.shared.base.shown()
    }

    /// Tells in these headers how much time is left, as requests do, and takes out whatever was told there: for requests that
    /// are [passed on](Self::forward).
    pub fn tell_deadline(&self, deadline: &Deadline, headers: &mut HeaderMap) {
        self.shared.tells.write(deadline, headers);
    }

    /// How many events were skipped because they were no JSON: see [`Malformed::Skip`].
    #[must_use]
    pub fn skipped_events(&self) -> u64 {
        self.shared.skipped.load(Ordering::Relaxed)
    }
}

/// Without the key.
impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upstream")
            .field("base_url", &self.base_url())
            .field("has_key", &self.shared.key.is_some())
            .field("limits", &self.shared.limits)
            .finish_non_exhaustive()
    }
}
