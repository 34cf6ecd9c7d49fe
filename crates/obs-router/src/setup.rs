//! What the services of a layer know, checked.
use std::{sync::Arc, time::Duration};

use obs_core::{Baseline, CallContext, Commit, Deadline};

use crate::{InvalidRoutes, MAX_ROUTES, OTHER, Route, Target, commit::later};

/// Routes that go together, with their fallbacks by place.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    routes: Arc<[Route]>,
    fallbacks: Arc<[Box<[usize]>]>,
}

/// All that a service shares with its clones.
pub(crate) struct Setup<P, J> {
    pub(crate) policy: Arc<P>,
    pub(crate) judge: Arc<J>,
    pub(crate) routes: Table,
    pub(crate) default: usize,
    pub(crate) baseline: usize,
    pub(crate) commit: Commit,
    pub(crate) auto: Option<Arc<str>>,
    pub(crate) retries: crate::retries::Shared,
    pub(crate) chance: crate::chance::Chance,
    pub(crate) counts: crate::ledger::Counts,
}

impl Table {
    pub(crate) fn new(routes: Vec<Route>) -> Result<Self, InvalidRoutes> {
        if routes.is_empty() {
            return Err(InvalidRoutes::Empty);
        }
        if routes.len() > MAX_ROUTES {
            return Err(InvalidRoutes::TooMany(routes.len()));
        }
        for (at, route) in routes.iter().enumerate() {
            let name = &route.name;
            if name.is_empty() {
                return Err(InvalidRoutes::Unnamed);
            }
            if **name == *OTHER {
                return Err(InvalidRoutes::Reserved);
            }
            if routes[..at].iter().any(|before| before.name == *name) {
                return Err(InvalidRoutes::Duplicate(name.clone()));
            }
            if route.limit.is_some_and(|limit| limit.is_zero()) {
                return Err(InvalidRoutes::ZeroLimit(name.clone()));
            }
            if route.weight == Some(0) {
                return Err(InvalidRoutes::ZeroWeight(name.clone()));
            }
        }
        let fallbacks = routes.iter().map(|route| {
            let place = |name: &Arc<str>| {
                let other = |r: &Route| r.name == *name && r.name != route.name;
                let invalid = || InvalidRoutes::Fallback(route.name.clone(), name.clone());
                routes.iter().position(other).ok_or_else(invalid)
            };
            route.fallback.iter().map(place).collect()
        });
        let fallbacks = fallbacks.collect::<Result<_, _>>()?;
        Ok(Self {
            routes: routes.into(),
            fallbacks,
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.routes.len()
    }

    pub(crate) fn get(&self, at: usize) -> Option<&Route> {
        self.routes.get(at)
    }

    /// The name of that route, or that of what passes through.
    pub(crate) fn name(&self, at: usize) -> Arc<str> {
        self.get(at)
            .map_or_else(|| OTHER.into(), |route| route.name.clone())
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.routes.iter().map(|route| &route.name)
    }

    pub(crate) fn named(&self, name: &str) -> Option<usize> {
        self.names().position(|of| **of == *name)
    }

    /// By the name of a route, or by that of a model.
    pub(crate) fn asked_for(&self, name: &str) -> Option<usize> {
        let of_model = |route: &Route| route.model.as_deref() == Some(name);
        self.named(name)
            .or_else(|| self.routes.iter().position(of_model))
    }

    /// The routes that a call may take, as bits.
    pub(crate) fn allowed(&self, context: &CallContext) -> u64 {
        if context.allowed.is_none() {
            return u64::MAX >> (u64::BITS as usize - self.len());
        }
        let places = self.names().enumerate();
        let may_take = places.filter(|(_, name)| context.may_take(name));
        may_take.fold(0, |bits, (at, _)| bits | 1 << at)
    }

    /// The first and the last one are those that the call may take. `None`: there is no such route.
    pub(crate) fn place(&self, target: &Target, default: usize, allowed: u64) -> Option<usize> {
        let at = match target {
            Target::First => 0,
            Target::Last => self.len() - 1,
            Target::Default => default,
            Target::Named(name) => self.named(name)?,
        };
        nearest(at, allowed)
    }

    /// Where calls go that have named this route, when it fails.
    pub(crate) fn fallback(&self, at: usize) -> &[usize] {
        &self.fallbacks[at]
    }

    pub(crate) fn same_model(&self, a: usize, b: usize) -> bool {
        self.routes[a].model == self.routes[b].model
    }

    /// Whether a prompt that was too long for one is known to have more room in the other.
    pub(crate) fn has_more_room(&self, than: usize, at: usize) -> bool {
        match (self.routes[than].context, self.routes[at].context) {
            (Some(than), Some(room)) => room > than,
            _ => false,
        }
    }

    pub(crate) fn window(&self, at: usize) -> Option<u64> {
        self.get(at)?.context
    }

    /// Whether its model goes on with the beginning of an answer.
    pub(crate) fn prefills(&self, at: usize) -> bool {
        self.get(at).is_some_and(|route| route.prefill)
    }

    pub(crate) fn weight(&self, at: usize) -> Option<u32> {
        self.get(at)?.weight
    }

    /// What would have been paid on that route.
    pub(crate) fn baseline(&self, at: usize, asked: &str) -> Baseline {
        let route = &self.routes[at];
        Baseline {
            route: route.name.clone(),
            model: Some(route.model.clone().unwrap_or_else(|| asked.into())),
        }
    }

    /// Until when an attempt must have come to its commit point: the route's share of the time that the call has left.
    pub(crate) fn share(&self, at: usize, whole: &Deadline, among: u32) -> Deadline {
        let share = whole.remaining().map(|left| left / among.max(1));
        let own = self.get(at).and_then(|route| route.limit);
        let limit = match (share.filter(|_| among > 1), own) {
            (Some(share), Some(own)) => Some(share.min(own)),
            (share, own) => share.or(own),
        };
        match limit {
            Some(limit) => whole.clone().within(limit, Duration::ZERO),
            None => whole.clone(),
        }
    }
}

impl<P, J> Setup<P, J> {
    /// The later one of what is set and what the judge must see.
    pub(crate) const fn commit(&self, judge: Commit) -> Commit {
        later(self.commit, judge)
    }
}

/// That route, where it is allowed, or else the next better one that is, or else the best one. `None`: none is.
pub(crate) fn nearest(at: usize, allowed: u64) -> Option<usize> {
    let better = allowed & (u64::MAX << at);
    match (better, allowed) {
        (_, 0) => None,
        (0, worse) => Some(worse.ilog2() as usize),
        (better, _) => Some(better.trailing_zeros() as usize),
    }
}
