//! Which route a call takes first.
use std::panic::{AssertUnwindSafe, catch_unwind};

use obs_core::{
    Baseline, Call, CallContext, Decided, Error, ErrorKind, LlmRequest, Operation, Outcome, Purpose,
};
use tokio::time::Instant;

use crate::{
    Policy, Reason,
    plan::Plan,
    setup::{Setup, nearest},
};

/// A plan, why it is that one, and how difficult the request was found.
pub(crate) type Decision = (Plan, Reason, Option<f32>);

impl<P, J> Setup<P, J> {
    /// The route of this call, for all that is known before it is asked.
    pub(crate) fn route<R>(&self, call: &Call<R>, now: Instant) -> Result<Decision, Error>
    where
        R: LlmRequest,
        P: Policy<R>,
    {
        let (request, context) = (&call.request, &call.context);
        let goes_on = context.purpose == Purpose::Continuation;
        let decision = match goes_on {
            true => self.going_on(request, context),
            false => self.decide(request, context),
        };
        let mut decision = self.fitting(decision?, request);
        // What comes too late asks nobody: it must not be the one call that tries a route again.
        if !context.deadline.is_over() {
            decision = self.around(decision, now);
        }
        Ok(match decision {
            (plan, _, score) if goes_on => (plan, Reason::Continued, score),
            decision => decision,
        })
    }

    /// To the route that the answer was on, unless it fell silent, or to the next one that goes on with it.
    fn going_on<R: LlmRequest>(
        &self,
        request: &R,
        context: &CallContext,
    ) -> Result<Decision, Error> {
        let named = self.auto.as_deref().filter(|auto| request.model() != *auto);
        let named = named.map(|_| self.routes.asked_for(request.model()));
        let allowed = self.routes.allowed(context);
        let plan = match named {
            Some(Some(at)) => Plan::named(&self.routes, at, true),
            Some(None) => Plan::through(&self.routes),
            None => Plan::chosen(&self.routes, self.default),
        };
        let mut plan = plan.only(allowed);
        let last = context.journal.with(|report| {
            let mut attempts = report.attempts.iter().rev();
            let last = attempts.find(|attempt| attempt.purpose != Purpose::Judge)?;
            let at = self.routes.named(last.route.as_deref()?)?;
            Some((at, last.outcome == Some(Outcome::TimedOut)))
        });
        if plan.go_on(&self.routes, &self.chance, last) {
            return Ok((plan, Reason::Continued, None));
        }
        let message = "no route goes on with the beginning of an answer";
        Err(Error::new(ErrorKind::Policy, message))
    }

    fn decide<R>(&self, request: &R, context: &CallContext) -> Result<Decision, Error>
    where
        R: LlmRequest,
        P: Policy<R>,
    {
        let embeds = request.operation() == Operation::Embeddings;
        let allowed = self.routes.allowed(context);
        match self.auto.as_deref() {
            Some(auto) if request.model() != auto => {
                let plan = match self.routes.asked_for(request.model()) {
                    Some(at) if allowed & (1 << at) == 0 => return Err(not_allowed(request)),
                    Some(at) => Plan::named(&self.routes, at, !embeds).only(allowed),
                    None => Plan::through(&self.routes),
                };
                Ok((plan, Reason::Named, None))
            }
            Some(auto) if embeds => {
                let message = format!(
                    "embeddings need the name of a model: `{auto}` might choose another one each time"
                );
                Err(Error::new(ErrorKind::Caller, message))
            }
            None if embeds => Ok((Plan::through(&self.routes), Reason::Default, None)),
            _ => match nearest(self.default, allowed) {
                Some(default) => Ok(self.ask(request, context, allowed, default)),
                None => Err(not_allowed(request)),
            },
        }
    }

    /// Among the routes that the call may take.
    fn ask<R>(&self, request: &R, context: &CallContext, allowed: u64, default: usize) -> Decision
    where
        P: Policy<R>,
    {
        let chosen = |at| Plan::chosen(&self.routes, at).only(allowed);
        let decided = catch_unwind(AssertUnwindSafe(|| self.policy.decide(request, context)));
        let fault = match decided.map(crate::Decision::into_parts) {
            Ok((_, _, Some(score), _)) if !(0.0..=1.0).contains(&score) => {
                format!("it gave the score {score}")
            }
            Ok((target, reason, score, judged)) => {
                match self.routes.place(&target, default, allowed) {
                    Some(at) => return (chosen(at).judged(judged), reason, score),
                    None => format!("it chose {target:?}, which is no route"),
                }
            }
            Err(_) => "it panicked".to_owned(),
        };
        tracing::debug!(
            fault,
            "the policy gave no useful answer; the call takes the default route"
        );
        self.counts.ledger.policy_error();
        (chosen(default), Reason::PolicyError, None)
    }

    /// Passes over a route that cannot hold the prompt.
    fn fitting<R: LlmRequest>(
        &self,
        (mut plan, mut reason, score): Decision,
        request: &R,
    ) -> Decision {
        // Each of several texts of embeddings has the window for itself.
        if request.operation() != Operation::Embeddings
            && plan.fit(&self.routes, &self.chance, |window| request.fits(window))
        {
            reason = Reason::Context;
        }
        (plan, reason, score)
    }

    /// Goes around a route that is left out.
    fn around(&self, (mut plan, mut reason, score): Decision, now: Instant) -> Decision {
        let ledger = &self.counts.ledger;
        let admits = |at| ledger.breaker(at).admits(now);
        if plan.avoid(&self.routes, &self.chance, admits) {
            reason = Reason::Fallback;
        }
        (plan, reason, score)
    }

    /// Tells the journal. Gives back whether savings are measured here: the outermost router does, where there are several.
    pub(crate) fn tell<R: LlmRequest>(
        &self,
        call: &Call<R>,
        (plan, reason, score): &Decision,
        now: Instant,
    ) -> bool {
        let at = plan.at();
        let baseline = match reason {
            _ if self.routes.get(at).is_none() => None,
            // Who names a route would have had it without a router too, and nobody one that it may not take.
            _ => {
                let asked = plan.asked().unwrap_or(self.baseline);
                nearest(asked, self.routes.allowed(&call.context))
            }
        };
        let decided = Decided {
            route: self.routes.name(at),
            reason: reason.as_str(),
            score: *score,
            at: now,
        };
        call.context.journal.listen(&self.counts.listener);
        call.context.journal.with(|report| {
            report.decisions.push(decided);
            let goes_on = *reason == Reason::Continued;
            let is_ours = |of: &Baseline| goes_on && self.routes.named(&of.route).is_some();
            if let Some(of) = &report.baseline {
                return is_ours(of);
            }
            let measures = baseline.is_some();
            if measures {
                report.baseline = baseline.map(|at| self.routes.baseline(at, call.request.model()));
            }
            measures
        })
    }
}

fn not_allowed(request: &impl LlmRequest) -> Error {
    let message = format!(
        "`{}`: the call may take none of the routes that this asks for",
        request.model()
    );
    Error::new(ErrorKind::Caller, message)
}
