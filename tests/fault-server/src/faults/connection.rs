//! Connections that end, or say nothing.
use crate::{faults::Fault, reply::Reply, visit::Visit};

pub(super) const FAULTS: &[Fault] = &[
    Fault::new(
        "reset",
        "the connection is reset (RST) before the head of the answer",
        |_| Reply::new().reset(),
    ),
    Fault::new(
        "close",
        "the connection is closed (FIN) before the head of the answer",
        |_| Reply::new().close(),
    ),
    Fault::new("silent", "the request is taken and never answered", |_| {
        Reply::new().hang()
    }),
    Fault::new(
        "close-after",
        "a right answer, after which the connection is closed unannounced: a pool finds it stale",
        |visit| Reply::healthy(visit).finish().close(),
    ),
    Fault::new(
        "reset-when-reused",
        "right answers on fresh connections; a second request on a connection resets it",
        |visit: &Visit<'_>| match visit.on_connection {
            0 => Reply::healthy(visit),
            _ => Reply::new().reset(),
        },
    ),
];
