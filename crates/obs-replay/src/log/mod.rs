//! Logs of calls, and what they come to when they are replayed.
mod about;
mod arrivals;
mod by_model;
mod by_money;
mod first_tokens;
mod judging;
mod latency;
mod memory;
mod questions;
mod recorded;
mod replayed;
mod report;
mod survey;

use std::{io, path::PathBuf, sync::Arc};

use obs_learn::FEATURES;

pub use self::{
    by_model::ByModel,
    by_money::ByMoney,
    judging::{Judged, Judging},
    recorded::{By, ByRecord, recorded},
    replayed::{ByRoute, Hedged, Moment, Quality, Replayed},
    report::{Report, Sweep, Tried},
    survey::{Facts, ModelledRoute, Survey},
};

/// A log, and the routes that its calls are replayed on.
#[derive(Clone, Debug)]
pub struct Log {
    path: PathBuf,
    /// Names and models.
    routes: Vec<(Arc<str>, Arc<str>)>,
    auto: Option<Arc<str>>,
    by_features: bool,
}

/// A log that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// Its files.
    #[error(transparent)]
    Read(#[from] obs_ledger::ReadError),
    /// There is nothing in it.
    #[error("{}: there is no call in it that could be replayed", .0.display())]
    Empty(PathBuf),
    /// It cannot be read twice.
    #[error("a log is read twice, so it has to be a file: standard input is none")]
    Stream,
    /// No thread could be made ready.
    #[error("a replay cannot begin: {0}")]
    Runtime(#[from] io::Error),
}

impl Log {
    /// The log at this place, on routes of these names and models, the cheapest first.
    pub fn new<N: Into<Arc<str>>, M: Into<Arc<str>>>(
        path: impl Into<PathBuf>,
        routes: impl IntoIterator<Item = (N, M)>,
    ) -> Self {
        let routes = routes.into_iter();
        Self {
            path: path.into(),
            routes: routes
                .map(|(name, model)| (name.into(), model.into()))
                .collect(),
            auto: None,
            by_features: false,
        }
    }

    /// As if every caller had asked for this model, which leaves the choice to the policy.
    #[must_use]
    pub fn asking_for(mut self, auto: impl Into<Arc<str>>) -> Self {
        self.auto = Some(auto.into());
        self
    }

    /// For a policy that decides by the features of a prompt where that is not in the log: [`ByModel`].
    #[must_use]
    pub const fn by_features(mut self) -> Self {
        self.by_features = true;
        self
    }

    /// What such a policy reads of a call.
    fn features(&self, entry: &obs_ledger::Entry) -> Option<[f32; FEATURES]> {
        let prompt = entry.prompt.as_ref().filter(|_| self.by_features)?;
        prompt.features[..].try_into().ok()
    }

    /// Which of the routes a recorded attempt was on: that of its route's name, or else of its model's.
    fn route_of(&self, attempt: &obs_ledger::Attempt) -> Option<usize> {
        let named = |name: &Arc<str>| self.routes.iter().position(|(of, _)| of == name);
        let model = |model: &Arc<str>| self.routes.iter().position(|(_, of)| of == model);
        let by_name = attempt.route.as_ref().and_then(named);
        by_name
            .or_else(|| model(&attempt.asked))
            .or_else(|| attempt.answered.as_ref().and_then(model))
    }
}
