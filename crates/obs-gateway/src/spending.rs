//! What may be spent: by all callers together, by each of them, and for comparisons.
use obs_budget::{Budget, Budgets, Window};
use obs_core::{Background, Call};
use obs_metrics::Metrics;
use obs_redis::Redis;
use obs_router::Budgeted;

use crate::{clock::WallClock, settings::Settings};

/// The one name of a budget that all share.
pub(crate) const ALL: &str = "all";

/// What may be spent, and by whom.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spending {
    /// By all together.
    all: Option<Budgets>,
    /// By each tenant.
    tenants: Option<Budgets>,
    /// For comparisons of routes.
    shadows: Option<Budgets>,
    /// The share from which on calls become cheap.
    degrade_from: f64,
}

/// Of each kind, what may be spent; none: as much as one likes.
#[derive(Clone, Debug)]
struct Limits {
    all: Vec<Budget>,
    tenants: Vec<Budget>,
    shadows: Vec<Budget>,
}

impl Limits {
    fn of(settings: &Settings) -> Self {
        let of = &settings.budget;
        let limit = |amount: Option<_>, window| amount.map(|usd| Budget::dollars(usd, window));
        let hour = limit(of.usd_per_hour, Window::HOUR);
        let day = limit(of.usd_per_day, Window::DAY);
        let tenant = limit(of.tenant_usd_per_hour, Window::HOUR);
        let compares = settings.router.shadow_share > 0.0;
        let shadow = limit(compares.then_some(of.shadow_usd_per_day), Window::DAY);
        Self {
            all: hour.into_iter().chain(day).collect(),
            tenants: tenant.into_iter().collect(),
            shadows: shadow.into_iter().collect(),
        }
    }
}

impl Spending {
    /// Shared with other gateways where there is a Redis. What was spent before, where that is known, stays spent: its limits are
    /// those of before until it [settles](Self::settle).
    pub(crate) fn new(
        settings: &Settings,
        metrics: &Metrics,
        clock: &WallClock,
        redis: Option<&Redis>,
        background: &Background,
        before: Option<&Self>,
    ) -> Self {
        let budgets = |scope, limits: Vec<Budget>, before: Option<&Option<Budgets>>| {
            if limits.is_empty() {
                return None;
            }
            if let Some(Some(before)) = before {
                return Some(before.clone());
            }
            let clock = clock.clone();
            let budgets = Budgets::builder(scope, limits)
                .clock(move || clock.now())
                .metrics(metrics.clone());
            let budgets = match redis {
                Some(redis) => budgets.shared(redis.clone(), background.clone()),
                None => budgets,
            };
            // What nobody asked for is the operator's.
            Some(if scope == "tenant" {
                budgets.build()
            } else {
                budgets.with_shadows().build()
            })
        };
        let Limits {
            all,
            tenants,
            shadows,
        } = Limits::of(settings);
        Self {
            all: budgets(ALL, all, before.map(|of| &of.all)),
            tenants: budgets("tenant", tenants, before.map(|of| &of.tenants)),
            shadows: budgets("shadow", shadows, before.map(|of| &of.shadows)),
            degrade_from: settings.budget.degrade_from,
        }
    }

    /// Of one process alone, for a replay.
    pub(crate) fn alone(settings: &Settings, clock: &WallClock) -> Self {
        // With nobody to share with there is nothing to do in the background.
        let (quiet, background) = (Metrics::disabled(), Background::new(1));
        Self::new(settings, &quiet, clock, None, &background, None)
    }

    /// These settings are in force: their limits hold from now on, also for calls under way.
    pub(crate) fn settle(&self, settings: &Settings) {
        let of = Limits::of(settings);
        let all = [
            (&self.all, of.all),
            (&self.tenants, of.tenants),
            (&self.shadows, of.shadows),
        ];
        for (budgets, limits) in all {
            if let Some(budgets) = budgets {
                budgets.limit_all(limits);
            }
        }
    }

    /// Calls become cheap as money runs out.
    pub(crate) fn around<P>(&self, policy: P) -> Budgeted<P> {
        let mut policy = Budgeted::new(policy);
        // A share of zero: only when nothing is left.
        policy = policy.from(self.degrade_from.max(1e-6));
        if let Some(all) = &self.all {
            policy = policy.budget(all.clone(), |_| Some(ALL));
        }
        if let Some(tenants) = &self.tenants {
            policy = policy.budget(tenants.clone(), |context| context.tenant.as_deref());
        }
        policy
    }

    /// Lets a call pay, whoever chose its route.
    pub(crate) fn charge<R>(&self, call: &Call<R>) {
        let journal = &call.context.journal;
        if let Some(all) = &self.all {
            journal.listen(&all.payer(ALL));
        }
        if let (Some(tenants), Some(tenant)) = (&self.tenants, &call.context.tenant) {
            journal.listen(&tenants.payer(tenant));
        }
    }

    /// Whether both look at budgets of the same kinds in the same way, whatever their amounts: so may a policy around which they stand.
    pub(crate) fn is_like(&self, settings: &Settings) -> bool {
        let of = Limits::of(settings);
        self.all.is_some() != of.all.is_empty()
            && self.tenants.is_some() != of.tenants.is_empty()
            && self.degrade_from == settings.budget.degrade_from
    }

    /// Whether anybody pays.
    pub(crate) fn is_bounded(&self) -> bool {
        self.all.is_some() || self.tenants.is_some()
    }

    /// What comparisons may cost; `None`: none are made.
    pub(crate) fn shadows(&self) -> Option<&Budgets> {
        self.shadows.as_ref()
    }
}
