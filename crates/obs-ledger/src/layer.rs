//! The layer, and what is set on it.
use std::{sync::Arc, time::SystemTime};

use obs_core::FingerprintSecret;
use tower_layer::Layer;

use crate::{
    Feedback, Ledgers, Sink,
    setup::{Clock, Setup},
    shared::Shared,
};

/// Writes one entry for each call, however it ends. Put it around everything else.
///
/// Its services, and clones of it, write to the same place.
#[derive(Clone, Debug)]
pub struct LedgerLayer {
    setup: Setup,
    shared: Arc<Shared>,
}

impl LedgerLayer {
    /// Writes to this place. Without text: of a prompt its size and features, of an answer nothing.
    #[must_use]
    pub fn new(sink: impl Sink + 'static) -> Self {
        Self {
            setup: Setup::default(),
            shared: Arc::new(Shared::new(sink)),
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
        self.setup.clock = Clock::new(clock);
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
