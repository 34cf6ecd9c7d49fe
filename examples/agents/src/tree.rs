//! A trace as a tree of text.

use std::fmt::Write;

use crate::collector::Seen;

/// What is shown of a span besides its name.
const SHOWN: [(&str, &str); 6] = [
    ("gen_ai.response.model", "answered by "),
    ("obs.route", "route "),
    ("obs.cache.status", "cache "),
    ("obs.cost.usd", "$"),
    ("error.type", "error "),
    ("obs.attempt.purpose", ""),
];

/// Draws all traces, each span below its parent, in the order in which they began.
#[must_use]
pub fn draw(spans: &[Seen]) -> String {
    let mut spans: Vec<_> = spans.iter().collect();
    spans.sort_by_key(|seen| seen.span.start_time_unix_nano);
    let mut text = String::new();
    let has_parent = |seen: &&&Seen| {
        let parent = &seen.span.parent_span_id;
        spans.iter().any(|other| other.span.span_id == *parent)
    };
    for root in spans.iter().filter(|seen| !has_parent(seen)) {
        let trace = root
            .span
            .trace_id
            .iter()
            .fold(String::new(), |mut hex, byte| {
                let _ = write!(hex, "{byte:02x}");
                hex
            });
        let _ = writeln!(text, "trace {trace}");
        below(root, &spans, "", true, &mut text);
    }
    text
}

fn below(seen: &Seen, all: &[&Seen], before: &str, last: bool, text: &mut String) {
    let (branch, inside) = match last {
        true => ("└─ ", "   "),
        false => ("├─ ", "│  "),
    };
    let span = &seen.span;
    let took = span
        .end_time_unix_nano
        .saturating_sub(span.start_time_unix_nano);
    let millis = took as f64 / 1e6;
    let _ = write!(
        text,
        "{before}{branch}{}: {}  {millis:.1} ms",
        seen.service, span.name
    );
    for (key, word) in SHOWN {
        if let Some(value) = seen.attribute(key) {
            let _ = write!(text, "  {word}{value}");
        }
    }
    text.push('\n');
    let children = all
        .iter()
        .filter(|other| other.span.parent_span_id == span.span_id);
    let children: Vec<_> = children.collect();
    let before = format!("{before}{inside}");
    for (index, child) in children.iter().enumerate() {
        below(child, all, &before, index + 1 == children.len(), text);
    }
}
