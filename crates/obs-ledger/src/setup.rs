//! What is set on a layer.
use std::{fmt, sync::Arc, time::SystemTime};

use obs_core::FingerprintSecret;

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

impl Clock {
    pub(crate) fn new(clock: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        Self(Arc::new(clock))
    }

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
