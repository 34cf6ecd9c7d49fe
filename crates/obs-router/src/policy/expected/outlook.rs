//! What ways cost, all told.
use obs_core::Usd;

/// How well a judge tells good answers from bad ones.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Discernment {
    catches: f64,
    rejects: f64,
    cost: Usd,
    asks_again: bool,
}

/// What is expected of one route.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Outlook {
    /// `None`: nobody knows, so that it is not taken.
    pub(super) cost: Option<Usd>,
    pub(super) quality: f32,
}

/// The way that is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) route: usize,
    /// Its answer is judged, and those after it.
    pub(super) is_cascade: bool,
}

impl Discernment {
    /// A judge that catches this part of bad answers, and rejects this part of good ones; it costs nothing.
    ///
    /// # Panics
    ///
    /// If one of them is not a number from 0 to 1.
    #[must_use]
    pub fn new(catches: f64, rejects: f64) -> Self {
        for part in [catches, rejects] {
            assert!(
                (0.0..=1.0).contains(&part),
                "a part is from 0 to 1, not {part}"
            );
        }
        Self {
            catches,
            rejects,
            cost: Usd::ZERO,
            asks_again: false,
        }
    }

    /// What a verdict costs: calls that the judge makes.
    #[must_use]
    pub fn cost(mut self, cost: Usd) -> Self {
        self.cost = cost;
        self
    }

    /// It asks the route that it judges a second time, for as much as the answer cost.
    #[must_use]
    pub fn asks_again(mut self) -> Self {
        self.asks_again = true;
        self
    }

    /// What a verdict on an answer of this cost costs, in pico-dollars.
    fn pico(&self, answer: f64) -> f64 {
        self.cost.pico() as f64 + if self.asks_again { answer } else { 0.0 }
    }
}

impl Outlook {
    /// What it costs to go straight there, bad answers included, in pico-dollars.
    pub(super) fn loss(&self, worth: Usd) -> f64 {
        self.pico() + worth.pico() as f64 * self.bad()
    }

    fn pico(&self) -> f64 {
        self.cost.map_or(f64::INFINITY, |cost| cost.pico() as f64)
    }

    fn bad(&self) -> f64 {
        1.0 - f64::from(self.quality)
    }

    /// As cheap and as good, and one of them more so.
    fn is_beaten_by(&self, other: &Self) -> bool {
        let (Some(mine), Some(its)) = (self.cost, other.cost) else {
            return other.cost.is_some();
        };
        its <= mine && other.quality >= self.quality && (its < mine || other.quality > self.quality)
    }
}

