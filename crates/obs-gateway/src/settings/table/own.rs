//! How the gateway meets its callers, what it tells, and where it keeps answers.
use super::{Scalar, parse, put, scalar, secret, unset};

pub(super) const SCALARS: [Scalar; 22] = [
    scalar(
        "server.listen",
        "127.0.0.1:8080",
        "Address of the API; 0.0.0.0:8080 in a container",
        |s, v| put(&mut s.server.listen, parse::address(v)),
    ),
    scalar(
        "server.max_body",
        "10MiB",
        "Most bytes of a request's body; more is a 413",
        |s, v| put(&mut s.server.max_body, parse::size(v)),
    ),
    scalar(
        "server.drain",
        "30s",
        "For how long a shutdown waits for calls in flight",
        |s, v| put(&mut s.server.drain, parse::any_duration(v)),
    ),
    scalar(
        "server.tenant",
        "credential",
        "What keeps callers' cached answers apart: credential (divided further by x-obs-tenant), header \
         (x-obs-tenant alone, from a proxy that you trust) or shared (nothing)",
        |s, v| put(&mut s.server.tenant, parse::tenant(v)),
    ),
    scalar(
        "server.keep_alive",
        "15s",
        "After so long without an answer, and as often from then on, a stream gets a comment that keeps its \
         connection alive; or off",
        |s, v| put(&mut s.server.keep_alive, parse::duration_or_off(v)),
    ),
    unset(
        "keys.file",
        "File of `[[keys]]`, besides those of the settings: who has none of them is refused; unset and none given: everyone may call",
        |s, v| {
            put(
                &mut s.keys_file,
                parse::text(v).map(|path| Some(path.into())),
            )
        },
    ),
    secret(
        "admin.token",
        "Token of the admin endpoint under /admin/v1, 16 characters or more; unset: there is none",
        |s, v| put(&mut s.admin.token, parse::secret(v).map(Some)),
    ),
    scalar(
        "metrics.listen",
        "127.0.0.1:9464",
        "Address of /metrics for Prometheus; or off",
        |s, v| put(&mut s.metrics.listen, parse::address_or_off(v)),
    ),
    scalar(
        "log.level",
        "info",
        "error, warn, info, debug, trace or off; or directives such as info,obs_cache=debug",
        |s, v| put(&mut s.log.level, parse::log_level(v)),
    ),
    scalar(
        "log.format",
        "auto",
        "text, json, or auto (text on a terminal, else json)",
        |s, v| put(&mut s.log.format, parse::log_format(v)),
    ),
    unset(
        "log.file",
        "File that an entry is written to for each call, as a line of JSON, and feedback on it; unset: none is",
        |s, v| {
            put(
                &mut s.log.file,
                parse::text(v).map(|path| Some(path.into())),
            )
        },
    ),
    scalar(
        "log.max_bytes",
        "128MiB",
        "Size at which that file is put aside, and another begun",
        |s, v| put(&mut s.log.max_bytes, parse::size(v)),
    ),
    scalar(
        "log.files",
        "8",
        "How many such files are kept, the one that is written to included; 1 to 1000",
        |s, v| put(&mut s.log.files, parse::count(v, 1000)),
    ),
    scalar(
        "log.prompts",
        "false",
        "Whether entries have the text of prompts, for a model of words to be trained on: true or false",
        |s, v| put(&mut s.log.prompts, parse::boolean(v)),
    ),
    scalar(
        "cache.store",
        "memory",
        "Where answers are kept: off, memory, or the URL of Redis (redis://, rediss:// for TLS, \
         redis-cluster://, redis-sentinel://), which holds them unencrypted unless cache.seal_key is set",
        |s, v| put(&mut s.cache.store, parse::store(v)),
    ),
    scalar(
        "cache.tier",
        "true",
        "Memory in front of Redis: true or false",
        |s, v| put(&mut s.cache.tier, parse::boolean(v)),
    ),
    scalar(
        "cache.ttl",
        "1h",
        "For how long a kept answer is given",
        |s, v| put(&mut s.cache.ttl, parse::duration(v)),
    ),
    scalar(
        "cache.max_bytes",
        "256MiB",
        "Most bytes that are kept in memory",
        |s, v| put(&mut s.cache.max_bytes, parse::size(v)),
    ),
    scalar(
        "cache.max_entry",
        "1MiB",
        "Largest answer that is kept",
        |s, v| put(&mut s.cache.max_entry, parse::size(v)),
    ),
    scalar(
        "cache.redis_timeout",
        "20ms",
        "Longest that Redis may take for a look-up; slower is a miss",
        |s, v| put(&mut s.cache.redis_timeout, parse::duration(v)),
    ),
    unset(
        "cache.ca_file",
        "Certificates in PEM form that a Redis with TLS is trusted by, in place of those of the system",
        |s, v| {
            put(
                &mut s.cache.ca_file,
                parse::text(v).map(|path| Some(path.into())),
            )
        },
    ),
    secret(
        "cache.key",
        "Secret key of the hashes of requests and tenants, 16 characters or more; unset: a fixed one, so that \
         gateways share",
        |s, v| put(&mut s.cache.key, parse::secret(v).map(Some)),
    ),
];
