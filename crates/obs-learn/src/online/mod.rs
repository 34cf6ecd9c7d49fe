//! A model in traffic: corrected by what comes of its calls, watched, and replaced by the rule while it is no better.

mod correction;
mod monitor;
mod state;

use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

pub use monitor::{Monitor, Watch};
pub use state::{STATE_FORMAT, State, StateError};

use self::correction::{Correction, SLOTS};
use crate::calibrate::Line;
use crate::goal::{Goal, Threshold};
use crate::logits::{logit, loss, sigmoid};
use crate::model::{Evidence, Model};
use crate::{FEATURES, Prompt, Target};

/// A step of a threshold, as a share of how far the middle 80 % of the scores lie apart.
const STEP: f64 = 0.002;
/// Scores that lie closer than this, in logits, are spread by what is learned of groups.
const LEAST_SPREAD: f64 = 0.5;
/// The least slope by which lengths are put in order, so that they lie farther apart than a threshold wavers. Where length was found
/// to tell nothing, the rule still is the length.
const LEAST_SLOPE: f32 = 0.2;

/// A model in traffic.
///
/// Decides calls so that a share of them goes to the premium route, by the model while it stands and by the length of the prompt
/// while it does not. What came of a call, where both answers are known, is told with [`Online::observe`]: it corrects bias
/// and slope of model and rule alike, and a bias for each group; and it tells whether model or rule foresaw it better, see [`Monitor`].
///
/// Outcomes should come from calls drawn at random, such as shadow comparisons: those of cheap calls alone would tell of cheap calls alone.
///
/// What was learned lives in memory: [`Online::state`] and [`Online::restore`] let it outlive the process.
///
/// Shared by reference. Decisions lock nothing and allocate nothing; outcomes take turns.
#[derive(Debug)]
pub struct Online {
    model: Arc<Model>,
    by_model: Target,
    by_rule: Target,
    correction: Correction,
    rule: Correction,
    /// From length to the rule's place in its order.
    rule_order: Line,
    stands: AtomicBool,
    monitor: Mutex<Monitor>,
}

/// One decision. Keep it until the outcome is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decision {
    /// Whether the call should go to the premium route.
    pub premium: bool,
    /// Who decided.
    pub by: By,
    /// What was read in the prompt.
    pub evidence: Evidence,
    /// The logit of a gain, with what was learned since.
    pub logit: f32,
    /// What the rule takes for the logit of a gain.
    pub rule_logit: f32,
    slot: Option<u8>,
}

/// Who decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum By {
    /// The model.
    Model,
    /// The length of the prompt.
    Rule,
}

impl Online {
    /// Begins with the model where its gate passed, and with the rule where not.
    #[must_use]
    pub fn new(model: Arc<Model>, goal: Goal) -> Self {
        let Threshold {
            share,
            gain,
            length,
            ..
        } = model.threshold(goal);
        let at = |share| model.threshold(Goal::Share(share));
        let logit_of = |gain: f32| logit(f64::from(gain).clamp(1e-6, 1.0 - 1e-6));
        let rule = model.header().rule;
        let slope = rule.slope.max(LEAST_SLOPE);
        let middle = at(0.5).length;
        let rule_order = Line {
            slope,
            bias: rule.at(middle) - slope * middle,
        };
        let step = |low: f64, high: f64| STEP * (high - low).abs().max(LEAST_SPREAD);
        let (high, low) = (at(0.1), at(0.9));
        let usual = logit(model.header().trained.gain.clamp(1e-4, 1.0 - 1e-4));
        let better = model.gate().better;
        Self {
            by_model: Target::new(
                f64::from(share),
                logit_of(gain) - usual,
                step(logit_of(low.gain), logit_of(high.gain)),
            ),
            by_rule: Target::new(
                f64::from(share),
                f64::from(rule_order.at(length)) - usual,
                step(
                    rule_order.at(low.length).into(),
                    rule_order.at(high.length).into(),
                ),
            ),
            correction: Correction::new(usual as f32),
            rule: Correction::new(usual as f32),
            rule_order,
            stands: AtomicBool::new(better),
            monitor: Mutex::new(Monitor::new(better)),
            model,
        }
    }

    /// Begins with the model whatever its gate said.
    #[must_use]
    pub fn trusting(self) -> Self {
        Self {
            stands: AtomicBool::new(true),
            monitor: Mutex::new(Monitor::new(true)),
            ..self
        }
    }

    /// Decides a call.
    #[must_use]
    pub fn decide(&self, group: Option<&str>, prompt: &(impl Prompt + ?Sized)) -> Decision {
        self.decide_by(group, self.model.read(group, prompt), Target::admit)
    }

