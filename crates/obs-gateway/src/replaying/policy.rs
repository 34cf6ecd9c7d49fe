//! What decides in a replay.
use std::sync::Arc;

use obs_core::CallContext;
use obs_replay::{
    Ask,
    log::{ByModel, ByRecord},
};
use obs_router::{Complexity, Decision, Policy as Decides, Route, Sticky};

use super::layers;
use crate::{
    build::BuildError,
    outcomes::learned,
    routing::Staying,
    settings::{Policy, Settings},
};

/// The policy of the settings, where a log may have no prompts.
#[derive(Debug)]
pub(super) enum Replaying {
    Recorded(ByRecord<Staying>),
    Model(ByModel),
    Sticky(Sticky<ByModel>),
}

impl Decides<Ask> for Replaying {
    fn decide(&self, ask: &Ask, context: &CallContext) -> Decision {
        match self {
            Self::Recorded(policy) => policy.decide(ask, context),
            Self::Model(policy) => policy.decide(ask, context),
            Self::Sticky(policy) => policy.decide(ask, context),
        }
    }
}

/// Whether it decides by the features of a prompt where that is not in the log.
pub(super) fn reads_features(settings: &Settings) -> bool {
    settings.router.policy == Policy::Learned
}

/// The model of a learned policy, as the gateway begins with it.
pub(super) fn model(settings: &Settings) -> Result<Option<ByModel>, BuildError> {
    if settings.router.policy == Policy::ExpectedCost {
        let message =
            "router.policy: expected-cost is not replayed: try another with --router-policy";
        return Err(BuildError::new(message.into()));
    }
    if !reads_features(settings) {
        return Ok(None);
    }
    let mut here = layers::routes(settings);
    let Some(cheap) = here.next() else {
        return Ok(None);
    };
    let premium = here.last().unwrap_or(cheap);
    let (online, allowance) = learned::online(settings)?;
    let threshold = threshold(settings);
    let rules = Complexity::new().threshold(threshold);
    let model = ByModel::new(Arc::new(online), rules, threshold);
    Ok(Some(match allowance {
        Some(allowance) => model.spending(allowance, cheap.name.clone(), premium.name.clone()),
        None => model,
    }))
}

/// What decides, around the policy that the gateway would have.
pub(super) fn around(settings: &Settings, staying: Staying, model: Option<ByModel>) -> Replaying {
    match (model, settings.router.policy) {
        (Some(model), _) if settings.router.sticky => {
            let routes = layers::routes(settings);
            let routes: Vec<_> = routes
                .map(|of| Route::new(of.name.clone()).model(of.model.clone()))
                .collect();
            Replaying::Sticky(Sticky::new(model, &routes))
        }
        (Some(model), _) => Replaying::Model(model),
        (None, Policy::Default | Policy::Weighted) => {
            Replaying::Recorded(ByRecord::unread(staying))
        }
        (None, _) => Replaying::Recorded(ByRecord::new(staying, threshold(settings))),
    }
}

/// A share that was checked; as a float of half the size it is one still.
fn threshold(settings: &Settings) -> f32 {
    (settings.router.threshold as f32).clamp(0.0, 1.0)
}
