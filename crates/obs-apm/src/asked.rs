//! What is known of a call when it begins, as a span tells it.

use std::{borrow::Cow, sync::Arc};

use obs_core::{Attempt, Call, LlmRequest, Operation, Parameter};
use opentelemetry::{Array, KeyValue, StringValue, Value};

use crate::names;

/// Longer names of models, in bytes, are not shown.
const LONGEST: usize = 256;

/// Most sequences that are shown.
const SEQUENCES: usize = 8;

/// What is known of a call when it begins. Cheap to make: most are never shown.
#[derive(Debug)]
pub(crate) struct Asked {
    operation: Operation,
    model: Option<Arc<str>>,
    provider: Value,
    streams: bool,
    id: Option<Arc<str>>,
    session: Option<Arc<str>>,
}

impl Asked {
    /// `model`: as `call` names it, shared.
    pub(crate) fn of<R: LlmRequest>(call: &Call<R>, model: Arc<str>, provider: &Value) -> Self {
        Self {
            operation: call.request.operation(),
            model: Some(model).filter(|model| model.len() <= LONGEST),
            provider: provider.clone(),
            streams: call.request.streams(),
            id: call.context.id.clone(),
            session: call.context.session.clone(),
        }
    }

    pub(crate) fn name(&self) -> Cow<'static, str> {
        name(self.operation, self.model.as_deref())
    }

    /// What a sampler may look at.
    pub(crate) fn first(&self) -> Vec<KeyValue> {
        let mut all = Vec::with_capacity(3);
        all.push(KeyValue::new(
            names::OPERATION_NAME,
            self.operation.as_str(),
        ));
        all.push(KeyValue::new(names::PROVIDER_NAME, self.provider.clone()));
        if let Some(model) = &self.model {
            all.push(KeyValue::new(names::REQUEST_MODEL, model.clone()));
        }
        all
    }

    /// The rest.
    pub(crate) fn rest(&self) -> impl Iterator<Item = KeyValue> {
        let streams = self
            .streams
            .then(|| KeyValue::new(names::REQUEST_STREAM, true));
        let id = self.id.clone().map(|id| KeyValue::new(names::CALL_ID, id));
        let session = self.session.clone();
        let session = session.map(|session| KeyValue::new(names::CONVERSATION_ID, session));
        [streams, id, session].into_iter().flatten()
    }
}

/// The name of a span.
pub(crate) fn name(operation: Operation, model: Option<&str>) -> Cow<'static, str> {
    match model {
        Some(model) if model.len() <= LONGEST => format!("{operation} {model}").into(),
        _ => operation.as_str().into(),
    }
}

/// What is asked in one attempt.
pub(crate) fn of_attempt(attempt: &Attempt, provider: &Value) -> Vec<KeyValue> {
    let operation = attempt.operation.as_str();
    let mut all = vec![
        KeyValue::new(names::OPERATION_NAME, operation),
        KeyValue::new(names::PROVIDER_NAME, provider.clone()),
        KeyValue::new(names::PURPOSE, attempt.purpose.as_str()),
    ];
    if attempt.asked.len() <= LONGEST {
        all.push(KeyValue::new(names::REQUEST_MODEL, attempt.asked.clone()));
    }
    if let Some(route) = &attempt.route {
        all.push(KeyValue::new(names::ROUTE, route.clone()));
    }
    all
}

/// The settings that a request makes.
pub(crate) fn parameters<R: LlmRequest>(request: &R) -> Vec<KeyValue> {
    let mut all = Vec::new();
    let mut stop = Vec::new();
    request.visit_parameters(&mut |parameter| {
        let count = |n: u64| Value::I64(i64::try_from(n).unwrap_or(i64::MAX));
        let (key, value) = match parameter {
            Parameter::MaxTokens(n) => (names::MAX_TOKENS, count(n)),
            Parameter::Temperature(x) => (names::TEMPERATURE, x.into()),
            Parameter::TopP(x) => (names::TOP_P, x.into()),
            Parameter::TopK(n) => (names::TOP_K, count(n)),
            Parameter::FrequencyPenalty(x) => (names::FREQUENCY_PENALTY, x.into()),
            Parameter::PresencePenalty(x) => (names::PRESENCE_PENALTY, x.into()),
            Parameter::Seed(n) => (names::SEED, n.into()),
            // One is what everybody means.
            Parameter::Choices(1) => return,
            Parameter::Choices(n) => (names::CHOICES, count(n)),
            Parameter::Stop(text) => {
                if stop.len() < SEQUENCES && text.len() <= LONGEST {
                    stop.push(StringValue::from(text.to_owned()));
                }
                return;
            }
            Parameter::Reasoning(level) if level.len() <= LONGEST => {
                (names::REASONING_LEVEL, level.to_owned().into())
            }
            Parameter::EncodingFormat(format) if format.len() <= LONGEST => {
                let formats = vec![StringValue::from(format.to_owned())];
                (
                    names::ENCODING_FORMATS,
                    Value::Array(Array::String(formats)),
                )
            }
            Parameter::Dimensions(n) => (names::DIMENSIONS, count(n)),
            _ => return,
        };
        all.push(KeyValue::new(key, value));
    });
    if !stop.is_empty() {
        let stop = Value::Array(Array::String(stop));
        all.push(KeyValue::new(names::STOP_SEQUENCES, stop));
    }
    all
}
