//! Policies, where the log has no prompts.
use obs_core::CallContext;
use obs_router::{Decision, Policy, Reason, Target};

use crate::{Ask, Question};

/// Decides as a policy does where the prompt is known, and else by the score that was recorded. Where there is neither, the call
/// takes the default route.
#[derive(Clone, Debug)]
pub struct ByRecord<P> {
    policy: P,
    /// `None`: the policy reads no prompt.
    threshold: Option<f32>,
}

/// What decides a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The policy, which sees its prompt.
    Prompt,
    /// The policy, which sees the features of its prompt.
    Features,
    /// The recorded score.
    Score,
    /// Nothing.
    Nothing,
}

/// By what this question is decided; features count for [`ByModel`](super::ByModel) alone.
#[must_use]
pub fn recorded(question: &Question) -> By {
    match (&question.features, question.score) {
        _ if !question.prompt.is_empty() => By::Prompt,
        (Some(_), _) => By::Features,
        (None, Some(_)) => By::Score,
        (None, None) => By::Nothing,
    }
}

impl<P> ByRecord<P> {
    /// This policy; a recorded score goes to the last route from the threshold on, and below it to the first.
    pub const fn new(policy: P, threshold: f32) -> Self {
        Self {
            policy,
            threshold: Some(threshold),
        }
    }

    /// A policy that reads no prompt, and so needs none.
    pub const fn unread(policy: P) -> Self {
        Self {
            policy,
            threshold: None,
        }
    }
}

impl<P: Policy<Ask>> Policy<Ask> for ByRecord<P> {
    fn decide(&self, ask: &Ask, context: &CallContext) -> Decision {
        let question = ask.question();
        let Some(threshold) = self.threshold else {
            return self.policy.decide(ask, context);
        };
        match recorded(question) {
            By::Prompt => self.policy.decide(ask, context),
            _ => by_score(question, threshold),
        }
    }
}

/// As the recorded score says.
pub(super) fn by_score(question: &Question, threshold: f32) -> Decision {
    match question.score {
        Some(score) if score >= threshold => {
            Decision::new(Target::Last, Reason::Complex).score(score)
        }
        Some(score) => Decision::new(Target::First, Reason::Simple).score(score),
        None => Decision::new(Target::Default, Reason::Default),
    }
}
