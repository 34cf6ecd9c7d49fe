//! What may be spent.
use super::{Scalar, parse, put, scalar, unset};

pub(super) const SCALARS: [Scalar; 5] = [
    unset(
        "budget.usd_per_hour",
        "Dollars an hour, from one full hour to the next, for all callers together, such as 12.50: `auto` goes to the first route \
         more and more as they run out; unset: no matter",
        |s, v| put(&mut s.budget.usd_per_hour, parse::dollars(v).map(Some)),
    ),
    unset(
        "budget.usd_per_day",
        "The same for a day, in UTC",
        |s, v| put(&mut s.budget.usd_per_day, parse::dollars(v).map(Some)),
    ),
    unset(
        "budget.tenant_usd_per_hour",
        "The same for an hour of each tenant",
        |s, v| {
            put(
                &mut s.budget.tenant_usd_per_hour,
                parse::dollars(v).map(Some),
            )
        },
    ),
    scalar(
        "budget.degrade_from",
        "0.25",
        "What of a budget is left when `auto` begins to go to the first route, 0 to 1; with 0 only when nothing is",
        |s, v| put(&mut s.budget.degrade_from, parse::share(v)),
    ),
    scalar(
        "budget.shadow_usd_per_day",
        "1",
        "Dollars a day for comparisons of routes, see router.shadow_share",
        |s, v| put(&mut s.budget.shadow_usd_per_day, parse::dollars(v)),
    ),
];
