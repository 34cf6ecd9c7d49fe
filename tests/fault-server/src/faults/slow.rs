//! Answers that take their time, some of them all of it.
use std::time::Duration;

use crate::{
    answer::Answer,
    chat,
    faults::Fault,
    reply::{Framing, Reply},
    visit::Visit,
};

const LONG: Duration = Duration::from_secs(20);
const SECOND: Duration = Duration::from_secs(1);

pub(super) const FAULTS: &[Fault] = &[
    Fault::new(
        "slow-headers",
        "the head comes after 20 s, and the answer with it",
        |visit| Reply::new().wait(LONG).then(Reply::healthy(visit)),
    ),
    Fault::new(
        "headers-drip",
        "the head comes a byte a second (slow loris, the other way round)",
        |visit| {
            let answer = Answer::to(visit);
            let head = Reply::new()
                .pace(SECOND)
                .then(answer.begin())
                .pace(Duration::ZERO);
            answer.go_on(head, 0)
        },
    ),
    Fault::new(
        "slow-first-token",
        "the head comes at once, the first event or byte after 20 s",
        |visit| {
            let answer = Answer::to(visit);
            answer.go_on(answer.begin().wait(LONG), 0)
        },
    ),
    Fault::new(
        "slow-after-role",
        "head and role come at once, the first content after 20 s",
        |visit| {
            let answer = Answer::to(visit);
            answer.go_on(answer.first(1).wait(LONG), 1)
        },
    ),
    Fault::new(
        "trickle",
        "the head comes at once, the body a byte a second",
        |visit| {
            let answer = Answer::to(visit);
            answer.go_on(answer.begin().pace(SECOND), 0)
        },
    ),
    Fault::new(
        "comments-only",
        "only comments (`: PROCESSING`) every 5 s, for ever; line breaks where no stream was asked for",
        |visit| {
            let answer = Answer::to(visit);
            let beat = if answer.streamed {
                ": PROCESSING\n\n"
            } else {
                "\n"
            };
            answer.begin_with(Framing::Chunked).repeat(beat, 5 * SECOND)
        },
    ),
    Fault::new(
        "endless",
        "content without end, ten pieces a second",
        |visit: &Visit<'_>| {
            let answer = Answer::to(visit);
            let begun = answer.go_on_with(answer.begin_with(Framing::Chunked), 0..1);
            match answer.streamed {
                true => begun.repeat(chat::token(visit, " again"), SECOND / 10),
                false => begun.repeat(" again", SECOND / 10),
            }
        },
    ),
];
