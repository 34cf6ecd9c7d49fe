//! Whether the model still foresees what the rule does not.

use serde::{Deserialize, Serialize};

use super::By;

/// The rate at which the monitor reckons with a change, each outcome: once in two thousand.
const CHANGE: f64 = 1.0 / 2000.0;
/// The trust below which the model falls, and above which it stands again. Apart, so that it does not flicker.
const FALLS: f64 = 0.1;
const RISES: f64 = 0.9;
/// The trust in a model that begins standing; the other one begins with the rest.
const BEGINS: f64 = 0.9;
/// The weight of a new outcome in the means that are shown.
const FRESH: f64 = 1.0 / 200.0;

/// Compares what model and rule foresaw with what came.
///
/// Trust is the probability that the model is the better of the two forecasters, by Bayes' rule over their losses, where the
/// better one may change at any time (Herbster and Warmuth's fixed share). So trust never ends at zero, and a model that is
/// better again comes back by itself.
#[derive(Clone, Debug)]
pub struct Monitor {
    watch: Watch,
}

/// What a monitor sees.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Watch {
    /// Who decides.
    pub by: By,
    /// The probability that the model foresees better than the rule, from 0 to 1.
    pub trust: f64,
    /// The mean gain that was predicted of late, over some hundreds of outcomes.
    pub predicted: f64,
    /// The mean gain that came.
    pub observed: f64,
    /// Outcomes so far.
    pub outcomes: u64,
    /// How often the model fell.
    pub falls: u64,
}

impl Monitor {
    /// Begins with the model or with the rule.
    #[must_use]
    pub const fn new(model: bool) -> Self {
        let (by, trust) = if model {
            (By::Model, BEGINS)
        } else {
            (By::Rule, 1.0 - BEGINS)
        };
        Self {
            watch: Watch {
                by,
                trust,
                predicted: 0.0,
                observed: 0.0,
                outcomes: 0,
                falls: 0,
            },
        }
    }

    /// Goes on with what another one saw; `None`: none can have seen that.
    #[must_use]
    pub fn restored(watch: Watch) -> Option<Self> {
        let is_share = |share: f64| (0.0..=1.0).contains(&share);
        // Trust never ends at zero or one.
        let sound = watch.trust > 0.0
            && watch.trust < 1.0
            && is_share(watch.predicted)
            && is_share(watch.observed);
        sound.then_some(Self { watch })
    }

    /// Hears of one outcome: the gain that the model had predicted, the one that came, and what each one's prediction lost by it, in
    /// nats. Losses that are not finite are not counted.
    pub fn observe(&mut self, predicted: f32, gain: f32, model_loss: f64, rule_loss: f64) {
        let lost = rule_loss - model_loss;
        if !lost.is_finite() {
            return;
        }
        let watch = &mut self.watch;
        watch.outcomes = watch.outcomes.saturating_add(1);
        // Plain means to begin with, fading ones later.
        let fresh = FRESH.max(1.0 / watch.outcomes as f64);
        watch.predicted += fresh * (f64::from(predicted) - watch.predicted);
        watch.observed += fresh * (f64::from(gain) - watch.observed);
        let odds = watch.trust / (1.0 - watch.trust) * lost.clamp(-20.0, 20.0).exp();
        let trust = odds / (1.0 + odds);
        watch.trust = (1.0 - CHANGE) * trust + CHANGE / 2.0;
        if watch.by == By::Model && watch.trust < FALLS {
            watch.by = By::Rule;
            watch.falls = watch.falls.saturating_add(1);
        } else if watch.by == By::Rule && watch.trust > RISES {
            watch.by = By::Model;
        }
    }

    /// What is seen now.
    #[must_use]
    pub const fn watch(&self) -> Watch {
        self.watch
    }
}