    /// What [`Online::decide`] would say, with the thresholds left where they are: for those who decide by the gain themselves.
    #[must_use]
    pub fn look(&self, group: Option<&str>, prompt: &(impl Prompt + ?Sized)) -> Decision {
        self.decide_by(group, self.model.read(group, prompt), Target::admits)
    }

    /// Decides a call by the features of its prompt, see [`Model::read_features`].
    #[must_use]
    pub fn decide_features(&self, group: Option<&str>, features: &[f32; FEATURES]) -> Decision {
        let evidence = self.model.read_features(group, features);
        self.decide_by(group, evidence, Target::admit)
    }

    /// The same of the features of a prompt as [`Online::look`] of the prompt.
    #[must_use]
    pub fn look_features(&self, group: Option<&str>, features: &[f32; FEATURES]) -> Decision {
        let evidence = self.model.read_features(group, features);
        self.decide_by(group, evidence, Target::admits)
    }

    fn decide_by(
        &self,
        group: Option<&str>,
        evidence: Evidence,
        admit: fn(&Target, f64) -> bool,
    ) -> Decision {
        let slot = group.map(slot);
        let rule = self.model.header().rule.at(evidence.length);
        // Both thresholds follow the traffic, so that either can take over at any time.
        let order = self.correction.order(evidence.logit, slot);
        let by_model = admit(&self.by_model, order.into());
        let order = self.rule.order(self.rule_order.at(evidence.length), slot);
        let by_rule = admit(&self.by_rule, order.into());
        let by = self.stands();
        Decision {
            premium: if by == By::Model { by_model } else { by_rule },
            by,
            evidence,
            logit: self.correction.apply(evidence.logit, slot),
            rule_logit: self.rule.apply(rule, slot),
            slot,
        }
    }

    /// Learns from what came of a call: the gain, from 0 to 1, is by how much the premium answer was better than the cheap one. A
    /// number beyond is taken for the nearest; what is not a number is not learned from.
    pub fn observe(&self, decision: &Decision, gain: f32) {
        if gain.is_nan() {
            return;
        }
        let gain = gain.clamp(0.0, 1.0);
        // A panic while this was held left figures that are still finite.
        let mut monitor = self.monitor.lock().unwrap_or_else(PoisonError::into_inner);
        monitor.observe(
            sigmoid(decision.logit),
            gain,
            loss(decision.logit, gain),
            loss(decision.rule_logit, gain),
        );
        self.stands
            .store(monitor.watch().by == By::Model, Ordering::Relaxed);
        self.correct(decision, gain);
    }

    /// Learns from what is only supposed of a call, such as one of which the premium answer alone is known: it corrects as
    /// [`Online::observe`] does, and the monitor does not hear of it, since whoever had supposed it would be found right.
    pub fn suppose(&self, decision: &Decision, gain: f32) {
        if gain.is_nan() {
            return;
        }
        let _one = self.monitor.lock().unwrap_or_else(PoisonError::into_inner);
        self.correct(decision, gain.clamp(0.0, 1.0));
    }

    /// By one at a time.
    fn correct(&self, decision: &Decision, gain: f32) {
        self.correction
            .learn(decision.evidence.logit, decision.slot, gain);
        self.rule.learn(
            self.model.header().rule.at(decision.evidence.length),
            decision.slot,
            gain,
        );
    }

    /// Who decides now.
    #[must_use]
    pub fn stands(&self) -> By {
        if self.stands.load(Ordering::Relaxed) {
            By::Model
        } else {
            By::Rule
        }
    }

    /// What the monitor sees.
    #[must_use]
    pub fn watch(&self) -> Watch {
        self.monitor
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .watch()
    }

    /// Another share of premium calls from now on, from 0 to 1, see [`Target::set_share`].
    pub fn set_share(&self, share: f64) {
        self.by_model.set_share(share);
        self.by_rule.set_share(share);
    }

    /// The model that was loaded.
    #[must_use]
    pub const fn model(&self) -> &Arc<Model> {
        &self.model
    }
}

/// Groups that share a slot by chance share a correction.
fn slot(group: &str) -> u8 {
    let mut hasher = Fnv::new();
    group.hash(&mut hasher);
    const { assert!(SLOTS == 256, "a slot is one byte") };
    (hasher.finish() >> 56) as u8
}

/// A hash that allocates nothing and needs no state, unlike that of the standard library.
struct Fnv(u64);

impl Fnv {
    const fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        self.0.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
}
