//! Which spans are kept.

use std::time::Duration;

use opentelemetry::{
    Context, KeyValue,
    trace::{Link, SpanContext, SpanKind, Status, TraceId},
};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    trace::{
        Sampler, SamplingDecision, SamplingResult, ShouldSample, Span, SpanData, SpanProcessor,
        TracerProviderBuilder,
    },
};

use crate::{environment::Environment, names, vars::Vars};

/// The share of traces that is kept in production.
const PRODUCTION: f64 = 0.1;

/// Which spans are kept.
#[derive(Clone, Debug)]
pub(crate) struct Sampling {
    sampler: Sampler,
    /// The spans of failed calls are kept, sampled or not.
    errors: bool,
}

/// Lets the spans of calls be recorded that are not sampled, because they may fail.
#[derive(Clone, Debug)]
struct MayFail(Sampler);

/// A processor, which sees failed calls as if they had been sampled where it is to keep them.
#[derive(Debug)]
struct Kept {
    processor: Box<dyn SpanProcessor>,
    errors: bool,
}

impl Sampling {
    pub(crate) fn resolve(environment: Environment, vars: &mut Vars<'_>) -> Self {
        let arg = vars.get("OTEL_TRACES_SAMPLER_ARG");
        let ratio = || {
            let ratio = arg.as_deref().map(|arg| arg.parse::<f64>());
            match ratio {
                None => Some(1.0),
                Some(Ok(ratio)) if (0.0..=1.0).contains(&ratio) => Some(ratio),
                Some(_) => None,
            }
        };
        let allowed = "`always_on`, `always_off`, `traceidratio`, `parentbased_always_on`, `parentbased_always_off` or \
                       `parentbased_traceidratio`";
        let parent = |sampler| Sampler::ParentBased(Box::new(sampler));
        let mut needs_ratio = false;
        let named = vars.read("OTEL_TRACES_SAMPLER", allowed, |name| {
            let mut by_ratio = || {
                needs_ratio = true;
                // What cannot be read counts as not set, as the specification wants it.
                Sampler::TraceIdRatioBased(ratio().unwrap_or(1.0))
            };
            match name {
                "always_on" => Some(Sampler::AlwaysOn),
                "always_off" => Some(Sampler::AlwaysOff),
                "traceidratio" => Some(by_ratio()),
                "parentbased_always_on" => Some(parent(Sampler::AlwaysOn)),
                "parentbased_always_off" => Some(parent(Sampler::AlwaysOff)),
                "parentbased_traceidratio" => Some(parent(by_ratio())),
                _ => None,
            }
        });
        if let (true, None, Some(arg)) = (needs_ratio, ratio(), &arg) {
            vars.overlook(
                "OTEL_TRACES_SAMPLER_ARG",
                arg,
                "a number from 0 to 1 (until then it is 1)",
            );
        }
        match (named, environment) {
            (Some(sampler), _) => Self {
                sampler,
                errors: false,
            },
            (None, Environment::Production) => Self {
                sampler: parent(Sampler::TraceIdRatioBased(PRODUCTION)),
                errors: true,
            },
            (None, _) => Self {
                sampler: parent(Sampler::AlwaysOn),
                errors: false,
            },
        }
    }

    /// Adds the sampler, and the processors in the way that goes with it.
    pub(crate) fn add(
        self,
        builder: TracerProviderBuilder,
        processors: Vec<Box<dyn SpanProcessor>>,
    ) -> TracerProviderBuilder {
        let errors = self.errors;
        let builder = if errors {
            builder.with_sampler(MayFail(self.sampler))
        } else {
            builder.with_sampler(self.sampler)
        };
        processors.into_iter().fold(builder, |builder, processor| {
            builder.with_span_processor(Kept { processor, errors })
        })
    }
}

impl ShouldSample for MayFail {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        trace: TraceId,
        name: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        let mut result = self
            .0
            .should_sample(parent, trace, name, kind, attributes, links);
        let call = || {
            let mut keys = attributes.iter().map(|attribute| attribute.key.as_str());
            keys.any(|key| key == names::OPERATION_NAME)
        };
        if result.decision == SamplingDecision::Drop && call() {
            result.decision = SamplingDecision::RecordOnly;
        }
        result
    }
}

impl SpanProcessor for Kept {
    fn on_start(&self, span: &mut Span, cx: &Context) {
        self.processor.on_start(span, cx);
    }

    fn on_end(&self, mut span: SpanData) {
        if self.errors && !span.span_context.is_sampled() {
            if !matches!(span.status, Status::Error { .. }) {
                return;
            }
            // Exporters leave out what is not sampled.
            let context = &span.span_context;
            span.span_context = SpanContext::new(
                context.trace_id(),
                context.span_id(),
                context.trace_flags().with_sampled(true),
                context.is_remote(),
                context.trace_state().clone(),
            );
        }
        self.processor.on_end(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.processor.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.processor.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.processor.set_resource(resource);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(environment: Environment, vars: &[(&str, &str)]) -> (String, usize) {
        let lookup = |name: &str| {
            let var = vars.iter().find(|(key, _)| *key == name);
            var.map(|(_, value)| (*value).to_owned())
        };
        let mut vars = Vars::new(&lookup);
        let sampling = Sampling::resolve(environment, &mut vars);
        let text = format!("{:?} {}", sampling.sampler, sampling.errors);
        (text, vars.problems.len())
    }

    #[test]
    fn the_environment_chooses_what_is_kept() {
        let all = "ParentBased(AlwaysOn) false".to_owned();
        assert_eq!(resolve(Environment::Development, &[]), (all.clone(), 0));
        assert_eq!(resolve(Environment::Staging, &[]), (all, 0));
        let some = "ParentBased(TraceIdRatioBased(0.1)) true".to_owned();
        assert_eq!(resolve(Environment::Production, &[]), (some, 0));
    }

    #[test]
    fn the_samplers_of_the_specification_are_known() {
        for (name, arg, sampler, problems) in [
            ("always_on", "", "AlwaysOn", 0),
            ("always_off", "0.5", "AlwaysOff", 0),
            ("traceidratio", "0.25", "TraceIdRatioBased(0.25)", 0),
            ("traceidratio", "", "TraceIdRatioBased(1.0)", 0),
            ("traceidratio", "2", "TraceIdRatioBased(1.0)", 1),
            ("traceidratio", "NaN", "TraceIdRatioBased(1.0)", 1),
            ("parentbased_always_on", "x", "ParentBased(AlwaysOn)", 0),
            ("parentbased_always_off", "", "ParentBased(AlwaysOff)", 0),
            (
                "parentbased_traceidratio",
                "0",
                "ParentBased(TraceIdRatioBased(0.0))",
                0,
            ),
        ] {
            let vars = [
                ("OTEL_TRACES_SAMPLER", name),
                ("OTEL_TRACES_SAMPLER_ARG", arg),
            ];
            let expected = (format!("{sampler} false"), problems);
            assert_eq!(resolve(Environment::Production, &vars), expected, "{name}");
        }
    }
}
