//! How the gateway meets its callers, what it tells, and where it keeps answers.
use super::{Scalar, parse, put, scalar, secret, unset};

pub(super) const SCALARS: [Scalar; 29] = [
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
    scalar(
        "server.max_concurrency",
        "10000",
        "Most calls that are under way at a time, each to its last token; more wait for a place, or are sent away with a 503",
        |s, v| put(&mut s.server.max_concurrency, parse::amount(v, 1)),
    ),
    scalar(
        "server.max_queue",
        "100",
        "Most calls that wait for a place, for a second at most",
        |s, v| put(&mut s.server.max_queue, parse::amount(v, 0)),
    ),
    scalar(
        "server.max_connections",
        "10000",
        "Most connections that are open at a time; more wait to be taken",
        |s, v| put(&mut s.server.max_connections, parse::amount(v, 1)),
    ),
    scalar(
        "server.header_timeout",
        "75s",
        "For how long a connection may stay without the headers of a request: longer than load balancers keep theirs",
        |s, v| put(&mut s.server.header_timeout, parse::duration(v)),
    ),
    unset(
        "server.tls_cert",
        "Certificates in PEM form, its own first, then those between it and the root: connections are encrypted; unset: they are not",
        |s, v| {
            put(
                &mut s.server.tls_cert,
                parse::text(v).map(|path| Some(path.into())),
            )
        },
    ),
    unset(
        "server.tls_key",
        "The private key of server.tls_cert, in PEM form",
        |s, v| {
            put(
                &mut s.server.tls_key,
                parse::text(v).map(|path| Some(path.into())),
            )
        },
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
        "log.answers",
        "false",
        "Whether entries have the text of answers, for judges to look at in a replay: true or false",
        |s, v| put(&mut s.log.answers, parse::boolean(v)),
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
