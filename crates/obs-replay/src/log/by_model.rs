//! A learned policy, where the log may have no prompts.
use std::sync::{Arc, Mutex, PoisonError};

use obs_core::CallContext;
use obs_learn::{Allowance, Online};
use obs_router::{Complexity, Decision, Learned, Policy};

use super::{By, ByRecord, recorded, recorded::by_score};
use crate::{Ask, Ended, Question};

/// Decides by a learned model: by the prompt where it is known, else by its features, which tell a model without words exactly
/// the same, else by the score that was recorded. The group is the one that was recorded, or the tenant. Where the rule decides in
/// the place of the model, that is [`Complexity`], by the prompt or by the recorded score, unless told [otherwise](Self::otherwise_by_length).
///
/// The threshold follows the traffic, as [`Online`] does that. The model stays as it was trained: what came of calls is not
/// learned from.
#[derive(Clone, Debug)]
pub struct ByModel {
    policy: Learned<ByRecord<Complexity>>,
    threshold: f32,
    allowance: Option<Arc<Spending>>,
}

/// Dollars a day.
#[derive(Debug)]
struct Spending {
    allowance: Mutex<Allowance>,
    cheap: Arc<str>,
    premium: Arc<str>,
}

impl ByModel {
    /// By this model, with these rules in its place.
    #[must_use]
    pub fn new(online: Arc<Online>, rules: Complexity, threshold: f32) -> Self {
        Self {
            policy: Learned::new(online).otherwise(ByRecord::new(rules, threshold)),
            threshold,
            allowance: None,
        }
    }

    /// With the length of the prompt in the place of the rules, so that the share of premium calls stays what was wished for.
    #[must_use]
    pub fn otherwise_by_length(mut self) -> Self {
        self.policy = self.policy.otherwise_by_length();
        self
    }

    /// The share of premium calls is what this pays for, by what calls on these two routes cost. It hears of them with
    /// [`ended`](Self::ended).
    #[must_use]
    pub fn spending(mut self, allowance: Allowance, cheap: Arc<str>, premium: Arc<str>) -> Self {
        self.allowance = Some(Arc::new(Spending {
            allowance: Mutex::new(allowance),
            cheap,
            premium,
        }));
        self
    }

    /// A call has ended.
    pub fn ended(&self, call: &Ended<'_>) {
        let (Some(of), Some(cost)) = (&self.allowance, call.report.paid().exact()) else {
            return;
        };
        let chosen = call.report.chosen().and_then(|of| of.route.as_ref());
        let is_routed = call.result.is_ok() && !call.report.decisions.is_empty();
        let Some(route) = chosen.filter(|_| is_routed) else {
            return;
        };
        if *route != of.cheap && *route != of.premium {
            return;
        }
        let at = (call.arrival.at + call.took).as_secs_f64();
        let mut allowance = of.allowance.lock().unwrap_or_else(PoisonError::into_inner);
        allowance.observe(at, *route == of.premium, cost.as_dollars_f64());
        if let Some(share) = allowance.share() {
            self.policy.online().set_share(share);
        }
    }
}

impl ByModel {
    /// The model in traffic.
    #[must_use]
    pub const fn online(&self) -> &Arc<Online> {
        self.policy.online()
    }

    pub(super) const fn threshold(&self) -> f32 {
        self.threshold
    }

    /// What the model foresees of a call, without moving a threshold.
    pub(super) fn look(
        &self,
        question: &Question,
        context: &CallContext,
    ) -> Option<obs_learn::Decision> {
        let (online, group) = (self.online(), group(question, context));
        match (recorded(question), &question.features) {
            (By::Prompt, _) => Some(online.look(group, &question.prompt[..])),
            (_, Some(features)) => Some(online.look_features(group, features)),
            (_, None) => None,
        }
    }
}

impl Policy<Ask> for ByModel {
    fn decide(&self, ask: &Ask, context: &CallContext) -> Decision {
        let question = ask.question();
        let (online, group) = (self.online(), group(question, context));
        let seen = match (recorded(question), &question.features) {
            (By::Prompt, _) => online.decide(group, &question.prompt[..]),
            (_, Some(features)) => online.decide_features(group, features),
            (_, None) => return by_score(question, self.threshold),
        };
        self.policy.conclude(&seen, ask, context)
    }
}

/// As in training.
fn group<'a>(question: &'a Question, context: &'a CallContext) -> Option<&'a str> {
    question.group.as_deref().or(context.tenant.as_deref())
}
