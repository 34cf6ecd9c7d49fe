//! Trace context as Zipkin and older meshes pass it on.

use opentelemetry::{
    Context,
    propagation::{Extractor, Injector, TextMapPropagator, text_map_propagator::FieldIter},
    trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState},
};

const SINGLE: &str = "b3";
const TRACE: &str = "x-b3-traceid";
const SPAN: &str = "x-b3-spanid";
const SAMPLED: &str = "x-b3-sampled";
const FLAGS: &str = "x-b3-flags";

/// Reads B3, in one header or in several, and writes it where it is wanted.
#[derive(Debug)]
pub(super) struct B3 {
    write: Write,
    fields: Vec<String>,
}

/// How B3 is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Write {
    Nothing,
    /// `b3`
    Single,
    /// `x-b3-traceid` and others.
    Multiple,
}

impl B3 {
    pub(super) fn new(write: Write) -> Self {
        let fields: &[&str] = match write {
            Write::Nothing => &[],
            Write::Single => &[SINGLE],
            Write::Multiple => &[TRACE, SPAN, SAMPLED],
        };
        Self {
            write,
            fields: fields.iter().map(|field| (*field).to_owned()).collect(),
        }
    }
}

impl TextMapPropagator for B3 {
    fn inject_context(&self, cx: &Context, injector: &mut dyn Injector) {
        let span = cx.span();
        let span = span.span_context();
        if !span.is_valid() {
            return;
        }
        let (trace, id) = (span.trace_id(), span.span_id());
        let sampled = u8::from(span.is_sampled());
        match self.write {
            Write::Nothing => {}
            Write::Single => injector.set(SINGLE, format!("{trace}-{id}-{sampled}")),
            Write::Multiple => {
                injector.set(TRACE, trace.to_string());
                injector.set(SPAN, id.to_string());
                injector.set(SAMPLED, sampled.to_string());
            }
        }
    }

    fn extract_with_context(&self, cx: &Context, extractor: &dyn Extractor) -> Context {
        let single = extractor.get(SINGLE).and_then(|text| {
            let mut parts = text.split('-');
            span(parts.next()?, parts.next()?, parts.next(), None)
        });
        let several = || {
            let (trace, id) = (extractor.get(TRACE)?, extractor.get(SPAN)?);
            span(trace, id, extractor.get(SAMPLED), extractor.get(FLAGS))
        };
        match single.or_else(several) {
            Some(span) => cx.with_remote_span_context(span),
            None => cx.clone(),
        }
    }

    fn fields(&self) -> FieldIter<'_> {
        FieldIter::new(&self.fields)
    }
}

fn span(trace: &str, id: &str, sampled: Option<&str>, flags: Option<&str>) -> Option<SpanContext> {
    // Half of a trace id is allowed.
    if !matches!(trace.len(), 16 | 32) || id.len() != 16 {
        return None;
    }
    let trace = TraceId::from_hex(trace).ok()?;
    let id = SpanId::from_hex(id).ok()?;
    // Undecided is not sampled here, as nobody has said that it is to be kept; `d` asks for it in earnest.
    let sampled = matches!(sampled, Some("1" | "d" | "true")) || flags == Some("1");
    let flags = TraceFlags::default().with_sampled(sampled);
    let span = SpanContext::new(trace, id, flags, true, TraceState::default());
    span.is_valid().then_some(span)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    const TRACE_ID: &str = "463ac35c9f6413ad48485a3953bb6124";
    const SPAN_ID: &str = "0020000000000001";

    fn read(headers: &[(&str, &str)]) -> Option<(String, String, bool)> {
        let headers: HashMap<_, _> = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let b3 = B3::new(Write::Nothing);
        let context = b3.extract_with_context(&Context::new(), &headers);
        let span = context.span().span_context().clone();
        let (trace, id) = (span.trace_id(), span.span_id());
        span.is_valid()
            .then(|| (trace.to_string(), id.to_string(), span.is_sampled()))
    }

    #[test]
    fn both_forms_are_read() {
        let expected = |sampled| Some((TRACE_ID.to_owned(), SPAN_ID.to_owned(), sampled));
        let single = format!("{TRACE_ID}-{SPAN_ID}-1-05e3ac9a4f6e3b90");
        assert_eq!(read(&[("b3", &single)]), expected(true));
        let debug = format!("{TRACE_ID}-{SPAN_ID}-d");
        assert_eq!(read(&[("b3", &debug)]), expected(true));
        let undecided = format!("{TRACE_ID}-{SPAN_ID}");
        assert_eq!(read(&[("b3", &undecided)]), expected(false));
        let several = [("x-b3-traceid", TRACE_ID), ("x-b3-spanid", SPAN_ID)];
        assert_eq!(read(&several), expected(false));
        for (name, value, sampled) in [
            ("x-b3-sampled", "1", true),
            ("x-b3-sampled", "0", false),
            ("x-b3-flags", "1", true),
        ] {
            let [trace, span] = several;
            assert_eq!(read(&[trace, span, (name, value)]), expected(sampled));
        }
    }

    #[test]
    fn half_a_trace_id_will_do_and_nonsense_will_not() {
        let half = format!("{}-{SPAN_ID}-1", &TRACE_ID[16..]);
        let (trace, ..) = read(&[("b3", &half)]).expect("is one");
        assert_eq!(trace, format!("{:0>32}", &TRACE_ID[16..]));
        for wrong in [
            "",
            "0",
            "-",
            "x-y-1",
            "00000000000000000000000000000000-0000000000000000-1",
        ] {
            assert_eq!(read(&[("b3", wrong)]), None, "{wrong}");
        }
    }

    #[test]
    fn it_is_written_where_it_is_wanted() {
        let text = format!("{TRACE_ID}-{SPAN_ID}-1");
        let headers = HashMap::from([("b3".to_owned(), text.clone())]);
        let written = |write| {
            let b3 = B3::new(write);
            let context = b3.extract_with_context(&Context::new(), &headers);
            let mut out = HashMap::<String, String>::new();
            b3.inject_context(&context, &mut out);
            out
        };
        assert!(written(Write::Nothing).is_empty());
        assert_eq!(written(Write::Single), headers);
        let several = written(Write::Multiple);
        assert_eq!(
            several.get("x-b3-traceid").map(String::as_str),
            Some(TRACE_ID)
        );
        assert_eq!(several.get("x-b3-sampled").map(String::as_str), Some("1"));
    }
}
