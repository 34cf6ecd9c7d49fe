//! Money decides, by what a learned model foresees.
use obs_core::{CallContext, Fingerprint, LlmRequest, PriceTable, Role, Usd};
use obs_learn::By;
use obs_router::{Decision, Discernment, ExpectedCost, Forecast, Gains, Policy, Route};

use super::{ByModel, recorded::by_score};
use crate::Ask;

/// Blank text, in the place of a prompt that is not there any more.
const BLANK: &str = "                                                                ";

/// Bytes of a prompt that is taken for longer.
const LONGEST: f64 = 1e8;

/// Takes the way of least expected cost, as [`ExpectedCost`] does, by the model of a [`ByModel`] and what that reads of a call. Where
/// there are features and no prompt, its size is theirs; where there is neither, the recorded score decides.
#[derive(Debug)]
pub struct ByMoney {
    model: ByModel,
    policy: ExpectedCost<Foreseen>,
}

/// How good the model takes routes for.
#[derive(Debug)]
struct Foreseen {
    model: ByModel,
    gains: Gains,
}

/// A call by its features: a prompt of its size.
struct Sized<'a> {
    ask: &'a Ask,
    bytes: usize,
}

impl ByMoney {
    /// Among these routes, at these prices, where a good answer is worth so much in place of a bad one.
    #[must_use]
    pub fn new(
        model: ByModel,
        gains: Gains,
        routes: &[Route],
        prices: &PriceTable,
        worth: Usd,
    ) -> Self {
        let foreseen = Foreseen {
            model: model.clone(),
            gains,
        };
        Self {
            model,
            policy: ExpectedCost::new(routes, prices.clone(), foreseen, worth),
        }
    }

    /// There is a judge that discerns so well.
    #[must_use]
    pub fn judged(mut self, judge: Discernment) -> Self {
        self.policy = self.policy.judged(judge);
        self
    }
}

impl Policy<Ask> for ByMoney {
    fn decide(&self, ask: &Ask, context: &CallContext) -> Decision {
        if self.model.online().stands() == By::Rule {
            return self.model.decide(ask, context);
        }
        let question = ask.question();
        match &question.features {
            _ if !question.prompt.is_empty() => self.policy.decide(ask, context),
            Some(features) => {
                // The logarithm of one and the bytes of the prompt is the first one.
                let bytes = (f64::from(features[0]).exp() - 1.0).clamp(0.0, LONGEST) as usize;
                self.policy.decide(&Sized { ask, bytes }, context)
            }
            None => by_score(question, self.model.threshold()),
        }
    }
}

impl Foreseen {
    fn of(&self, ask: &Ask, context: &CallContext, routes: &mut [f32]) {
        if let Some(seen) = self.model.look(ask.question(), context) {
            self.gains.of(&seen, routes);
        }
    }
}

impl Forecast<Ask> for Foreseen {
    fn qualities(&self, ask: &Ask, context: &CallContext, routes: &mut [f32]) {
        self.of(ask, context, routes);
    }
}

impl Forecast<Sized<'_>> for Foreseen {
    fn qualities(&self, call: &Sized<'_>, context: &CallContext, routes: &mut [f32]) {
        self.of(call.ask, context, routes);
    }
}

impl LlmRequest for Sized<'_> {
    fn model(&self) -> &str {
        self.ask.model()
    }

    /// A policy does not.
    fn set_model(&mut self, _: &str) {}

    fn visit_prompt(&self, visit: &mut dyn FnMut(Role, &str)) {
        let mut left = self.bytes;
        while left > 0 {
            let piece = left.min(BLANK.len());
            visit(Role::User, &BLANK[..piece]);
            left -= piece;
        }
    }

    fn fingerprint(&self, to: &mut Fingerprint) {
        self.ask.fingerprint(to);
    }
}
