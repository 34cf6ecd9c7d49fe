//! What a replay is made of, in sentences.
use super::Facts;

/// What is modelled, and what cannot be told.
pub(super) fn about(facts: &Facts) -> Vec<String> {
    let mut about = vec![
        "A route that was not asked is modelled: the same usage, and the time that is fitted to its own answers in the log.".to_owned(),
        "A hit saves what the stored answer had cost; what it saves beyond that, because a router had made that answer cheap, is told as besides."
            .into(),
    ];
    if facts.streams > 0 {
        about.push(format!(
            "{} of {} calls were streams, and are replayed as such: a first token, and all the rest with the last one. A log has no times of \
             single tokens, so limits of silence play no part, and a commit point of some tokens is the end. The first token of a \
             route that was not asked, and of second attempts, is drawn from those that were recorded of it, by the question.",
            facts.streams, facts.calls
        ));
    }
    for route in &facts.routes {
        about.push(match route.latency_ms {
            Some([least, read, written]) => format!(
                "Route {}: {} answers recorded; {least:.0} ms + {read:.3} ms a token read + {written:.3} ms a token written where it was not asked.",
                route.route, route.answers
            ),
            None => format!(
                "Route {}: no answer recorded; it is taken to be as fast as the route that was asked.",
                route.route
            ),
        });
    }
    let mut tell = |count: u64, what: &str| {
        if count > 0 {
            about.push(format!("{count} of {} calls {what}", facts.calls));
        }
    };
    tell(
        facts.without_key,
        "have no key: whether they are repeats cannot be told, and they are taken for new.",
    );
    tell(
        facts.by_features,
        "have no prompt: the recorded features decide.",
    );
    tell(
        facts.without_prompt - facts.undecidable,
        "have no prompt: the recorded score decides.",
    );
    tell(
        facts.undecidable,
        "have neither prompt nor score: what a policy would do with them cannot be told, and they take the default route.",
    );
    tell(
        facts.timed_out,
        "ran out of time when they were recorded: how long they would have taken without a limit is not known.",
    );
    if facts.left > 0 {
        about.push(format!(
            "{} more calls are not replayed: their callers left before the end.",
            facts.left
        ));
    }
    if facts.work > 0 {
        about.push(format!(
            "Not replayed: {} pieces of work that no caller waited for, which had cost {}.",
            facts.work, facts.work_paid
        ));
    }
    if let Some(first) = &facts.first_unreadable {
        about.push(format!(
            "{} lines cannot be read; the first: {first}",
            facts.unreadable
        ));
    }
    if facts.torn > 0 {
        about.push(format!(
            "{} lines end before they are complete, and are passed over.",
            facts.torn
        ));
    }
    about
}
