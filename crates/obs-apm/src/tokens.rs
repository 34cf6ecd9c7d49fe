//! Tokens that attempts used, by the one or the other generation of the conventions.

use std::sync::Arc;

use obs_core::{Attempt, Outcome, Usage};
use obs_metrics::{BoundHistogram, Count, Histogram, Metrics};
use opentelemetry::KeyValue;

use crate::{Conventions, attempts::Attempts, names};

/// The bounds in tokens that the conventions name.
const TOKENS: &[f64] = &[
    1.0, 4.0, 16.0, 64.0, 256.0, 1024.0, 4096.0, 16384.0, 65536.0, 262144.0, 1048576.0, 4194304.0,
    16777216.0, 67108864.0,
];

const UNIT: &str = "{token}";

/// Where tokens are told.
#[derive(Debug)]
pub(crate) enum Tokens {
    /// In one histogram, with the type of tokens as a label.
    V1_41(Histogram),
    /// In a histogram for each type, and in counters.
    Latest { input: Histogram, output: Histogram },
}

/// What one model used on one route, for one operation.
#[derive(Debug)]
pub(crate) struct Used {
    input: BoundHistogram,
    output: BoundHistogram,
    /// Counted only where they are told.
    sum: Sum,
}

/// Tokens. Input includes cached and written ones, output includes reasoning.
#[derive(Debug, Default)]
struct Sum {
    input: Count,
    output: Count,
    cache_read: Count,
    cache_write: Count,
    reasoning: Count,
}

impl Tokens {
    pub(crate) fn new(metrics: &Metrics, conventions: Conventions) -> Self {
        let histogram = |name, description| metrics.histogram(name, UNIT, description, TOKENS);
        match conventions {
            Conventions::V1_41 => Self::V1_41(histogram(
                names::TOKEN_USAGE,
                "Tokens of attempts, input and output.",
            )),
            Conventions::Latest => Self::Latest {
                input: histogram(names::INPUT_TOKENS_EACH, "Input tokens of attempts."),
                output: histogram(names::OUTPUT_TOKENS_EACH, "Output tokens of attempts."),
            },
        }
    }

    pub(crate) fn show(&self, metrics: &Metrics, attempts: &Arc<Attempts>) {
        let Self::Latest { .. } = self else { return };
        type Pick = fn(&Sum) -> &Count;
        let all: [(_, _, Pick); 5] = [
            (
                names::INPUT_USAGE,
                "Input tokens, cached ones included.",
                |sum| &sum.input,
            ),
            (
                names::OUTPUT_USAGE,
                "Output tokens, reasoning included.",
                |sum| &sum.output,
            ),
            (
                names::CACHE_READ_USAGE,
                "Input tokens that the provider had in its cache.",
                |sum| &sum.cache_read,
            ),
            (
                names::CACHE_WRITE_USAGE,
                "Input tokens that the provider wrote to its cache.",
                |sum| &sum.cache_write,
            ),
            (
                names::REASONING_USAGE,
                "Output tokens that the model spent on reasoning.",
                |sum| &sum.reasoning,
            ),
        ];
        for (name, description, pick) in all {
            let attempts = attempts.clone();
            metrics.counter_of(UNIT, name, description, move |tell| {
                attempts.used(|labels, used| {
                    let [operation, provider, model] = labels else {
                        return;
                    };
                    // What is text, image or sound is not told apart here.
                    let modality = KeyValue::new(names::TOKEN_MODALITY, "unknown");
                    let labels = [operation.clone(), provider.clone(), model.clone(), modality];
                    tell(&labels, pick(&used.sum).get());
                });
            });
        }
    }

    /// Whether attempts without usage are told too, as zeros.
    pub(crate) const fn tells_of_failures(&self) -> bool {
        matches!(self, Self::Latest { .. })
    }

    pub(crate) fn bind(&self, labels: &[KeyValue; 3]) -> Used {
        let (input, output) = match self {
            Self::V1_41(tokens) => {
                let bind = |kind: &'static str| {
                    let [operation, provider, model] = labels.clone();
                    let kind = KeyValue::new(names::TOKEN_TYPE, kind);
                    tokens.bind(&[operation, provider, model, kind])
                };
                (bind("input"), bind("output"))
            }
            Self::Latest { input, output } => (input.bind(labels), output.bind(labels)),
        };
        Used {
            input,
            output,
            sum: Sum::default(),
        }
    }

    /// One attempt.
    pub(crate) fn record(
        &self,
        used: &Used,
        attempt: &Attempt,
        labels: impl FnOnce() -> [KeyValue; 3],
    ) {
        let usage = attempt.usage.unwrap_or_default();
        let (input, output) = (usage.input as f64, usage.output as f64);
        let error = match attempt.outcome {
            Some(Outcome::Failed(kind)) => Some(kind.as_str()),
            Some(Outcome::TimedOut) => Some("timeout"),
            Some(Outcome::Cancelled) => Some("cancelled"),
            Some(Outcome::Answered) | None => None,
        };
        match (self, error) {
            (
                Self::Latest {
                    input: inputs,
                    output: outputs,
                },
                Some(error),
            ) => {
                let [operation, provider, model] = labels();
                let error = KeyValue::new(names::ERROR_TYPE, error);
                let labels = [operation, provider, model, error];
                inputs.record(input, &labels);
                outputs.record(output, &labels);
            }
            _ => {
                used.input.record(input);
                used.output.record(output);
            }
        }
        used.sum.add(&usage);
    }
}

impl Sum {
    fn add(&self, usage: &Usage) {
        self.input.add(usage.input);
        self.output.add(usage.output);
        self.cache_read.add(usage.cached_input);
        self.cache_write.add(usage.cache_write);
        self.reasoning.add(usage.reasoning);
    }
}
