//! Settings that change while the gateway serves.
use std::path::Path;

use crate::settings::Settings;

/// What stays as it was until the gateway is started again, a line for each.
pub(crate) fn stays(before: &Settings, now: &Settings) -> Vec<String> {
    let (was, is) = (&before.server, &now.server);
    let all = [
        ("server.listen", was.listen != is.listen),
        (
            "server.max_connections",
            was.max_connections != is.max_connections,
        ),
        (
            "server.header_timeout",
            was.header_timeout != is.header_timeout,
        ),
        (
            "metrics.listen",
            before.metrics.listen != now.metrics.listen,
        ),
        ("log.level", before.log.level != now.log.level),
        ("log.format", before.log.format != now.log.format),
        ("log.file", log(before) != log(now)),
        (
            "the model of router.policy",
            [before, now].iter().all(|of| of.router.policy.learns())
                && learned(before) != learned(now),
        ),
    ];
    let changed = all.into_iter().filter(|(_, changed)| *changed);
    changed
        .map(|(name, _)| {
            format!("{name} has changed, and stays as it was until the gateway is started again")
        })
        .collect()
}

/// What the log of calls is opened with.
fn log(of: &Settings) -> (Option<&Path>, usize, u32, bool) {
    let of = &of.log;
    (of.file.as_deref(), of.max_bytes, of.files, of.prompts)
}

/// What a learned policy begins with.
fn learned(of: &Settings) -> impl PartialEq {
    let ends = [of.routes.first(), of.routes.last()];
    let ends = ends.map(|route| Some(route?.name.clone()));
    let of = &of.router;
    (
        of.model.clone(),
        of.state.clone(),
        of.wish,
        of.trust_model,
        of.threshold,
        ends,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Environment, Sources, load};

    #[test]
    fn what_a_learned_policy_began_with_stays_and_that_is_said() {
        let settings = |wish| {
            let environment = Environment::from_iter([
                ("OBS_ROUTER_POLICY", "learned"),
                ("OBS_ROUTER_MODEL", "router.json"),
                ("OBS_ROUTER_WISH", wish),
            ]);
            let sources = Sources {
                environment,
                ..Sources::default()
            };
            load(&sources).unwrap().settings
        };
        let before = settings("30%");
        assert!(stays(&before, &settings("30%")).is_empty());
        let told = stays(&before, &settings("40%"));
        assert!(told[0].contains("router.policy"), "{told:?}");
    }
}
