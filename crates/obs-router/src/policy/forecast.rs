//! How good the answers of routes will be.
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use obs_core::CallContext;

/// What is taken for known before anything is: so many answers, half of them good.
const PRIOR: f64 = 2.0;

/// Foresees how good the answers of the routes will be.
///
/// A closure `|request: &R, context: &CallContext, routes: &mut [f32]| ..` is one, with its arguments annotated.
pub trait Forecast<R> {
    /// Sets how probable a good answer is on each route, from 0 to 1, in the order of the routes. What is no such number counts as 0.
    fn qualities(&self, request: &R, context: &CallContext, routes: &mut [f32]);
}

/// The quality of each route as it was found so far, whatever the prompt: for routes of which no model knows more.
///
/// A clone is another handle to the same figures.
#[derive(Clone, Debug)]
pub struct Qualities(Arc<[Found]>);

/// Answers of one route, in thousandths, since a score may lie between good and bad.
#[derive(Debug)]
struct Found {
    prior: f32,
    good: AtomicU64,
    all: AtomicU64,
}

impl Qualities {
    /// With what is expected of each route, from 0 to 1, in their order. It counts as much as two answers.
    ///
    /// # Panics
    ///
    /// If one of them is not a number from 0 to 1.
    #[must_use]
    pub fn new(expected: impl IntoIterator<Item = f32>) -> Self {
        let found = expected.into_iter().map(|prior| {
            assert!(
                (0.0..=1.0).contains(&prior),
                "a quality is from 0 to 1, not {prior}"
            );
            Found {
                prior,
                good: AtomicU64::new(0),
                all: AtomicU64::new(0),
            }
        });
        Self(found.collect())
    }

    /// Learns how good an answer of the route at this place was, from 0 to 1. What is no number is not learned from.
    pub fn observe(&self, route: usize, quality: f32) {
        if let Some(found) = self.0.get(route).filter(|_| !quality.is_nan()) {
            let thousandths = (quality.clamp(0.0, 1.0) * 1e3).round() as u64;
            found.good.fetch_add(thousandths, Relaxed);
            found.all.fetch_add(1, Relaxed);
        }
    }

    /// What is known of the route at this place.
    #[must_use]
    pub fn of(&self, route: usize) -> Option<f32> {
        let found = self.0.get(route)?;
        let good = found.good.load(Relaxed) as f64 / 1e3;
        let all = found.all.load(Relaxed) as f64;
        Some(((good + PRIOR * f64::from(found.prior)) / (all + PRIOR)) as f32)
    }
}

impl<R> Forecast<R> for Qualities {
    fn qualities(&self, _: &R, _: &CallContext, routes: &mut [f32]) {
        for (at, quality) in routes.iter_mut().enumerate() {
            *quality = self.of(at).unwrap_or(0.0);
        }
    }
}

impl<R, F> Forecast<R> for F
where
    F: Fn(&R, &CallContext, &mut [f32]),
{
    fn qualities(&self, request: &R, context: &CallContext, routes: &mut [f32]) {
        self(request, context, routes);
    }
}
