//! Streams with events that nobody expects. A plain answer is spoilt alike where that makes sense.
use std::time::Duration;

use bytes::Bytes;

use crate::{
    answer::Answer,
    chat,
    content::Content,
    faults::Fault,
    reply::{self, Framing, Reply},
    visit::Visit,
};

const FAILED: &str = "the server had an error while processing your request";

pub(super) const FAULTS: &[Fault] = &[
    Fault::new(
        "bad-event",
        "an event in the middle is not JSON; a plain body is not, either",
        |visit| {
            let mut answer = Answer::to(visit);
            let bad = if answer.streamed {
                "data: {\"id\": oops\n\n"
            } else {
                "\u{1}oops"
            };
            answer.insert(answer.two_thirds(), bad);
            answer.reply()
        },
    ),
    Fault::new(
        "error-event",
        "after two thirds an event with an error, and the end; plain: a 200 with an error",
        |visit| {
            let answer = Answer::to(visit);
            failed(&answer, answer.two_thirds())
        },
    ),
    Fault::new(
        "error-event-first",
        "the only event is an error; plain: a 200 with an error",
        |visit| failed(&Answer::to(visit), 0),
    ),
    Fault::new(
        "empty-choices",
        "`choices` is always empty, usage is told",
        |visit| {
            let content = Content {
                choices: false,
                ..Content::to(visit)
            };
            chat::answer(visit, &content).reply()
        },
    ),
    Fault::new(
        "no-content",
        "an answer that says nothing: content `null`, finish reason `stop`",
        |visit| {
            let content = Content {
                tokens: Vec::new(),
                ..Content::to(visit)
            };
            chat::answer(visit, &content).reply()
        },
    ),
    Fault::new(
        "no-usage",
        "a right answer that never tells its usage, asked or not",
        |visit| {
            let content = Content {
                usage: None,
                ..Content::to(visit)
            };
            chat::answer(visit, &content).reply()
        },
    ),
    Fault::new(
        "empty-stream",
        "nothing but `[DONE]`; plain: `{}`",
        |visit| match Answer::to(visit).streamed {
            true => Reply::whole(200, "text/event-stream", "data: [DONE]\n\n"),
            false => Reply::whole(200, "application/json", "{}"),
        },
    ),
    Fault::new(
        "odd-events",
        "a right stream in a rare spelling: byte order mark, CRLF, comments, other fields, JSON over two `data` lines, \
         seven bytes at a time",
        odd,
    ),
    Fault::new(
        "endless-line",
        "an event, or a text, that goes on for ever, as fast as it is read",
        |visit| {
            let answer = Answer::to(visit);
            let begun = if answer.streamed {
                "data: {\"id\": \""
            } else {
                "{\"id\": \""
            };
            let reply = answer.begin_with(Framing::Chunked).send(begun);
            reply.repeat(vec![b'x'; 16 * 1024], Duration::ZERO)
        },
    ),
];

fn failed(answer: &Answer, after: usize) -> Reply {
    let error = reply::error("server_error", None, FAILED);
    match answer.streamed {
        true => answer.first(after).send(chat::event(&error)),
        false => Reply::json(200, &error),
    }
}

fn odd(visit: &Visit<'_>) -> Reply {
    let answer = Answer::to(visit);
    let text = match answer.streamed {
        true => answer
            .events()
            .enumerate()
            .map(respell)
            .collect::<Vec<_>>()
            .concat(),
        false => format!("\r\n\t {}", String::from_utf8_lossy(&answer.rest(0))),
    };
    let mark = if answer.streamed { "\u{feff}" } else { "" };
    let bytes = Bytes::from(format!("{mark}{text}"));
    let starts = (0..bytes.len()).step_by(7);
    let pieces = starts.map(|from| bytes.slice(from..bytes.len().min(from + 7)));
    pieces.fold(answer.begin_with(Framing::Chunked), Reply::send)
}

/// The same event for a reader that keeps to the specification of event streams.
fn respell((number, event): (usize, &Bytes)) -> String {
    let event = String::from_utf8_lossy(event);
    let data = event.trim_end().trim_start_matches("data: ");
    let lines = match data.split_once(',') {
        Some((first, second)) => format!("data:{first},\r\ndata: {second}"),
        None => format!("data:{data}"),
    };
    format!(": odd\r\nid: {number}\r\nretry: 3000\r\nunknown\r\n{lines}\r\n\r\n")
}
