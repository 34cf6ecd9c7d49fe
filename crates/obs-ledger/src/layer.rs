//! The layer, and what is set on it.
use std::{
    fmt,
    hash::{BuildHasher, RandomState},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::SystemTime,
};

use obs_core::FingerprintSecret;
use tower_layer::Layer;

use crate::{
    Feedback, Ledgers, Record, Sink,
    told::{Loose, Work},
    write,
};

/// Writes one entry for each call, however it ends. Put it around everything else.
///
/// Its services, and clones of it, write to the same place.
#[derive(Clone, Debug)]
pub struct LedgerLayer {
    setup: Setup,
    shared: Arc<Shared>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Setup {
    pub(crate) clock: Clock,
    pub(crate) format: Option<&'static str>,
    pub(crate) secret: Option<FingerprintSecret>,
    pub(crate) prompts: bool,
    pub(crate) answers: bool,
    pub(crate) unmetered: bool,
}

/// Tells the wall time.
#[derive(Clone)]
pub(crate) struct Clock(Arc<dyn Fn() -> SystemTime + Send + Sync>);

/// What all services of a layer share.
pub(crate) struct Shared {
    sink: Box<dyn Sink>,
    pub(crate) loose: Loose,
    process: u64,
    next: AtomicU64,
}

impl LedgerLayer {
    /// Writes to this place. Without text: of a prompt its size and features, of an answer nothing.
    #[must_use]
    pub fn new(sink: impl Sink + 'static) -> Self {
        Self {
            setup: Setup::default(),
            shared: Arc::new(Shared {
                sink: Box::new(sink),
                loose: Loose::default(),
                // The keys of the standard hasher are random.
                process: RandomState::new().hash_one("calls"),
                next: AtomicU64::new(1),
            }),
        }
    }

    /// Keeps the text of prompts too, up to [`LONGEST_TEXT`](crate::LONGEST_TEXT) bytes each.
    #[must_use]
    pub const fn prompts(mut self) -> Self {
        self.setup.prompts = true;
        self
    }

    /// Keeps the text of answers too, up to [`LONGEST_TEXT`](crate::LONGEST_TEXT) bytes each.
    #[must_use]
    pub const fn answers(mut self) -> Self {
        self.setup.answers = true;
        self
    }

    /// Names the wire format of the requests.
    #[must_use]
    pub const fn format(mut self, format: &'static str) -> Self {
        self.setup.format = Some(format);
        self
    }

    /// Hashes questions and sessions with this secret, so that who reads the log cannot find out whether something was asked.
    #[must_use]
    pub fn secret(mut self, secret: FingerprintSecret) -> Self {
        self.setup.secret = Some(secret);
        self
    }

    /// Says that calls pass no [`AttemptLayer`](obs_core::AttemptLayer): what they cost is not known.
    #[must_use]
    pub const fn unmetered(mut self) -> Self {
        self.setup.unmetered = true;
        self
    }

    /// Reads the wall clock here, once for each call.
    #[must_use]
    pub fn wall_clock(mut self, clock: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        self.setup.clock = Clock(Arc::new(clock));
        self
    }

    /// Adds what somebody says of an answer.
    pub fn feedback(&self, feedback: Feedback) {
        self.shared.record(feedback);
    }

    /// Hands over what is held back: of work without a caller it is only known after some seconds that nobody pays for it. It is told with the
    /// next call after that; at the end of a process this tells it at once, when no call is under way any more. Whoever
    /// still holds the journal of a call holds back what that call set off.
    pub fn settle(&self) {
        self.shared.settle(true);
    }
}

impl<S> Layer<S> for LedgerLayer {
    type Service = Ledgers<S>;

    fn layer(&self, inner: S) -> Ledgers<S> {
        Ledgers::new(inner, self.setup.clone(), self.shared.clone())
    }
}

impl Shared {
    /// Never panics.
    pub(crate) fn record(&self, record: impl Into<Record>) {
        let record = record.into();
        let told = catch_unwind(AssertUnwindSafe(|| self.sink.record(record)));
        if told.is_err() {
            tracing::warn!("a sink of the ledger panicked; an entry may be lost");
        }
    }

    pub(crate) fn settle(&self, all: bool) {
        for Work {
            asked, attempts, ..
        } in self.loose.settled(all)
        {
            self.record(write::work(asked, &attempts));
        }
    }

    /// A name for a call that has none.
    pub(crate) fn name(&self) -> Arc<str> {
        let count = self.next.fetch_add(1, Relaxed);
        format!("call-{:016x}-{count:x}", self.process).into()
    }
}

impl Clock {
    pub(crate) fn now(&self) -> SystemTime {
        (self.0)()
    }
}

/// That of the machine.
impl Default for Clock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the clock that stands where no other is injected"
    )]
    fn default() -> Self {
        Self(Arc::new(SystemTime::now))
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock(..)")
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("loose", &self.loose)
            .finish_non_exhaustive()
    }
}
