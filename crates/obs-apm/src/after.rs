//! Spans of a call that was not sampled, made after it has ended.

use obs_core::Report;
use opentelemetry::{
    KeyValue,
    trace::{Event, Link, SpanContext, SpanId, SpanKind, Status},
};
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator, SpanData, SpanEvents, SpanLinks};

use crate::{
    asked, names,
    span::Recording,
    spans::scope,
    told::{self, Answered, Ending, link},
};

/// The span of the call, and one for each of its attempts.
pub(crate) fn spans(
    call: &Recording,
    ending: Ending,
    report: &Report,
    reason: &'static str,
    span: &SpanContext,
    parent: &SpanContext,
) -> Vec<SpanData> {
    // Exporters leave out what is not sampled.
    let of_id = |id: SpanId| {
        SpanContext::new(
            span.trace_id(),
            id,
            span.trace_flags().with_sampled(true),
            false,
            span.trace_state().clone(),
        )
    };
    let mut attributes = call.asked.first();
    attributes.extend(call.asked.rest());
    attributes.push(KeyValue::new(names::KEPT, reason));
    attributes.extend(call.attributes(ending, report));
    let mut events = SpanEvents::default();
    events.events = call
        .events(report)
        .into_iter()
        .map(|event| Event::new(event.name, call.when(event.at), event.attributes, 0))
        .collect();
    let mut links = SpanLinks::default();
    links.links = link(report)
        .into_iter()
        .map(|link| Link::new(link, Vec::new(), 0))
        .collect();
    let mut all = vec![SpanData {
        span_context: of_id(span.span_id()),
        parent_span_id: parent.span_id(),
        parent_span_is_remote: parent.is_valid() && parent.is_remote(),
        span_kind: SpanKind::Client,
        name: call.asked.name(),
        start_time: call.when_started(),
        end_time: call.when(ending.at),
        attributes,
        dropped_attributes_count: 0,
        events,
        links,
        status: status(ending.has_failed()),
        instrumentation_scope: scope(),
    }];
    let ids = RandomIdGenerator::default();
    for attempt in &report.attempts {
        let provider = call.shared.provider(attempt.route.as_ref());
        let mut attributes = asked::of_attempt(attempt, provider);
        attributes.extend(call.shared.server(attempt.route.as_ref()));
        let conventions = call.shared.conventions;
        attributes.extend(told::of_attempt(attempt, &Answered::default(), conventions));
        all.push(SpanData {
            span_context: of_id(ids.new_span_id()),
            parent_span_id: span.span_id(),
            parent_span_is_remote: false,
            span_kind: SpanKind::Client,
            name: asked::name(attempt.operation, Some(&attempt.asked)),
            start_time: call.when(attempt.started),
            end_time: call.when(attempt.ended.unwrap_or(ending.at)),
            attributes,
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: status(told::has_failed(attempt.outcome)),
            instrumentation_scope: scope(),
        });
    }
    all
}

fn status(failed: bool) -> Status {
    match failed {
        true => Status::error(""),
        false => Status::Unset,
    }
}
