//! Bytes that are not quite HTTP/1.1.
use std::time::Duration;

use crate::{
    answer::Answer,
    faults::Fault,
    reply::{Framing, Reply},
};

pub(super) const FAULTS: &[Fault] = &[
    Fault::new(
        "content-length-over",
        "`Content-Length` says 64 bytes more than come before the connection is closed",
        |visit| {
            let answer = Answer::to(visit);
            let head = answer.begin_with(Framing::Length(answer.len() + 64));
            answer.go_on(head, 0).close()
        },
    ),
    Fault::new(
        "content-length-under",
        "`Content-Length` says 64 bytes less than come, and the connection stays open",
        |visit| {
            let answer = Answer::to(visit);
            let head = answer.begin_with(Framing::Length(answer.len().saturating_sub(64)));
            answer.go_on(head, 0)
        },
    ),
    Fault::new(
        "cut-chunk",
        "the connection is closed within a chunk of the transfer encoding",
        |visit| {
            let answer = Answer::to(visit);
            let from = answer.two_thirds();
            let size = format!("{:x}\r\n", answer.rest(from).len());
            let begun = answer.go_on_with(answer.begin_with(Framing::Chunked), 0..from);
            begun.raw(size).raw("data: {\"id\"").close()
        },
    ),
    Fault::new(
        "bad-chunk",
        "after two thirds something that is no size of a chunk",
        |visit| {
            let answer = Answer::to(visit);
            let from = answer.two_thirds();
            let begun = answer.go_on_with(answer.begin_with(Framing::Chunked), 0..from);
            begun.raw("this is no size\r\n").close()
        },
    ),
    Fault::new(
        "no-http",
        "the banner of another protocol in place of the head",
        |_| Reply::new().raw("SSH-2.0-OpenSSH_9.2p1\r\n").close(),
    ),
    Fault::new(
        "endless-headers",
        "headers without end, as fast as they are read",
        |_| {
            let filler = format!("x-filler: {}\r\n", "f".repeat(1000));
            Reply::new()
                .raw("HTTP/1.1 200 OK\r\n")
                .repeat(filler, Duration::ZERO)
        },
    ),
];
