//! In which forms trace context travels.

use opentelemetry::propagation::{TextMapCompositePropagator, TextMapPropagator};
use opentelemetry_sdk::propagation::{BaggagePropagator, TraceContextPropagator};

use super::b3::{B3, Write};
use crate::vars::Vars;

/// In which forms trace context travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Formats {
    trace_context: bool,
    baggage: bool,
    /// `None`: it is not even read.
    b3: Option<Write>,
}

impl Default for Formats {
    fn default() -> Self {
        Self {
            trace_context: true,
            baggage: true,
            b3: Some(Write::Nothing),
        }
    }
}

impl Formats {
    const NONE: Self = Self {
        trace_context: false,
        baggage: false,
        b3: None,
    };

    pub(crate) fn resolve(vars: &mut Vars<'_>) -> Self {
        const NAME: &str = "OTEL_PROPAGATORS";
        let Some(list) = vars.get(NAME) else {
            return Self::default();
        };
        let mut formats = Self::NONE;
        let mut unknown = Vec::new();
        for name in list.split(',').map(str::trim) {
            match name {
                "tracecontext" => formats.trace_context = true,
                "baggage" => formats.baggage = true,
                "b3" => formats.b3 = Some(Write::Single),
                "b3multi" => formats.b3 = Some(Write::Multiple),
                "none" => {}
                _ => unknown.push(name.to_owned()),
            }
        }
        for name in &unknown {
            let allowed = "a list of `tracecontext`, `baggage`, `b3`, `b3multi`, or `none`";
            vars.overlook(NAME, name, allowed);
        }
        match formats == Self::NONE && !unknown.is_empty() {
            true => Self::default(),
            false => formats,
        }
    }

    /// What is read last stands: W3C over B3.
    pub(crate) fn propagator(self) -> TextMapCompositePropagator {
        let mut all: Vec<Box<dyn TextMapPropagator + Send + Sync>> = Vec::new();
        if let Some(write) = self.b3 {
            all.push(Box::new(B3::new(write)));
        }
        if self.trace_context {
            all.push(Box::new(TraceContextPropagator::new()));
        }
        if self.baggage {
            all.push(Box::new(BaggagePropagator::new()));
        }
        TextMapCompositePropagator::new(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(list: &str) -> (Formats, usize) {
        let lookup = |name: &str| (name == "OTEL_PROPAGATORS").then(|| list.to_owned());
        let mut vars = Vars::new(&lookup);
        (Formats::resolve(&mut vars), vars.problems.len())
    }

    #[test]
    fn the_list_says_which() {
        let default = Formats::default();
        assert_eq!(resolve(""), (default, 0));
        assert_eq!(resolve("none"), (Formats::NONE, 0));
        assert_eq!(resolve("jaeger"), (default, 1));
        let trace_context = Formats {
            trace_context: true,
            ..Formats::NONE
        };
        assert_eq!(resolve("tracecontext, xray"), (trace_context, 1));
        let all = Formats {
            b3: Some(Write::Multiple),
            ..default
        };
        assert_eq!(resolve("tracecontext,baggage,b3multi"), (all, 0));
        let single = Formats {
            b3: Some(Write::Single),
            ..Formats::NONE
        };
        assert_eq!(resolve("b3"), (single, 0));
    }
}
