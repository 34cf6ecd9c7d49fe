//! A learned model decides.
use std::{fmt, sync::Arc};

use obs_core::{CallContext, LlmRequest};
use obs_learn::{By, Online, pieces};

use crate::{
    Complexity, Decision, Explanation, Forecast, Policy, Reason, Target, complexity::Split,
};

/// What a call's group is: by what was told apart when the model was trained.
pub type GroupOf = for<'a> fn(&'a CallContext) -> Option<&'a str>;

/// Sends a call to the better route where a learned model foresees that this gains enough: that the cheap answer fails and the
/// better one does not.
///
/// It holds an [`Online`], which keeps the share of better calls that was wished for and learns from what comes back
/// ([`Online::observe`]). While that finds the model no better than the rule, by its gate or by its monitor, the rule decides: those of
/// [`Complexity`], unless told [otherwise](Self::otherwise). Decisions of the model have the reason
/// [`Learned`](Reason::Learned) and the probability of a gain as their score; nothing is allocated for them.
///
/// ```
/// # fn example(model: obs_learn::Model) {
/// use std::sync::Arc;
///
/// use obs_learn::{Goal, Online};
/// use obs_router::Learned;
///
/// let online = Arc::new(Online::new(Arc::new(model), Goal::Share(0.3)));
/// let policy = Learned::new(online.clone());
/// # }
/// ```
#[derive(Clone)]
pub struct Learned<P = Complexity> {
    online: Arc<Online>,
    group: GroupOf,
    split: Split,
    /// `None`: the length of the prompt.
    otherwise: Option<P>,
}

impl Learned {
    /// Between the first route and the last one, with the tenant as the group.
    #[must_use]
    pub fn new(online: Arc<Online>) -> Self {
        Self {
            online,
            group: |context| context.tenant.as_deref(),
            split: Split::new(),
            otherwise: Some(Complexity::new()),
        }
    }
}

impl<P> Learned<P> {
    /// What the group of a call is, in place of its tenant: what it was called in training.
    #[must_use]
    pub fn group(mut self, group: GroupOf) -> Self {
        self.group = group;
        self
    }

    /// The routes for cheap and for better calls, in place of the first and the last.
    #[must_use]
    pub fn routes(mut self, easy: impl Into<Target>, hard: impl Into<Target>) -> Self {
        self.split.set_routes(easy.into(), hard.into());
        self
    }

    /// What decides while the model is no better than the rule.
    #[must_use]
    pub fn otherwise<Q>(self, policy: Q) -> Learned<Q> {
        Learned {
            online: self.online,
            group: self.group,
            split: self.split,
            otherwise: Some(policy),
        }
    }

    /// While the model is no better than the rule, the length of the prompt decides, and the share of better calls stays as it was
    /// wished for. (Other rules know no such wish.) Its decisions have the reasons [`Simple`](Reason::Simple) and
    /// [`Complex`](Reason::Complex).
    #[must_use]
    pub fn otherwise_by_length(mut self) -> Self {
        self.otherwise = None;
        self
    }

    /// The model in traffic.
    #[must_use]
    pub const fn online(&self) -> &Arc<Online> {
        &self.online
    }

    /// What the model says of this call, for [`Online::observe`]. As a decision it moves the threshold along with the traffic.
    pub fn foresee<R: LlmRequest>(
        &self,
        request: &R,
        context: &CallContext,
    ) -> obs_learn::Decision {
        let prompt = pieces(|visit| request.visit_prompt(visit));
        self.online.decide((self.group)(context), &prompt)
    }

    /// The same with the threshold left where it is, for those who decide by the gain themselves: [`Gains::of`].
    pub fn look<R: LlmRequest>(&self, request: &R, context: &CallContext) -> obs_learn::Decision {
        let prompt = pieces(|visit| request.visit_prompt(visit));
        self.online.look((self.group)(context), &prompt)
    }
}

impl<P> Learned<P> {
    /// What follows from that: the decision of a policy that keeps what was foreseen, to tell what came of it later.
    pub fn conclude<R: LlmRequest>(
        &self,
        seen: &obs_learn::Decision,
        request: &R,
        context: &CallContext,
    ) -> Decision
    where
        P: Policy<R>,
    {
        match (seen.by, &self.otherwise) {
            (By::Rule, Some(rule)) => rule.decide(request, context),
            (By::Rule, None) => {
                let (target, reason) = self.split.side(seen.premium);
                Decision::new(target, reason).score(probability(seen.rule_logit))
            }
            (By::Model, _) => {
                let (target, _) = self.split.side(seen.premium);
                Decision::new(target, Reason::Learned).score(probability(seen.logit))
            }
        }
    }
}

