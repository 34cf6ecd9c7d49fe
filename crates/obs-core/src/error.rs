//! The one error of all layers.
use std::{error::Error as StdError, fmt, sync::Arc, time::Duration};

/// An error of any kind that may cross threads.
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// Whose fault it was, what can be done about it, and the cause.
///
/// Cheap to clone, because several callers may share one call. Its text is that of its cause.
#[derive(Clone, Debug)]
pub struct Error(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    retry_after: Option<Duration>,
    source: BoxError,
}

/// What went wrong with a call, as far as the layers must know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The request itself is wrong: no route will answer it.
    Caller,
    /// The provider refused the credential that the caller gave.
    Auth,
    /// The provider refused the operator's own credential: a fault of this route.
    Credentials,
    /// The prompt does not fit into the model's window.
    ContextTooLong,
    /// The provider's content filter refused.
    ContentFilter,
    /// Too many requests, or a quota is spent.
    RateLimited,
    /// No connection: refused, unknown host, TLS.
    Connect,
    /// A limit of time was reached.
    Timeout,
    /// The provider has no capacity at the moment.
    Overloaded,
    /// The provider failed.
    Upstream,
    /// The answer ended before it was complete.
    CutOff,
    /// A rule of the operator's refused the call.
    Policy,
    /// The caller wanted an answer from the cache only, and there is none.
    NotCached,
    /// Not ours, and not mapped by the user.
    Unknown,
}

/// Whose fault an error is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The caller's: another request would do.
    Caller,
    /// A rule or limit that the operator set.
    Policy,
    /// The provider's, or the network's on the way to it.
    Provider,
    /// Ours, or of unknown origin.
    Us,
}

impl Fault {
    /// A fixed lower-case name, for labels and spans.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Policy => "policy",
            Self::Provider => "provider",
            Self::Us => "us",
        }
    }
}

impl ErrorKind {
    /// All kinds; there may be more some day.
    pub const ALL: &'static [Self] = &[
        Self::Caller,
        Self::Auth,
        Self::Credentials,
        Self::ContextTooLong,
        Self::ContentFilter,
        Self::RateLimited,
        Self::Connect,
        Self::Timeout,
        Self::Overloaded,
        Self::Upstream,
        Self::CutOff,
        Self::Policy,
        Self::NotCached,
        Self::Unknown,
    ];

    /// Whether another route may do better.
    ///
    /// [`ContextTooLong`](Self::ContextTooLong) may only on a route with a larger window, which the router checks.
    #[must_use]
    pub fn may_fail_over(self) -> bool {
        self.is_transient()
            || matches!(
                self,
                Self::Timeout | Self::ContextTooLong | Self::Credentials | Self::Unknown
            )
    }

    /// Whether the same route may do better on a second try.
    #[must_use]
    pub fn is_transient(self) -> bool {
        matches!(
            self,
            Self::RateLimited | Self::Connect | Self::Overloaded | Self::Upstream | Self::CutOff
        )
    }

    /// Whether the model did nothing that is billed.
    #[must_use]
    pub fn is_unbilled(self) -> bool {
        matches!(
            self,
            Self::Caller
                | Self::Auth
                | Self::Credentials
                | Self::ContextTooLong
                | Self::RateLimited
                | Self::Connect
                | Self::Overloaded
                | Self::Policy
                | Self::NotCached
        )
    }

    /// Whose fault it is.
    #[must_use]
    pub fn fault(self) -> Fault {
        match self {
            Self::Caller | Self::Auth | Self::ContextTooLong => Fault::Caller,
            Self::Policy | Self::NotCached | Self::Timeout => Fault::Policy,
            Self::Credentials
            | Self::ContentFilter
            | Self::RateLimited
            | Self::Connect
            | Self::Overloaded
            | Self::Upstream
            | Self::CutOff => Fault::Provider,
            Self::Unknown => Fault::Us,
        }
    }

    /// A fixed lower-case name, for labels and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Auth => "auth",
            Self::Credentials => "credentials",
            Self::ContextTooLong => "context_too_long",
            Self::ContentFilter => "content_filter",
            Self::RateLimited => "rate_limited",
            Self::Connect => "connect",
            Self::Timeout => "timeout",
            Self::Overloaded => "overloaded",
            Self::Upstream => "upstream",
            Self::CutOff => "cut_off",
            Self::Policy => "policy",
            Self::NotCached => "not_cached",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Error {
    /// An error of this kind; its text is that of the source.
    #[must_use]
    pub fn new(kind: ErrorKind, source: impl Into<BoxError>) -> Self {
        Self::build(kind, None, source.into())
    }

    /// The same error with the time after which the provider wants to be asked again.
    #[must_use]
    pub fn with_retry_after(self, after: Duration) -> Self {
        match Arc::try_unwrap(self.0) {
            Ok(inner) => Self::build(inner.kind, Some(after), inner.source),
            Err(shared) => Self::build(shared.kind, Some(after), Box::new(Self(shared))),
        }
    }

    /// Takes one of ours as it is.
    ///
    /// In another, one of ours is searched for along its sources, and its kind taken: tower's `Buffer` hides it
    /// there. The `Elapsed` of tower and of tokio are timeouts. The rest is [`ErrorKind::Unknown`].
    #[must_use]
    pub fn from_any(error: impl Into<BoxError>) -> Self {
        let other = match error.into().downcast::<Self>() {
            Ok(ours) => return *ours,
            Err(other) => other,
        };
        let (kind, retry_after) = chain(&*other)
            .find_map(|cause| match cause.downcast_ref::<Self>() {
                Some(ours) => Some((ours.kind(), ours.retry_after())),
                None => is_elapsed(cause).then_some((ErrorKind::Timeout, None)),
            })
            .unwrap_or((ErrorKind::Unknown, None));
        Self::build(kind, retry_after, other)
    }

    /// What went wrong.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// After which time the provider wants to be asked again, if it said so.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// The first cause of this type, from the outermost inwards.
    #[must_use]
    pub fn find<T: StdError + 'static>(&self) -> Option<&T> {
        chain(&*self.0.source).find_map(|cause| {
            cause
                .downcast_ref::<T>()
                .or_else(|| cause.downcast_ref::<Self>().and_then(Self::find))
        })
    }

    fn build(kind: ErrorKind, retry_after: Option<Duration>, source: BoxError) -> Self {
        Self(Arc::new(Inner {
            kind,
            retry_after,
            source,
        }))
    }
}

type Cause<'a> = &'a (dyn StdError + 'static);

fn chain(error: Cause<'_>) -> impl Iterator<Item = Cause<'_>> {
    std::iter::successors(Some(error), |error| (*error).source())
}

fn is_elapsed(error: Cause<'_>) -> bool {
    error.is::<tower::timeout::error::Elapsed>() || error.is::<tokio::time::error::Elapsed>()
}

/// The cause speaks for itself, and is not told twice by `source`.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.source.fmt(f)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.source()
    }
}
