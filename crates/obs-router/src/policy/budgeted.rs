//! Calls become cheap as a budget runs out.
use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use obs_budget::Budgets;
use obs_core::CallContext;

use crate::{Decision, Explanation, Policy, Reason, Target};

/// One.
const WHOLE: u64 = 1 << 32;

/// Sends more and more calls to the cheapest route as a budget runs out.
///
/// While more than a [share](Self::from) of each budget is left, a quarter unless told, the policy inside decides. From there on, of the calls that
/// it wants elsewhere than on the cheapest route, only so many go there: all at that share, half at half of it, none when nothing is
/// left. The others take the cheapest route, with the reason [`Budget`](Reason::Budget), and their answers are not
/// [judged](crate::Judge), nor is any when nothing is left: a bad one would go on to where there is no money for it. No call is refused
/// here: who wants that asks [`Budgets::admit`].
///
/// Each call that is decided here charges the budgets with what its attempts cost. Calls that a caller routed by name are not decided
/// here: who [obeys names](crate::RouterLayer::obey_names) lets their journals hear [`Budgets::payer`], too. A call is charged
/// once, whoever tells its journal.
pub struct Budgeted<P> {
    policy: P,
    purses: Vec<(Budgets, NameOf)>,
    from: f64,
    cheap: Target,
    /// What is saved up for the next call that may go where it wants, in parts of [`WHOLE`].
    due: AtomicU64,
}

/// Whose budget a call is charged to; `None`: nobody's.
type NameOf = for<'a> fn(&'a CallContext) -> Option<&'a str>;

impl<P> Budgeted<P> {
    /// Around this policy, without any budget yet.
    #[must_use]
    pub fn new(policy: P) -> Self {
        Self {
            policy,
            purses: Vec::new(),
            from: 0.25,
            cheap: Target::First,
            due: AtomicU64::new(0),
        }
    }

    /// Looks at the budget of this name, too: `|_| Some("all")` for one that all calls share, `|context|
    /// context.tenant.as_deref()` for one of each tenant.
    #[must_use]
    pub fn budget(mut self, budgets: Budgets, name: NameOf) -> Self {
        self.purses.push((budgets, name));
        self
    }

    /// Which share of a budget has to be left for the policy to decide all calls.
    ///
    /// # Panics
    ///
    /// If it is not more than 0 and at most 1.
    #[must_use]
    pub fn from(mut self, share: f64) -> Self {
        assert!(
            share > 0.0 && share <= 1.0,
            "the share is {share}, and has to be more than 0 and at most 1"
        );
        self.from = share;
        self
    }

    /// The cheapest route, in place of the first.
    #[must_use]
    pub fn cheap(mut self, route: impl Into<Target>) -> Self {
        self.cheap = route.into();
        self
    }

    /// Which part of the calls may go where they want, and the least share that is left.
    fn allowed(&self, context: &CallContext) -> (f64, f64) {
        let left = self.purses.iter().filter_map(|(budgets, name)| {
            let name = name(context)?;
            Some(budgets.left(name).share)
        });
        let least = left.fold(1.0, f64::min);
        ((least / self.from).clamp(0.0, 1.0), least)
    }

    /// Evenly: of ten calls with a part of 0.3, every third or fourth one.
    fn passes(&self, part: f64) -> bool {
        if part >= 1.0 {
            return true;
        }
        let step = (part * WHOLE as f64) as u64;
        let before = self.due.fetch_add(step, Relaxed);
        (before % WHOLE) + step >= WHOLE
    }
}

impl<R, P: Policy<R>> Policy<R> for Budgeted<P> {
    fn decide(&self, request: &R, context: &CallContext) -> Decision {
        for (budgets, name) in &self.purses {
            if let Some(name) = name(context) {
                context.journal.listen(&budgets.payer(name));
            }
        }
        let wanted = self.policy.decide(request, context);
        let (allowed, _) = self.allowed(context);
        if *wanted.target() == self.cheap {
            return if allowed > 0.0 {
                wanted
            } else {
                wanted.unjudged()
            };
        }
        if self.passes(allowed) {
            return wanted;
        }
        let score = wanted.difficulty();
        let cheap = Decision::new(self.cheap.clone(), Reason::Budget).unjudged();
        match score {
            Some(score) => cheap.score(score),
            None => cheap,
        }
    }

    fn explain(&self, request: &R, context: &CallContext) -> Option<Explanation> {
        let inner = self.policy.explain(request, context);
        if self.purses.is_empty() {
            return inner;
        }
        let (allowed, least) = self.allowed(context);
        let told = Explanation::of("budget").part("left", least as f32, allowed as f32);
        Some(told.around(inner))
    }
}

impl<P: fmt::Debug> fmt::Debug for Budgeted<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Budgeted")
            .field("policy", &self.policy)
            .field("from", &self.from)
            .field("budgets", &self.purses.len())
            .finish_non_exhaustive()
    }
}
