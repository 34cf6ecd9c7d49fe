//! What was learned in traffic, to be taken up again later.

use std::hash::Hasher as _;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use serde::{Deserialize, Serialize};

use super::correction::Learned;
use super::{By, Fnv, Monitor, Online, Watch};
use crate::Model;

/// What the first field of a [`State`] says. Another version is another format.
pub const STATE_FORMAT: &str = "obs-learn-state/1";

/// By how much two shares may differ for a threshold of one to be a beginning for the other.
const NEAR: f64 = 0.01;

/// What an [`Online`] has learned in traffic: corrections, thresholds, and what its monitor saw. It goes with the model that it was learned
/// on, and with no other.
///
/// ```
/// # fn example(model: std::sync::Arc<obs_learn::Model>) -> Result<(), Box<dyn std::error::Error>> {
/// use obs_learn::{Goal, Online, State};
///
/// let online = Online::new(model.clone(), Goal::Share(0.3));
/// let kept = serde_json::to_string_pretty(&online.state())?;
///
/// let later = Online::new(model, Goal::Share(0.3));
/// later.restore(&serde_json::from_str::<State>(&kept)?)?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    format: String,
    model: Of,
    watch: Watch,
    share: f64,
    by_model: f64,
    by_rule: f64,
    correction: Learned,
    rule: Learned,
}

/// The model that a state goes with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Of {
    /// Of the whole file.
    hash: String,
    /// When it was trained, as the caller said.
    trained: String,
}

/// A state that cannot be gone on with.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// It was written by another version of this crate.
    #[error("a state of format {0:?}; this version reads {STATE_FORMAT:?}")]
    Format(String),
    /// It was learned on another model.
    #[error("a state of another model, trained {0:?}")]
    Model(String),
    /// It has a value that no traffic gives.
    #[error("{0} of the state has a value out of range")]
    Invalid(&'static str),
}

impl State {
    /// What the monitor had seen.
    #[must_use]
    pub const fn watch(&self) -> Watch {
        self.watch
    }
}

impl Online {
    /// What was learned so far. Outcomes wait for it, decisions do not.
    #[must_use]
    pub fn state(&self) -> State {
        let model = Of::model(self.model());
        let monitor = self.monitor.lock().unwrap_or_else(PoisonError::into_inner);
        State {
            format: STATE_FORMAT.to_owned(),
            model,
            watch: monitor.watch(),
            share: self.by_model.share(),
            by_model: self.by_model.threshold(),
            by_rule: self.by_rule.threshold(),
            correction: self.correction.learned(),
            rule: self.rule.learned(),
        }
    }

    /// Goes on from a state, in place of what was learned until now; who decides is who decided then. Where the share of premium
    /// calls was another one, the thresholds stay as they are.
    ///
    /// # Errors
    ///
    /// [`StateError`] where it is of another format or model, or has values that no traffic gives. Nothing has changed then.
    pub fn restore(&self, state: &State) -> Result<(), StateError> {
        if state.format != STATE_FORMAT {
            return Err(StateError::Format(state.format.clone()));
        }
        if state.model.hash != Of::model(self.model()).hash {
            return Err(StateError::Model(state.model.trained.clone()));
        }
        let watched = Monitor::restored(state.watch).ok_or(StateError::Invalid("watch"))?;
        let figures = [
            ("share", (0.0..=1.0).contains(&state.share)),
            ("by_model", state.by_model.is_finite()),
            ("by_rule", state.by_rule.is_finite()),
            ("correction", state.correction.is_sound()),
            ("rule", state.rule.is_sound()),
        ];
        if let Some((field, _)) = figures.iter().find(|(_, sound)| !sound) {
            return Err(StateError::Invalid(field));
        }
        let mut monitor = self.monitor.lock().unwrap_or_else(PoisonError::into_inner);
        *monitor = watched;
        self.stands
            .store(state.watch.by == By::Model, Ordering::Relaxed);
        self.correction.restore(&state.correction);
        self.rule.restore(&state.rule);
        if (state.share - self.by_model.share()).abs() <= NEAR {
            self.by_model.set_threshold(state.by_model);
            self.by_rule.set_threshold(state.by_rule);
        }
        Ok(())
    }
}

impl Of {
    fn model(model: &Model) -> Self {
        let mut hasher = Fnv::new();
        hasher.write(model.to_json().as_bytes());
        Self {
            hash: format!("{:016x}", hasher.finish()),
            trained: model.header().trained.date.clone(),
        }
    }
}
