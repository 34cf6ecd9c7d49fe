//! Money decides, by what the model foresees.
use std::sync::Arc;

use obs_core::{CallContext, LlmRequest, PriceTable, Usd};
use obs_learn::By;
use obs_router::{
    Decision, Discernment, ExpectedCost, Explanation, Forecast, Gains, Policy, Route,
};

use super::learned::Learning;
use crate::settings::{Judging, Router};

/// The way of least expected cost while the model stands, and the rule while it does not.
#[derive(Debug)]
pub(crate) struct Money {
    learning: Arc<Learning>,
    policy: ExpectedCost<Foreseen>,
}

/// How good the model takes routes for. What it foresees is kept until somebody says what came of it.
#[derive(Debug)]
struct Foreseen {
    learning: Arc<Learning>,
    gains: Gains,
}

impl Money {
    /// Among these routes, at the prices that attempts are paid at.
    pub(crate) fn new(
        learning: &Arc<Learning>,
        routes: &[Route],
        prices: &PriceTable,
        settings: &Router,
    ) -> Self {
        let foreseen = Foreseen {
            learning: learning.clone(),
            gains: learning.gains(),
        };
        let worth = settings.answer_worth.unwrap_or(Usd::ZERO);
        let policy = ExpectedCost::new(routes, prices.clone(), foreseen, worth);
        Self {
            learning: learning.clone(),
            policy: match discernment(settings) {
                Some(judge) => policy.judged(judge),
                None => policy,
            },
        }
    }
}

/// How well the judges discern; `None`: there are none, or nobody knows.
pub(crate) fn discernment(of: &Router) -> Option<Discernment> {
    let catches = of.judge_detection.filter(|_| !of.cascade.is_empty())?;
    let judge = Discernment::new(catches, of.judge_false_alarms?);
    Some(match of.cascade.iter().any(asks_again) {
        true => judge.asks_again(),
        false => judge,
    })
}

/// Whether its verdicts are paid for, as a second answer is. A judge that is new has to say so here, and is not taken to be free.
const fn asks_again(judge: &Judging) -> bool {
    match judge {
        Judging::Consistency => true,
        Judging::Refusal | Judging::Cut | Judging::Json | Judging::Schema | Judging::Margin(_) => {
            false
        }
    }
}

impl<R: LlmRequest> Policy<R> for Money {
    fn decide(&self, request: &R, context: &CallContext) -> Decision {
        match self.learning.stands() {
            By::Model => self.policy.decide(request, context),
            By::Rule => self.learning.decide(request, context),
        }
    }

    fn explain(&self, request: &R, context: &CallContext) -> Option<Explanation> {
        let learned = self.learning.explain(request, context);
        match self.learning.stands() {
            By::Model => Some(self.policy.explain(request, context)?.around(learned)),
            By::Rule => learned,
        }
    }
}

impl<R: LlmRequest> Forecast<R> for Foreseen {
    fn qualities(&self, request: &R, context: &CallContext, routes: &mut [f32]) {
        self.gains.of(&self.learning.look(request, context), routes);
    }
}
