//! Calls are split by weight.
use obs_core::{CallContext, Fingerprint, LlmRequest};

use crate::{Decision, Explanation, Policy, Reason, Target};

/// Splits calls among routes by weight, for a comparison or a gradual change: the same conversation, and without one the same
/// question, always takes the same route, in every process.
///
/// What takes which route is a hash of the tenant and the session of a call, or else of the tenant and the fingerprint of its request. Two
/// splits that should not go together have different [names](Self::named). A call that may not take
/// [all routes](CallContext::allowed) is split among those that it may take.
///
/// ```
/// use obs_router::Weighted;
///
/// let one_in_ten = Weighted::new([("cheap", 9), ("premium", 1)]).named("spring");
/// ```
#[derive(Clone, Debug)]
pub struct Weighted {
    name: Box<str>,
    /// Each with the sum of the weights up to it.
    routes: Box<[(Target, u64)]>,
}

impl Weighted {
    /// Among these routes, with these weights. A weight of zero gets nothing.
    ///
    /// # Panics
    ///
    /// If all weights are zero.
    #[must_use]
    pub fn new<T: Into<Target>>(routes: impl IntoIterator<Item = (T, u32)>) -> Self {
        let mut sum = 0;
        let routes = routes.into_iter().map(|(route, weight)| {
            sum += u64::from(weight);
            (route.into(), sum)
        });
        let routes = routes.collect();
        assert!(sum > 0, "one of the weights has to be more than zero");
        Self {
            name: "".into(),
            routes,
        }
    }

    /// The name of the split: another name splits the same calls in another way.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        self.name = name.into();
        self
    }

    /// Where a call falls, from 0 to 1.
    fn point(&self, request: &impl LlmRequest, context: &CallContext) -> f64 {
        let mut key = Fingerprint::new();
        key.field("split", self.name.as_bytes());
        key.optional("tenant", context.tenant.as_deref().map(str::as_bytes));
        match &context.session {
            Some(session) => {
                key.field("session", session.as_bytes());
            }
            None => request.fingerprint(&mut key),
        }
        let key = key.finish();
        let first = key.id().first_chunk().expect("a key has 32 bytes");
        // Of 53 bits, as many as a float has.
        (u64::from_le_bytes(*first) >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn of(&self, point: f64, context: &CallContext) -> &Target {
        let (last, sum) = self.routes.last().expect("there are some");
        if context.allowed.is_some() {
            return self.among_allowed(point, context).unwrap_or(last);
        }
        let at = (point * *sum as f64) as u64;
        let mut routes = self.routes.iter();
        routes
            .find(|(_, upto)| at < *upto)
            .map_or(last, |(route, _)| route)
    }

    /// By their weights among each other. `None`: it may take none of them, or they have no weight.
    fn among_allowed(&self, point: f64, context: &CallContext) -> Option<&Target> {
        let mut before = 0;
        let weights = self.routes.iter().map(|(route, upto)| {
            let weight = upto - before;
            before = *upto;
            (route, weight)
        });
        let may_take = |route: &Target| match route {
            Target::Named(name) => context.may_take(name),
            // A place among those that it may take.
            _ => true,
        };
        let allowed: Vec<_> = weights.filter(|(route, _)| may_take(route)).collect();
        let sum: u64 = allowed.iter().map(|(_, weight)| weight).sum();
        let mut at = (point * sum as f64) as u64;
        let hit = allowed.iter().find(|(_, weight)| {
            let hit = at < *weight;
            at = at.saturating_sub(*weight);
            hit
        });
        hit.map(|(route, _)| *route)
    }
}

impl<R: LlmRequest> Policy<R> for Weighted {
    fn decide(&self, request: &R, context: &CallContext) -> Decision {
        let target = self.of(self.point(request, context), context);
        Decision::new(target.clone(), Reason::Weighted)
    }

    fn explain(&self, request: &R, context: &CallContext) -> Option<Explanation> {
        let point = self.point(request, context) as f32;
        Some(Explanation::of("weighted").part("point", point, 0.0))
    }
}