/// The way of least cost; `None`: no price is known.
pub(super) fn choose(routes: &[Outlook], worth: Usd, judge: Option<Discernment>) -> Option<Choice> {
    let mut best: Option<(f64, f64, Choice)> = None;
    let mut after = f64::INFINITY;
    for (at, route) in routes.iter().enumerate().rev() {
        let straight = route.loss(worth);
        let cascade = judge.filter(|_| at + 1 < routes.len() && after.is_finite());
        let cascade = cascade.map(|judge| {
            let bad = route.bad();
            let goes_on = judge.catches * bad + judge.rejects * (1.0 - bad);
            let missed = worth.pico() as f64 * bad * (1.0 - judge.catches);
            route.pico() + judge.pico(route.pico()) + missed + goes_on * after
        });
        // A cascade that comes by here is judged here, too.
        after = cascade.unwrap_or(straight);
        if route.cost.is_none() || routes.iter().any(|other| route.is_beaten_by(other)) {
            continue;
        }
        let ways = [(Some(straight), false), (cascade, true)];
        for (loss, is_cascade) in ways {
            let Some(loss) = loss else { continue };
            let better = best.is_none_or(|(least, pico, was)| {
                let order = loss.total_cmp(&least).then(route.pico().total_cmp(&pico));
                let earlier = order.is_eq() && !is_cascade && (was.is_cascade || at < was.route);
                order.is_lt() || earlier
            });
            if better {
                let choice = Choice {
                    route: at,
                    is_cascade,
                };
                best = Some((loss, route.pico(), choice));
            }
        }
    }
    best.map(|(_, _, choice)| choice)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn outlook(cost: u32, quality: f32) -> Outlook {
        Outlook {
            cost: Some(Usd::from_pico(cost.into())),
            quality,
        }
    }

    fn routes() -> impl Strategy<Value = Vec<Outlook>> {
        let one = (0_u32..1_000, 0_u8..=10)
            .prop_map(|(cost, tenths)| outlook(cost, f32::from(tenths) / 10.0));
        prop::collection::vec(one, 1..6)
    }

    fn judge() -> impl Strategy<Value = Option<Discernment>> {
        let parts = (0_u8..=10, 0_u8..=10, 0_u32..100, any::<bool>());
        prop::option::of(parts.prop_map(|(s, f, cost, again)| {
            let judge = Discernment::new(f64::from(s) / 10.0, f64::from(f) / 10.0);
            let judge = judge.cost(Usd::from_pico(cost.into()));
            if again { judge.asks_again() } else { judge }
        }))
    }

    /// Straight from the formula, by recursion.
    fn loss_of(routes: &[Outlook], worth: Usd, judge: Option<Discernment>, way: Choice) -> f64 {
        let route = &routes[way.route];
        let (c, q, w) = (route.pico(), f64::from(route.quality), worth.pico() as f64);
        let last = way.route + 1 == routes.len();
        match judge {
            Some(Discernment {
                catches: s,
                rejects: f,
                cost,
                asks_again,
            }) if way.is_cascade && !last => {
                let next = Choice {
                    route: way.route + 1,
                    ..way
                };
                let e = s * (1.0 - q) + f * q;
                let x = loss_of(routes, worth, judge, next);
                let j = cost.pico() as f64 + c * f64::from(u8::from(asks_again));
                c + j + w * (1.0 - q) * (1.0 - s) + e * x
            }
            _ => c + w * (1.0 - q),
        }
    }

    proptest! {
        #[test]
        fn a_cheaper_and_better_route_always_wins(
            routes in routes(), worth in 0_u32..5_000, judge in judge(), at in any::<prop::sample::Index>(),
        ) {
            let mut routes = routes;
            let at = at.index(routes.len());
            routes[at] = outlook(0, 1.0);
            for (other, route) in routes.iter_mut().enumerate() {
                if other != at {
                    route.cost = route.cost.map(|cost| cost + Usd::from_pico(1));
                }
            }
            let choice = choose(&routes, Usd::from_pico(worth.into()), judge).expect("prices");
            prop_assert_eq!(choice.route, at);
        }

        #[test]
        fn no_way_from_a_route_that_is_not_beaten_costs_less(
            routes in routes(), worth in 0_u32..5_000, judge in judge(),
        ) {
            let worth = Usd::from_pico(worth.into());
            let choice = choose(&routes, worth, judge).expect("prices");
            let chosen = loss_of(&routes, worth, judge, choice);
            prop_assert!(!routes.iter().any(|other| routes[choice.route].is_beaten_by(other)));
            for (route, outlook) in routes.iter().enumerate() {
                if routes.iter().any(|other| outlook.is_beaten_by(other)) {
                    continue;
                }
                for is_cascade in [false, judge.is_some() && route + 1 < routes.len()] {
                    let loss = loss_of(&routes, worth, judge, Choice { route, is_cascade });
                    prop_assert!(chosen <= loss + 1e-6, "{choice:?} {chosen}, {route} {is_cascade} {loss}");
                }
            }
        }

        #[test]
        fn nothing_is_paid_for_quality_that_is_worth_nothing(routes in routes(), judge in judge()) {
            let choice = choose(&routes, Usd::ZERO, judge).expect("prices");
            let least = routes.iter().map(|route| route.cost).min().expect("some");
            prop_assert_eq!(routes[choice.route].cost, least);
            prop_assert!(!choice.is_cascade);
        }

        #[test]
        fn a_route_without_a_price_is_not_taken(routes in routes(), worth in 0_u32..5_000) {
            let mut routes = routes;
            routes.push(Outlook { cost: None, quality: 1.0 });
            let choice = choose(&routes, Usd::from_pico(worth.into()), None).expect("prices");
            prop_assert!(choice.route + 1 < routes.len());
        }
    }

    #[test]
    fn each_way_is_taken_where_it_costs_least() {
        let way = |easy: f32, judge| {
            let routes = [outlook(10, easy), outlook(100, 0.95)];
            choose(&routes, Usd::from_pico(1_000), judge).expect("prices")
        };
        let good = Some(Discernment::new(0.9, 0.05).cost(Usd::from_pico(40)));
        let [cheap, straight, cascade] = [(0, false), (1, false), (0, true)]
            .map(|(route, is_cascade)| Choice { route, is_cascade });
        assert_eq!(way(0.95, good), cheap);
        assert_eq!(way(0.7, good), cascade);
        assert_eq!(way(0.0, good), straight);
        assert_eq!(way(0.7, None), straight);
        let again = Some(Discernment::new(0.9, 0.0).asks_again());
        let free = Some(Discernment::new(0.9, 0.0));
        assert_eq!((way(0.95, again), way(0.99, again)), (cascade, cheap));
        assert_eq!(way(0.99, free), cascade);
    }
}
