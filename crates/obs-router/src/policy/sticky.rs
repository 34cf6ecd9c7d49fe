//! A conversation stays where it is, while that is worth more.
use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use obs_core::{Attempt, AttemptListener, Baseline, CallContext, Outcome, Purpose, Usage, Usd};
use quick_cache::sync::Cache;
use tokio::time::Instant;

use crate::{Decision, Explanation, Policy, Reason, Route, Target};

/// How many conversations are remembered by default.
const SESSIONS: usize = 10_000;

/// For how long providers keep a prompt, for the most part.
const IDLE: Duration = Duration::from_secs(300);

/// Keeps a conversation on its route while the provider's prompt cache there is worth more than a switch.
///
/// Providers charge less for the part of a prompt that they have read before, and on another route all of it is new. What a turn costs
/// is taken from the last one of the same session: its usage, cached part included, at the prices of its route (`stay`), and the
/// same usage without anything cached at the prices of the route that the policy inside wants (`go`). A turn that is to go
///
/// - to a **cheaper** route (one before it) goes where `go < stay`: a discount that does not pay for reading everything again is none;
/// - to a **better** route goes, unless it is told [what a better answer is worth](Self::worth): then where
///   `go - stay <= worth * score` of the decision.
///
/// Where a price or the usage is not known, it stays on a dearer route and goes to a better one. What stays has the reason
/// [`Sticky`](Reason::Sticky). The first turn, a turn after a [pause](Self::idle) in which caches run out, and calls without a session are the
/// policy's. A session belongs to its tenant.
///
/// It knows of attempts and prices by [`AttemptLayer`](obs_core::AttemptLayer) alone. Remembered are a bounded number of
/// sessions, in this process: gateways that share sessions should be given the same ones.
pub struct Sticky<P> {
    policy: P,
    routes: Arc<[Place]>,
    sessions: Cache<Name, Arc<Session>>,
    idle: Duration,
    worth: Option<Usd>,
}

/// A route by its name and its model.
#[derive(Debug)]
struct Place {
    name: Arc<str>,
    model: Option<Arc<str>>,
}

/// The tenant and the session.
type Name = (Option<Arc<str>>, Arc<str>);

/// One conversation. It hears of its attempts.
struct Session {
    routes: Arc<[Place]>,
    last: Mutex<Option<Turn>>,
}

/// The last turn that was answered.
#[derive(Clone, Debug)]
struct Turn {
    route: usize,
    ended: Instant,
    usage: Option<Usage>,
    /// What it cost where it was.
    stay: Option<Usd>,
    /// What it would cost on each route, with nothing in its cache.
    go: Box<[Option<Usd>]>,
}

impl<P> Sticky<P> {
    /// Around this policy, for these routes: those of the layer, in the same order.
    #[must_use]
    pub fn new<'a>(policy: P, routes: impl IntoIterator<Item = &'a Route>) -> Self {
        let routes = routes.into_iter().map(|route| Place {
            name: route.name.clone(),
            model: route.model.clone(),
        });
        Self {
            policy,
            routes: routes.collect(),
            sessions: Cache::new(SESSIONS),
            idle: IDLE,
            worth: None,
        }
    }

    /// How many conversations are remembered: 10 000 unless told. Those that were not heard of for long are forgotten first.
    ///
    /// # Panics
    ///
    /// With zero.
    #[must_use]
    pub fn sessions(mut self, most: usize) -> Self {
        assert!(most > 0, "one session at least has to be remembered");
        self.sessions = Cache::new(most);
        self
    }

    /// After how long without a turn a conversation is free to go: when its prompt has left the provider's cache. 5 minutes unless told.
    #[must_use]
    pub fn idle(mut self, time: Duration) -> Self {
        self.idle = time;
        self
    }

    /// What a good answer is worth in place of a bad one, for turns that the policy wants on a better route. Unset: any price.
    #[must_use]
    pub fn worth(mut self, worth: Usd) -> Self {
        self.worth = Some(worth);
        self
    }

    /// The policy inside.
    #[must_use]
    pub const fn get_ref(&self) -> &P {
        &self.policy
    }

    fn session(&self, context: &CallContext) -> Option<Arc<Session>> {
        let name = (context.tenant.clone(), context.session.clone()?);
        if let Some(session) = self.sessions.get(&name) {
            return Some(session);
        }
        let session = Arc::new(Session {
            routes: self.routes.clone(),
            last: Mutex::default(),
        });
        // Of two that come at a time, one is remembered.
        self.sessions.insert(name, session.clone());
        Some(session)
    }

    /// The first and the last one are those that the call may take.
    fn place(&self, target: &Target, context: &CallContext) -> Option<usize> {
        let may_take = |of: &Place| context.may_take(&of.name);
        match target {
            Target::First => self.routes.iter().position(may_take),
            Target::Last => self.routes.iter().rposition(may_take),
            Target::Named(name) => self.routes.iter().position(|of| *of.name == **name),
            Target::Default => None,
        }
    }

    /// Whether a turn that was there stays there.
    fn stays(&self, last: &Turn, to: usize, score: f32) -> bool {
        let price = last.go.get(to).copied().flatten();
        match (price.zip(last.stay), self.worth) {
            (Some((go, stay)), _) if to < last.route => go >= stay,
            (None, _) => to < last.route,
            (Some(_), None) => false,
            (Some((go, stay)), Some(worth)) => {
                let gain = worth.pico() as f64 * f64::from(score);
                (go - stay).pico() as f64 > gain
            }
        }
    }
}

