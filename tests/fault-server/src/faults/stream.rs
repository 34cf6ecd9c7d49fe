//! Streams that do not come to their end. A plain answer fares alike with its bytes.
use std::time::Duration;

use bytes::Bytes;

use crate::{answer::Answer, faults::Fault};

const STALL: Duration = Duration::from_secs(30);

pub(super) const FAULTS: &[Fault] = &[
    Fault::new(
        "stream-dies",
        "after two thirds the connection is closed (FIN), without a terminator",
        |visit| {
            let answer = Answer::to(visit);
            answer.first(answer.two_thirds()).close()
        },
    ),
    Fault::new(
        "stream-resets",
        "after two thirds the connection is reset (RST)",
        |visit| {
            let answer = Answer::to(visit);
            answer.first(answer.two_thirds()).reset()
        },
    ),
    Fault::new(
        "stream-dies-mid-event",
        "after two thirds and half an event the connection is closed",
        |visit| {
            let answer = Answer::to(visit);
            let from = answer.two_thirds();
            answer.first(from).send(half(&answer, from)).close()
        },
    ),
    Fault::new(
        "stream-ends-early",
        "after two thirds the body ends in good order, without finish reason, usage and `[DONE]`; a plain answer is cut",
        |visit| {
            let answer = Answer::to(visit);
            let from = answer.two_thirds();
            match answer.streamed {
                true => answer.first(from),
                false => answer.cut(from).reply(),
            }
        },
    ),
    Fault::new(
        "stream-stalls",
        "after two thirds nothing comes for 30 s, then the rest",
        |visit| {
            let answer = Answer::to(visit);
            let from = answer.two_thirds();
            answer.go_on(answer.first(from).wait(STALL), from)
        },
    ),
    Fault::new(
        "stream-hangs",
        "after two thirds nothing comes any more",
        |visit| {
            let answer = Answer::to(visit);
            answer.first(answer.two_thirds()).hang()
        },
    ),
    Fault::new(
        "no-done",
        "the whole stream but `[DONE]`, ended in good order",
        |visit| {
            let mut answer = Answer::to(visit);
            if answer.streamed {
                answer.pop();
            }
            answer.reply()
        },
    ),
    Fault::new(
        "no-done-open",
        "the whole stream but `[DONE]`, and the connection stays open",
        |visit| {
            let mut answer = Answer::to(visit);
            if answer.streamed {
                answer.pop();
            }
            answer.reply().hang()
        },
    ),
];

fn half(answer: &Answer, of: usize) -> Bytes {
    let event = answer.events().nth(of).cloned().unwrap_or_default();
    event.slice(..event.len() / 2)
}
