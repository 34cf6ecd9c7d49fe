//! A learned policy in the gateway: its model, its wish, and what it learns of in traffic.
use std::{
    fs,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use obs_apm::Telemetry;
use obs_core::{CallContext, LlmRequest};
use obs_learn::{Allowance, By, Goal, Model, Online};
use obs_ledger::{Entry, Feedback, Outcome};
use obs_router::{Decision, Explanation, Learned, Policy};
use opentelemetry::KeyValue;
use tracing::{info, warn};

use super::calls::Calls;
use crate::{
    build::BuildError,
    settings::{self, Settings, Wish},
};

/// Share of premium calls while it is not known yet what dollars a day pay for.
const BEFORE_COSTS: f64 = 0.2;

/// Of which shares are told.
const PARTS: u64 = 1_000_000;

/// A model in traffic.
#[derive(Debug)]
pub(crate) struct Learning {
    online: Arc<Online>,
    policy: Learned,
    calls: Arc<Calls>,
    cheap: Arc<str>,
    premium: Arc<str>,
    /// Dollars a day, where those are the wish.
    allowance: Option<Mutex<Allowance>>,
    /// Who decided when it was last looked.
    model_stands: AtomicBool,
}

impl Learning {
    /// `None`: another policy decides.
    pub(super) fn new(
        settings: &Settings,
        telemetry: &Telemetry,
        calls: &Arc<Calls>,
    ) -> Result<Option<Arc<Self>>, BuildError> {
        let of = &settings.router;
        if of.policy != settings::Policy::Learned {
            return Ok(None);
        }
        let (Some(first), Some(last)) = (settings.routes.first(), settings.routes.last()) else {
            return Ok(None);
        };
        let model = Arc::new(load(settings)?);
        if !model.gate().better && !of.trust_model {
            warn!(
                gate = %model.gate(),
                "the model of router.model is not better than the rule: the rule decides until outcomes show otherwise \
                 (router.trust_model begins with the model)"
            );
        }
        let (goal, allowance) = match of.wish {
            Wish::Share(share) => (Goal::Share(share), None),
            Wish::Quality(part) => (Goal::Recovered(part), None),
            Wish::UsdPerDay(most) => {
                let allowance = Allowance::new(most.as_dollars_f64());
                (Goal::Share(BEFORE_COSTS), Some(Mutex::new(allowance)))
            }
        };
        let mut online = Online::new(model, goal);
        if of.trust_model {
            online = online.trusting();
        }
        let online = Arc::new(online);
        let learning = Arc::new(Self {
            policy: Learned::new(online.clone()).otherwise(
                obs_router::Complexity::new().threshold((of.threshold as f32).clamp(0.0, 1.0)),
            ),
            calls: calls.clone(),
            cheap: first.name.clone(),
            premium: last.name.clone(),
            allowance,
            model_stands: AtomicBool::new(online.stands() == By::Model),
            online,
        });
        learning.show(telemetry);
        Ok(Some(learning))
    }

    /// A call has ended.
    pub(super) fn ended(&self, entry: &Entry) {
        let Some(route) = &entry.route else {
            return;
        };
        self.calls.answered(&entry.call, route);
        let (Some(allowance), Some(cost)) = (&self.allowance, entry.paid().exact()) else {
            return;
        };
        let is_routed = entry.decision().is_some() && entry.outcome == Outcome::Answered;
        if !is_routed || (*route != self.cheap && *route != self.premium) {
            return;
        }
        let mut allowance = allowance.lock().unwrap_or_else(PoisonError::into_inner);
        let at = (entry.time + entry.latency_us / 1000) as f64 / 1000.0;
        allowance.observe(at, *route == self.premium, cost.as_dollars_f64());
        if let Some(share) = allowance.share() {
            self.online.set_share(share);
        }
    }

    /// Somebody says how good an answer was.
    pub(super) fn feedback(&self, feedback: &Feedback) {
        let (Some(quality), Some(answered)) = (
            feedback.quality(),
            self.calls.answered_by(&feedback.feedback),
        ) else {
            return;
        };
        let route = feedback.route.as_ref().unwrap_or(&answered);
        let trained = &self.online.model().header().trained;
        let gain = if *route == self.cheap {
            // How often the premium answer is right where the cheap one is not.
            let rescued = trained.gain / (1.0 - trained.cheap).max(1e-6);
            (1.0 - f64::from(quality)) * rescued.min(1.0)
        } else if *route == self.premium && quality < 0.5 {
            // Whatever the cheap answer would have been: nothing was gained.
            0.0
        } else {
            // A good premium answer says nothing of the cheap one.
            return;
        };
        if let Some(seen) = self.calls.take(&feedback.feedback) {
            self.observe(&seen, gain as f32);
        }
    }

    /// The premium answer to this call was so much better than the cheap one, from -1 to 1.
    pub(super) fn compared(&self, call: &str, better: f32) {
        if let Some(seen) = self.calls.take(call) {
            self.observe(&seen, better.max(0.0));
        }
    }

    /// This gain came of a call.
    fn observe(&self, seen: &obs_learn::Decision, gain: f32) {
        self.online.observe(seen, gain);
        let stands = self.online.stands() == By::Model;
        if self.model_stands.swap(stands, Relaxed) != stands {
            let watch = self.online.watch();
            match stands {
                true => info!(trust = watch.trust, "the learned model decides again"),
                false => warn!(
                    trust = watch.trust,
                    predicted = watch.predicted,
                    observed = watch.observed,
                    "the learned model foresees outcomes no better than the rule, which decides from now on"
                ),
            }
        }
    }

    fn show(self: &Arc<Self>, telemetry: &Telemetry) {
        let metrics = telemetry.metrics();
        let of = self.clone();
        let what = "Whether the learned model decides (1), or the rule in its place (0).";
        metrics.up_down("router_model_stands", what, move |tell| {
            tell(&[], i64::from(of.online.stands() == By::Model));
        });
        let of = self.clone();
        let what = "Outcomes that the learned model was compared with.";
        metrics.counter("router_model_outcomes_total", what, move |tell| {
            tell(&[], of.online.watch().outcomes);
        });
        let of = self.clone();
        let what = "How often the learned model was replaced by the rule.";
        metrics.counter("router_model_falls_total", what, move |tell| {
            tell(&[], of.online.watch().falls);
        });
        let of = self.clone();
        let what =
            "Gain of the premium route, 0 to 1: predicted and observed, over the outcomes of late.";
        metrics.ratio("router_model_gain", what, move |tell| {
            let watch = of.online.watch();
            for (kind, gain) in [("predicted", watch.predicted), ("observed", watch.observed)] {
                let parts = (gain.clamp(0.0, 1.0) * PARTS as f64).round() as u64;
                let all = if watch.outcomes == 0 { 0 } else { PARTS };
                tell(&[KeyValue::new("kind", kind)], parts, all);
            }
        });
    }
}

impl<R: LlmRequest> Policy<R> for Learning {
    fn decide(&self, request: &R, context: &CallContext) -> Decision {
        let seen = self.policy.foresee(request, context);
        if let Some(call) = &context.id {
            self.calls.foreseen(call, seen);
        }
        self.policy.conclude(&seen, request, context)
    }

    fn explain(&self, request: &R, context: &CallContext) -> Option<Explanation> {
        self.policy.explain(request, context)
    }
}

fn load(settings: &Settings) -> Result<Model, BuildError> {
    let Some(file) = &settings.router.model else {
        return Err(BuildError::new(
            "router.model: unset, and router.policy is learned: name a file that `gateway train` wrote".into(),
        ));
    };
    let shown = file.display();
    let bad = |problem: String| BuildError::new(format!("router.model: {shown}: {problem}"));
    let bytes = fs::read(file).map_err(|error| bad(format!("cannot be read: {error}")))?;
    Model::from_json(&bytes).map_err(|error| bad(error.to_string()))
}
