//! The journal of a call as events of its span.

use obs_core::{Attempt, Report};
use opentelemetry::KeyValue;
use tokio::time::Instant;

use crate::names;

/// Something that happened to a call.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) name: &'static str,
    pub(crate) at: Instant,
    pub(crate) attributes: Vec<KeyValue>,
}

/// What the layers noted, in the order in which it happened.
pub(crate) fn of(report: &Report, committed: Option<Event>) -> Vec<Event> {
    let mut events = Vec::new();
    if let Some(note) = &report.cache {
        let mut attributes = vec![KeyValue::new(names::CACHE_STATUS, note.status.as_str())];
        if let Some(age) = note.age {
            attributes.push(KeyValue::new(names::CACHE_AGE, age.as_secs_f64()));
        }
        events.push(Event {
            name: names::CACHE_EVENT,
            at: note.at,
            attributes,
        });
    }
    for decided in &report.decisions {
        let mut attributes = vec![
            KeyValue::new(names::ROUTE, decided.route.clone()),
            KeyValue::new(names::ROUTE_REASON, decided.reason),
        ];
        if let Some(score) = decided.score {
            attributes.push(KeyValue::new(names::ROUTE_SCORE, f64::from(score)));
        }
        events.push(Event {
            name: names::ROUTE_EVENT,
            at: decided.at,
            attributes,
        });
    }
    if let Some(at) = report.late {
        events.push(Event {
            name: names::LATE_EVENT,
            at,
            attributes: Vec::new(),
        });
    }
    report
        .attempts
        .iter()
        .for_each(|attempt| tell(attempt, &mut events));
    events.extend(committed);
    // Stable: what happened at one time stays in the order of the layers.
    events.sort_by_key(|event| event.at);
    events
}

fn tell(attempt: &Attempt, events: &mut Vec<Event>) {
    let mut attributes = vec![
        KeyValue::new(names::REQUEST_MODEL, attempt.asked.clone()),
        KeyValue::new(names::PURPOSE, attempt.purpose.as_str()),
    ];
    if let Some(route) = &attempt.route {
        attributes.push(KeyValue::new(names::ROUTE, route.clone()));
    }
    events.push(Event {
        name: names::ATTEMPT_EVENT,
        at: attempt.started,
        attributes: attributes.clone(),
    });
    if let Some(at) = attempt.first_token {
        events.push(Event {
            name: names::FIRST_TOKEN_EVENT,
            at,
            attributes: attributes.clone(),
        });
    }
    if let (Some(at), Some(outcome)) = (attempt.ended, attempt.outcome) {
        attributes.push(KeyValue::new(names::OUTCOME, outcome.as_str()));
        if let obs_core::Outcome::Failed(kind) = outcome {
            attributes.push(KeyValue::new(names::ERROR_TYPE, kind.as_str()));
        }
        if let Some(cost) = attempt.cost {
            attributes.push(KeyValue::new(names::COST, cost.as_dollars_f64()));
        }
        events.push(Event {
            name: names::ATTEMPT_END_EVENT,
            at,
            attributes,
        });
    }
}
