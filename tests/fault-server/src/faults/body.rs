//! Bodies that are no answer.
use crate::{
    answer::Answer,
    faults::Fault,
    reply::{Framing, Head, Reply},
};

pub(super) const FAULTS: &[Fault] = &[
    Fault::new("empty-body", "200 and nothing else", |visit| {
        let answer = Answer::to(visit);
        answer.begin_with(Framing::Length(0))
    }),
    Fault::new("html", "200 and the page of a login portal", |_| {
        let page = "<!doctype html><title>Sign in</title><form action=\"/login\"></form>";
        Reply::whole(200, "text/html; charset=utf-8", page)
    }),
    Fault::new(
        "gzip-garbage",
        "`Content-Encoding: gzip`, and no gzip in the body",
        |visit| {
            let garbage: &[u8] = b"\x1f\x8b\x08\x00this is not what gzip looks like";
            let head = Answer::to(visit).begin_with(Framing::Length(garbage.len()));
            head.header("content-encoding", "gzip").send(garbage)
        },
    ),
    Fault::new(
        "redirect-loop",
        "a redirect (307) to the same place, for ever",
        |visit| redirect(307, visit.path()),
    ),
    Fault::new(
        "redirect-away",
        "a redirect (302) to another host: whoever follows shows it prompt and key",
        |_| redirect(302, "http://elsewhere.invalid/v1/chat/completions"),
    ),
];

fn redirect(status: u16, to: &str) -> Reply {
    Reply::new().head(Head::new(status, Framing::Length(0)).header("location", to))
}
