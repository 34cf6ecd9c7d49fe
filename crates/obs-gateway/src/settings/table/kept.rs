//! For how long answers are good, what is done about those that are not, and what they are encrypted with.
use super::{Scalar, parse, put, scalar, secret};

pub(super) const SCALARS: [Scalar; 14] = [
    scalar(
        "cache.jitter",
        "0.05",
        "The largest part of its time by which one answer is good for less, from 0 to 1, so that not all end at once",
        |s, v| put(&mut s.cache.freshness.jitter, parse::share(v)),
    ),
    scalar(
        "cache.stale_while_revalidate",
        "off",
        "For so long after its end an answer is still given, while a new one is asked for in the background; or off",
        |s, v| {
            let place = &mut s.cache.freshness.stale_while_revalidate;
            put(place, parse::duration_or_off(v))
        },
    ),
    scalar(
        "cache.stale_if_error",
        "off",
        "For so long after its end an answer is given in the place of a provider's error; or off",
        |s, v| {
            let place = &mut s.cache.freshness.stale_if_error;
            put(place, parse::duration_or_off(v))
        },
    ),
    scalar(
        "cache.max_stale",
        "off",
        "For so long after its end an answer is given to callers who say `cache-control: max-stale`; or off",
        |s, v| put(&mut s.cache.freshness.max_stale, parse::duration_or_off(v)),
    ),
    scalar(
        "cache.early_refresh",
        "off",
        "Renew answers that are in use before their end, by chance: 1 for the usual eagerness, more for earlier; or off",
        |s, v| put(&mut s.cache.freshness.early_refresh, eagerness(v)),
    ),
    scalar(
        "cache.adaptive_ttl",
        "false",
        "Learn for each operation and model how long answers are good, beginning with cache.ttl: true or false",
        |s, v| put(&mut s.cache.freshness.adaptive, parse::boolean(v)),
    ),
    scalar(
        "cache.adaptive_floor",
        "1m",
        "The shortest time that is learned",
        |s, v| put(&mut s.cache.freshness.adaptive_floor, parse::duration(v)),
    ),
    scalar(
        "cache.adaptive_ceiling",
        "24h",
        "The longest time that is learned",
        |s, v| put(&mut s.cache.freshness.adaptive_ceiling, parse::duration(v)),
    ),
    scalar(
        "cache.adaptive_target",
        "0.01",
        "The share of hits that may be outdated where times are learned, above 0 and below 1",
        |s, v| put(&mut s.cache.freshness.adaptive_target, target(v)),
    ),
    scalar(
        "cache.negative_ttl",
        "off",
        "For so long a refusal that will repeat (prompt too long, content filter, unknown model) is given again; or off",
        |s, v| {
            put(
                &mut s.cache.freshness.negative_ttl,
                parse::duration_or_off(v),
            )
        },
    ),
    scalar(
        "cache.lease",
        "off",
        "One of the gateways that share Redis asks at a time, and the others wait for its answer, so long at most; or off",
        |s, v| put(&mut s.cache.freshness.lease, parse::duration_or_off(v)),
    ),
    scalar(
        "cache.invalidation",
        "false",
        "What one gateway deletes goes from the memory of the others at once, as Redis (6 or later) tells them; while it cannot be reached, memory is left aside: true or false",
        |s, v| put(&mut s.cache.freshness.invalidation, parse::boolean(v)),
    ),
    secret(
        "cache.seal_key",
        "Secret that answers in Redis are encrypted with, 16 characters or more; unset: they are not",
        |s, v| put(&mut s.cache.seal.key, parse::secret(v).map(Some)),
    ),
    secret(
        "cache.seal_key_previous",
        "The secret of before: what it encrypted is read, and encrypted anew",
        |s, v| put(&mut s.cache.seal.previous, parse::secret(v).map(Some)),
    ),
];

fn eagerness(text: &str) -> Result<Option<f64>, String> {
    match text.parse::<f64>() {
        _ if text == "off" => Ok(None),
        Ok(beta) if beta > 0.0 && beta <= 100.0 => Ok(Some(beta)),
        _ => Err("expected a number above 0 and up to 100, or off".into()),
    }
}

fn target(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(share) if share > 0.0 && share < 1.0 => Ok(share),
        _ => Err("expected a number above 0 and below 1".into()),
    }
}