impl<R, P: Policy<R>> Policy<R> for Sticky<P> {
    fn decide(&self, request: &R, context: &CallContext) -> Decision {
        let wanted = self.policy.decide(request, context);
        let Some(session) = self.session(context) else {
            return wanted;
        };
        let last = session.turn(self.idle);
        context
            .journal
            .listen(&(session as Arc<dyn AttemptListener>));
        let (Some(last), Some(to)) = (last, self.place(wanted.target(), context)) else {
            return wanted;
        };
        // Another key may have had it there.
        if !context.may_take(&self.routes[last.route].name) {
            return wanted;
        }
        let score = wanted.difficulty();
        if last.route == to || !self.stays(&last, to, score.unwrap_or(1.0)) {
            return wanted;
        }
        let target = match last.route {
            at if context.allowed.is_some() => Target::from(self.routes[at].name.to_string()),
            0 => Target::First,
            at if at + 1 == self.routes.len() => Target::Last,
            at => Target::from(self.routes[at].name.to_string()),
        };
        let stays = Decision::new(target, Reason::Sticky);
        // What need not be judged on a cheaper route need not be on a better one.
        let stays = if wanted.is_judged() || to > last.route {
            stays
        } else {
            stays.unjudged()
        };
        match score {
            Some(score) => stays.score(score),
            None => stays,
        }
    }

    fn explain(&self, request: &R, context: &CallContext) -> Option<Explanation> {
        let inner = self.policy.explain(request, context);
        let Some(session) = context.session.clone() else {
            return inner;
        };
        let mut told = Explanation::of("sticky").around(inner);
        let name = (context.tenant.clone(), session);
        if let Some(last) = self.sessions.get(&name).and_then(|of| of.turn(self.idle)) {
            let share = last.usage.filter(|usage| usage.input > 0);
            let share = share.map(|usage| usage.cached_input as f32 / usage.input as f32);
            let dollars = |cost: Option<Usd>| cost.map(|usd| usd.as_dollars_f64() as f32);
            if let (Some(share), Some(stay)) = (share, dollars(last.stay)) {
                told = told
                    .part("cached_share", share, 0.0)
                    .part("stay", 1.0, stay);
            }
            for (place, go) in self.routes.iter().zip(&last.go) {
                if let Some(go) = dollars(*go) {
                    told = told.part(format!("go_{}", place.name), 1.0, go);
                }
            }
        }
        Some(told)
    }
}

impl Session {
    /// The last turn, if it is not too long ago.
    fn turn(&self, idle: Duration) -> Option<Turn> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let recent = |turn: &&Turn| turn.ended.elapsed() < idle;
        last.as_ref().filter(recent).cloned()
    }
}

impl AttemptListener for Session {
    fn ended(&self, attempt: &Attempt) {
        let aside = matches!(
            attempt.purpose,
            Purpose::Judge | Purpose::Shadow | Purpose::Refresh
        );
        if aside || attempt.outcome != Some(Outcome::Answered) {
            return;
        }
        let name = attempt.route.as_deref();
        let Some(route) = self.routes.iter().position(|of| Some(&*of.name) == name) else {
            return;
        };
        let mut anew = attempt.clone();
        if let Some(usage) = &mut anew.usage {
            usage.cached_input = 0;
        }
        let go = self.routes.iter().map(|place| {
            anew.cost_with(&Baseline {
                route: place.name.clone(),
                model: place.model.clone(),
            })
        });
        let turn = Turn {
            route,
            ended: Instant::now(),
            usage: attempt.usage,
            stay: attempt.cost,
            go: go.collect(),
        };
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(turn);
    }
}

impl<P: fmt::Debug> fmt::Debug for Sticky<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sticky")
            .field("policy", &self.policy)
            .field("routes", &self.routes)
            .field("sessions", &self.sessions.len())
            .finish_non_exhaustive()
    }
}
