//! What decides in a replay.
use std::sync::Arc;

use obs_core::{CallContext, PriceTable};
use obs_replay::{
    Ask,
    log::{ByModel, ByMoney, ByRecord},
};
use obs_router::{Complexity, Decision, Policy as Decides, Route, Sticky};

use super::layers;
use crate::{
    build_error::BuildError,
    outcomes::{learned, money},
    routing::Staying,
    settings::{Policy, Settings},
};

/// The policy of the settings, where a log may have no prompts.
#[derive(Debug)]
pub(super) enum Replaying {
    Recorded(ByRecord<Staying>),
    Free(Deciding),
    Sticky(Sticky<Deciding>),
}

/// What decides by a model.
#[derive(Debug)]
pub(super) enum Deciding {
    Model(ByModel),
    Money(Box<ByMoney>),
}

impl Decides<Ask> for Deciding {
    fn decide(&self, ask: &Ask, context: &CallContext) -> Decision {
        match self {
            Self::Model(policy) => policy.decide(ask, context),
            Self::Money(policy) => policy.decide(ask, context),
        }
    }
}

impl Decides<Ask> for Replaying {
    fn decide(&self, ask: &Ask, context: &CallContext) -> Decision {
        match self {
            Self::Recorded(policy) => policy.decide(ask, context),
            Self::Free(policy) => policy.decide(ask, context),
            Self::Sticky(policy) => policy.decide(ask, context),
        }
    }
}

/// Whether it decides by the features of a prompt where that is not in the log.
pub(super) fn reads_features(settings: &Settings) -> bool {
    settings.router.policy.learns()
}

/// The model of a learned policy, as the gateway begins with it.
pub(super) fn model(settings: &Settings) -> Result<Option<ByModel>, BuildError> {
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
    let mut model = ByModel::new(Arc::new(online), rules, threshold);
    if learned::keeps_wish(settings) {
        model = model.otherwise_by_length();
    }
    Ok(Some(match allowance {
        Some(allowance) => model.spending(allowance, cheap.name.clone(), premium.name.clone()),
        None => model,
    }))
}

/// What decides, around the policy that the gateway would have.
pub(super) fn around(
    settings: &Settings,
    prices: &PriceTable,
    staying: Staying,
    model: Option<ByModel>,
) -> Replaying {
    let of = &settings.router;
    let Some(model) = model else {
        return Replaying::Recorded(match of.policy {
            Policy::Default | Policy::Weighted => ByRecord::unread(staying),
            _ => ByRecord::new(staying, threshold(settings)),
        });
    };
    let routes = layers::routes(settings);
    let routes = routes.map(|of| Route::new(of.name.clone()).model(of.model.clone()));
    let routes: Vec<_> = routes.collect();
    let worth = of
        .answer_worth
        .filter(|_| of.policy == Policy::ExpectedCost);
    let deciding = match worth {
        Some(worth) => {
            let gains = learned::gains(model.online());
            let policy = ByMoney::new(model, gains, &routes, prices, worth);
            Deciding::Money(Box::new(match money::discernment(of) {
                Some(judge) => policy.judged(judge),
                None => policy,
            }))
        }
        None => Deciding::Model(model),
    };
    if !of.sticky {
        return Replaying::Free(deciding);
    }
    let sticky = Sticky::new(deciding, &routes);
    Replaying::Sticky(match worth {
        Some(worth) => sticky.worth(worth),
        None => sticky,
    })
}

/// A share that was checked; as a float of half the size it is one still.
fn threshold(settings: &Settings) -> f32 {
    (settings.router.threshold as f32).clamp(0.0, 1.0)
}