impl<R: LlmRequest, P: Policy<R>> Policy<R> for Learned<P> {
    fn decide(&self, request: &R, context: &CallContext) -> Decision {
        self.conclude(&self.foresee(request, context), request, context)
    }

    fn explain(&self, request: &R, context: &CallContext) -> Option<Explanation> {
        let prompt = pieces(|visit| request.visit_prompt(visit));
        // No words: they are the prompt's own text.
        let seen = self
            .online
            .model()
            .explain((self.group)(context), &prompt, 0);
        let now = self.look(request, context).logit;
        let told = Explanation::of("learned").score(probability(now));
        let told = told
            .part("learned_since", 1.0, now - seen.evidence.logit)
            .part("base", 1.0, seen.base)
            .part("group", 1.0, seen.group)
            // All together. One of the features is called `words`: it is how many there are.
            .part("terms", 1.0, seen.words);
        let told = seen.features.iter().fold(told, |told, part| {
            told.part(part.name, part.value, part.added)
        });
        let inner = match (self.online.stands(), &self.otherwise) {
            (By::Rule, Some(rule)) => rule.explain(request, context),
            (By::Rule, None) => Some(Explanation::of("length").part(
                "length",
                seen.evidence.length.exp() - 1.0,
                0.0,
            )),
            (By::Model, _) => None,
        };
        Some(told.sorted().around(inner))
    }
}

impl<P> fmt::Debug for Learned<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Learned")
            .field("stands", &self.online.stands())
            .field("split", &self.split)
            .finish_non_exhaustive()
    }
}

/// Takes the quality of two routes from a learned model: the last one is as good as it is told to be, and the first one is worse by the
/// probability of a gain, and [better](Self::lost) by what a switch loses. Routes between them lie between them, in equal steps.
#[derive(Clone, Debug)]
pub struct Gains {
    online: Arc<Online>,
    group: GroupOf,
    best: f32,
    lost: f32,
}

impl Gains {
    /// With how often the last route is right, from 0 to 1.
    ///
    /// # Panics
    ///
    /// If that is not a number from 0 to 1.
    #[must_use]
    pub fn new(online: Arc<Online>, best: f32) -> Self {
        assert!(
            (0.0..=1.0).contains(&best),
            "a quality is from 0 to 1, not {best}"
        );
        Self {
            online,
            group: |context| context.tenant.as_deref(),
            best,
            lost: 0.0,
        }
    }

    /// How often the first route is right where the last one is not, from 0 to 1; never, unless told. No model foresees it: it is taken to be the
    /// same for all prompts.
    ///
    /// # Panics
    ///
    /// If that is not a number from 0 to 1.
    #[must_use]
    pub fn lost(mut self, lost: f32) -> Self {
        assert!(
            (0.0..=1.0).contains(&lost),
            "a part is from 0 to 1, not {lost}"
        );
        self.lost = lost;
        self
    }

    /// What the group of a call is, in place of its tenant.
    #[must_use]
    pub fn group(mut self, group: GroupOf) -> Self {
        self.group = group;
        self
    }
}

impl Gains {
    /// What follows from what was foreseen of a call: for a forecast that keeps it, to tell what came of it later.
    pub fn of(&self, seen: &obs_learn::Decision, routes: &mut [f32]) {
        let first = (self.best - probability(seen.logit) + self.lost).clamp(0.0, 1.0);
        let steps = routes.len().saturating_sub(1).max(1) as f32;
        for (at, quality) in routes.iter_mut().enumerate() {
            *quality = first + (self.best - first) * at as f32 / steps;
        }
    }
}

impl<R: LlmRequest> Forecast<R> for Gains {
    fn qualities(&self, request: &R, context: &CallContext, routes: &mut [f32]) {
        let prompt = pieces(|visit| request.visit_prompt(visit));
        self.of(&self.online.look((self.group)(context), &prompt), routes);
    }
}

/// Of a logit.
fn probability(logit: f32) -> f32 {
    1.0 / (1.0 + (-logit).exp())
}
