//! Where chance decides.
use std::{fmt, sync::Arc};

use tower::util::rng::{HasherRng, Rng};

/// A source of numbers from 0 to 1.
#[derive(Clone)]
pub(crate) struct Chance(Arc<dyn Fn() -> f64 + Send + Sync>);

impl Chance {
    pub(crate) fn new(draw: impl Fn() -> f64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(draw))
    }

    /// At least 0, and less than 1.
    pub(crate) fn draw(&self) -> f64 {
        match (self.0)() {
            drawn if drawn > 0.0 => drawn.min(1.0 - f64::EPSILON),
            _ => 0.0,
        }
    }
}

/// The keys of the hash maps of this process, which are random.
impl Default for Chance {
    fn default() -> Self {
        Self::new(|| HasherRng::default().next_f64())
    }
}

impl fmt::Debug for Chance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Chance")
    }
}
