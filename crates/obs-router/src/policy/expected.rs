//! Money decides.
mod outlook;
mod tokens;

use std::{fmt, sync::Arc};

use obs_core::{AttemptListener, CallContext, LlmRequest, PriceTable, Usd};

pub use self::outlook::Discernment;
use self::{
    outlook::{Choice, Outlook, choose},
    tokens::Tokens,
};
use crate::{Decision, Explanation, Forecast, MAX_ROUTES, Policy, Reason, Route, Target};

/// Takes the way of least expected cost: stay cheap, go straight to a better route, or ask a cheap one first and have the answer
/// judged.
///
/// A call is worth a sum of money to whoever makes it: what a good answer is worth in place of a bad one. Labels and the order of
/// routes decide nothing; prices and the [`Forecast`] of quality do.
///
/// # The formula
///
/// Of route `i`: `c(i)` is what the call is expected to cost there, `q(i)` how probable a good answer is, `W` what one is worth.
///
/// - straight to `i`: `c(i) + W (1 - q(i))`
/// - a cascade from `i`, where there is a [judge](Self::judged) that catches the part `s` of bad answers, rejects the part `f` of
///   good ones and costs `j`: `c(i) + j + W (1 - q(i)) (1 - s) + e(i) x`, where `e(i) = s (1 - q(i)) + f q(i)` is how often it goes on, and `x` the
///   same for the next route; the last one is not judged.
///
/// The least of these is taken; of equal ones the cheaper, and then the earlier. A route than which another one is as cheap and as
/// good, and one of them more so, is never taken first. So a cheaper and better route always wins, whatever its place. After a bad answer the
/// quality of the next route is taken to be what it is for all such prompts, which flatters a cascade where all fail on the same
/// ones: let the forecast be one for difficult prompts then.
///
/// `c(i)` is the price of the prompt (four bytes a token) and of as many tokens as the route's answers had lately on average, 300 at first.
/// The prices should be those of [`AttemptLayer`](obs_core::AttemptLayer). A route without a price is not taken; where none has one,
/// the default route is.
///
/// Decisions have the reason [`Learned`](Reason::Learned), and how probable a bad answer of the first route is as their score. One that is not
/// to be judged says so, so that the judge of the layer is asked in cascades alone.
pub struct ExpectedCost<F> {
    forecast: F,
    routes: Box<[Tariff]>,
    prices: PriceTable,
    worth: Usd,
    judge: Option<Discernment>,
    tokens: Arc<Tokens>,
    listener: Arc<dyn AttemptListener>,
}

/// A route by its name and its model.
struct Tariff {
    name: Arc<str>,
    model: Option<Arc<str>>,
}

impl<F> ExpectedCost<F> {
    /// For these routes, those of the layer in the same order; a good answer is worth so much in place of a bad one.
    ///
    /// # Panics
    ///
    /// If there are more routes than [`MAX_ROUTES`], or a good answer is worth less than nothing.
    #[must_use]
    pub fn new<'a>(
        routes: impl IntoIterator<Item = &'a Route>,
        prices: PriceTable,
        forecast: F,
        worth: Usd,
    ) -> Self {
        assert!(worth >= Usd::ZERO, "a good answer is not worth {worth}");
        let routes = routes.into_iter().map(|route| Tariff {
            name: route.name.clone(),
            model: route.model.clone(),
        });
        let routes: Box<[_]> = routes.collect();
        assert!(
            routes.len() <= MAX_ROUTES,
            "{} routes are too many",
            routes.len()
        );
        let tokens = Arc::new(Tokens::new(routes.iter().map(|route| route.name.clone())));
        let listener = tokens.clone();
        Self {
            forecast,
            routes,
            prices,
            worth,
            judge: None,
            tokens,
            listener,
        }
    }

    /// There is a judge that discerns so well.
    #[must_use]
    pub fn judged(mut self, judge: Discernment) -> Self {
        self.judge = Some(judge);
        self
    }

    /// What is known of each route for this call, and the way that is taken.
    fn look<R: LlmRequest>(
        &self,
        request: &R,
        context: &CallContext,
        outlooks: &mut [Outlook; MAX_ROUTES],
    ) -> Option<Choice>
    where
        F: Forecast<R>,
    {
        let mut qualities = [0.0; MAX_ROUTES];
        let qualities = &mut qualities[..self.routes.len()];
        self.forecast.qualities(request, context, qualities);
        let mut bytes = 0;
        request.visit_prompt(&mut |_, text| bytes += text.len() as u64);
        for (at, route) in self.routes.iter().enumerate() {
            let model = route.model.as_deref().unwrap_or_else(|| request.model());
            let usage = self.tokens.expected(at, bytes);
            let cost = || self.prices.cost(Some(&route.name), model, &usage);
            outlooks[at] = Outlook {
                // One that the call may not take has no price for it.
                cost: context.may_take(&route.name).then(cost).flatten(),
                quality: match qualities[at] {
                    quality if quality.is_nan() => 0.0,
                    quality => quality.clamp(0.0, 1.0),
                },
            };
        }
        choose(&outlooks[..self.routes.len()], self.worth, self.judge)
    }
}

impl<R: LlmRequest, F: Forecast<R>> Policy<R> for ExpectedCost<F> {
    fn decide(&self, request: &R, context: &CallContext) -> Decision {
        context.journal.listen(&self.listener);
        let mut outlooks = [Outlook::default(); MAX_ROUTES];
        let Some(choice) = self.look(request, context, &mut outlooks) else {
            return Decision::new(Target::Default, Reason::Default);
        };
        let target = match choice.route {
            0 => Target::First,
            at if at + 1 == self.routes.len() => Target::Last,
            at => Target::from(self.routes[at].name.to_string()),
        };
        let decision = Decision::new(target, Reason::Learned).score(1.0 - outlooks[0].quality);
        if choice.is_cascade {
            decision
        } else {
            decision.unjudged()
        }
    }

    fn explain(&self, request: &R, context: &CallContext) -> Option<Explanation> {
        let mut outlooks = [Outlook::default(); MAX_ROUTES];
        let choice = self.look(request, context, &mut outlooks);
        let mut told = Explanation::of("expected_cost").score(1.0 - outlooks[0].quality);
        for (route, outlook) in self.routes.iter().zip(&outlooks) {
            if let Some(cost) = outlook.cost {
                let loss = outlook.loss(self.worth) - cost.pico() as f64;
                let of = |what| format!("{what}_{}", route.name);
                told = told
                    .part(of("cost"), 1.0, cost.as_dollars_f64() as f32)
                    .part(of("loss"), outlook.quality, (loss / 1e12) as f32);
            }
        }
        if choice.is_some_and(|choice| choice.is_cascade) {
            told = told.part("cascade", 1.0, 0.0);
        }
        Some(told)
    }
}

impl<F> fmt::Debug for ExpectedCost<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let routes: Vec<_> = self.routes.iter().map(|route| &route.name).collect();
        f.debug_struct("ExpectedCost")
            .field("routes", &routes)
            .field("worth", &self.worth)
            .field("judge", &self.judge)
            .finish_non_exhaustive()
    }
}
