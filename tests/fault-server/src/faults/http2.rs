//! What HTTP/2 can do beside. Over HTTP/1.1 these are answered with a 505 that says so.
use crate::{answer::Answer, faults::Fault, reply::Reply};

// RFC 9113, section 7.
const NO_ERROR: u32 = 0x0;
const INTERNAL_ERROR: u32 = 0x2;
const REFUSED_STREAM: u32 = 0x7;
const ENHANCE_YOUR_CALM: u32 = 0xb;

pub(super) const FAULTS: &[Fault] = &[
    Fault::new(
        "h2-refused",
        "RST_STREAM with REFUSED_STREAM before the head: nothing was done, so it is safe to retry",
        |_| Reply::new().reset_stream(REFUSED_STREAM),
    ),
    Fault::new(
        "h2-rst",
        "RST_STREAM with INTERNAL_ERROR before the head",
        |_| Reply::new().reset_stream(INTERNAL_ERROR),
    ),
    Fault::new(
        "h2-rst-mid-stream",
        "RST_STREAM with INTERNAL_ERROR after two thirds",
        |visit| {
            let answer = Answer::to(visit);
            answer
                .first(answer.two_thirds())
                .reset_stream(INTERNAL_ERROR)
        },
    ),
    Fault::new(
        "h2-goaway",
        "GOAWAY with NO_ERROR before the head, and the end of the connection",
        |_| Reply::new().go_away(NO_ERROR),
    ),
    Fault::new(
        "h2-calm",
        "GOAWAY with ENHANCE_YOUR_CALM before the head, and the end of the connection",
        |_| Reply::new().go_away(ENHANCE_YOUR_CALM),
    ),
    Fault::new(
        "h2-goaway-mid-stream",
        "GOAWAY with INTERNAL_ERROR after two thirds, and the end of the connection",
        |visit| {
            let answer = Answer::to(visit);
            answer.first(answer.two_thirds()).go_away(INTERNAL_ERROR)
        },
    ),
    Fault::new(
        "h2-goaway-graceful",
        "GOAWAY without an error, and a right answer: the next call needs a new connection",
        |visit| {
            Reply::new()
                .go_away_gracefully()
                .then(Reply::healthy(visit))
        },
    ),
];
