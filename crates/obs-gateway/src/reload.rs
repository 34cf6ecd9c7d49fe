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
