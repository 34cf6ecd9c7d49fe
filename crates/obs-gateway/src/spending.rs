//! What may be spent: by all callers together, by each of them, and for comparisons.
use obs_apm::Telemetry;
use obs_budget::{Budget, Budgets, Window};
use obs_core::{Background, Call};
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

impl Spending {
    /// Shared with other gateways where there is a Redis.
    pub(crate) fn new(
        settings: &Settings,
        telemetry: &Telemetry,
        clock: &WallClock,
        redis: Option<&Redis>,
        background: &Background,
    ) -> Self {
        let of = &settings.budget;
        let budgets = |scope, limits: Vec<Budget>| {
            if limits.is_empty() {
                return None;
            }
            let clock = clock.clone();
            let budgets = Budgets::builder(scope, limits)
                .clock(move || clock.now())
                .metrics(telemetry.metrics());
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
        let limit = |amount: Option<_>, window| amount.map(|usd| Budget::dollars(usd, window));
        let hour = limit(of.usd_per_hour, Window::HOUR);
        let day = limit(of.usd_per_day, Window::DAY);
        let tenant = limit(of.tenant_usd_per_hour, Window::HOUR);
        let compares = settings.router.shadow_share > 0.0;
        let shadow = limit(compares.then_some(of.shadow_usd_per_day), Window::DAY);
        Self {
            all: budgets(ALL, hour.into_iter().chain(day).collect()),
            tenants: budgets("tenant", tenant.into_iter().collect()),
            shadows: budgets("shadow", shadow.into_iter().collect()),
            degrade_from: of.degrade_from,
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

    /// Whether anybody pays.
    pub(crate) fn is_bounded(&self) -> bool {
        self.all.is_some() || self.tenants.is_some()
    }

    /// What comparisons may cost; `None`: none are made.
    pub(crate) fn shadows(&self) -> Option<&Budgets> {
        self.shadows.as_ref()
    }
}
