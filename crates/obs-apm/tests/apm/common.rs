//! A request, an answer, and a telemetry of its own for each test.

use std::{
    convert::Infallible,
    time::{Duration, SystemTime},
};

use futures_util::{Stream, StreamExt, stream};
use obs_apm::{ApmLayer, Config, Telemetry};
use obs_core::{
    BoxError, ChunkStream, Error, ErrorKind, Fingerprint, Finish, LlmChunk, LlmRequest,
    LlmResponse, Operation, Parameter, Price, PriceTable, Role, Usage,
};
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::{InMemorySpanExporter, Sampler, SdkTracerProvider, SpanData};

#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) model: String,
    pub(crate) operation: Operation,
    pub(crate) streams: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub(crate) model: Option<&'static str>,
    pub(crate) usage: Option<Usage>,
    pub(crate) finish: Option<Finish>,
    pub(crate) stream: Option<ChunkStream<Token>>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Token {
    pub(crate) text: &'static str,
    pub(crate) usage: Option<Usage>,
    pub(crate) finish: Option<Finish>,
}

impl Ask {
    pub(crate) fn of(model: &str) -> Self {
        Self {
            model: model.to_owned(),
            operation: Operation::Chat,
            streams: false,
        }
    }

    pub(crate) fn streamed(mut self) -> Self {
        self.streams = true;
        self
    }
}

impl LlmRequest for Ask {
    fn model(&self) -> &str {
        &self.model
    }

    fn set_model(&mut self, model: &str) {
        model.clone_into(&mut self.model);
    }

    fn operation(&self) -> Operation {
        self.operation
    }

    fn streams(&self) -> bool {
        self.streams
    }

    fn visit_parameters(&self, visit: &mut dyn FnMut(Parameter<'_>)) {
        visit(Parameter::MaxTokens(100));
        visit(Parameter::Temperature(0.5));
        visit(Parameter::Choices(1));
        visit(Parameter::Stop("END"));
        visit(Parameter::Stop("."));
    }

    fn visit_prompt(&self, visit: &mut dyn FnMut(Role, &str)) {
        visit(Role::System, "be brief");
        visit(Role::User, SECRET);
    }

    fn fingerprint(&self, to: &mut Fingerprint) {
        to.field("model", self.model.as_bytes());
    }
}

/// What must be nowhere.
pub(crate) const SECRET: &str = "the secret of the prompt";

impl Answer {
    pub(crate) fn whole(input: u64, output: u64) -> Self {
        Self {
            model: Some("answering"),
            usage: Some(usage(input, output)),
            finish: Some(Finish::Stop),
            stream: None,
        }
    }

    pub(crate) fn stream(
        chunks: impl Stream<Item = Result<Token, Error>> + Send + 'static,
    ) -> Self {
        Self {
            stream: Some(ChunkStream::new(chunks)),
            ..Self::default()
        }
    }
}

impl LlmResponse for Answer {
    type Chunk = Token;

    fn stream_mut(&mut self) -> Option<&mut ChunkStream<Token>> {
        self.stream.as_mut()
    }

    fn usage(&self) -> Option<Usage> {
        self.usage
    }

    fn model(&self) -> Option<&str> {
        self.model
    }

    fn id(&self) -> Option<&str> {
        self.model.map(|_| "answer-1")
    }

    fn finish(&self) -> Option<Finish> {
        self.finish
    }

    fn visit_text(&self, visit: &mut dyn FnMut(&str)) {
        if self.stream.is_none() {
            visit(SECRET);
        }
    }
}

impl LlmChunk for Token {
    fn usage(&self) -> Option<Usage> {
        self.usage
    }

    fn model(&self) -> Option<&str> {
        Some("answering")
    }

    fn id(&self) -> Option<&str> {
        Some("answer-1")
    }

    fn is_content(&self) -> bool {
        !self.text.is_empty()
    }

    fn finish(&self) -> Option<Finish> {
        self.finish
    }

    fn text(&self) -> &str {
        self.text
    }
}

pub(crate) fn usage(input: u64, output: u64) -> Usage {
    Usage {
        input,
        output,
        ..Usage::default()
    }
}

/// `n` words with `gap` before each, the finish reason, and the usage.
pub(crate) fn words(
    n: usize,
    gap: Duration,
    used: Usage,
) -> impl Stream<Item = Result<Token, Error>> + Send + 'static {
    let word = |text| Token {
        text,
        ..Token::default()
    };
    let end = Token {
        finish: Some(Finish::Stop),
        usage: Some(used),
        ..Token::default()
    };
    let chunks = std::iter::repeat_n(word("word"), n).chain([end]);
    stream::iter(chunks).then(move |chunk| async move {
        if !gap.is_zero() {
            tokio::time::sleep(gap).await;
        }
        Ok(chunk)
    })
}

pub(crate) fn error(kind: ErrorKind) -> Error {
    Error::new(kind, SECRET)
}

pub(crate) fn boxed(kind: ErrorKind) -> BoxError {
    Box::new(error(kind))
}

/// One dollar a million input tokens, two for output.
pub(crate) fn prices() -> PriceTable {
    let price = Price::per_million("1", "2").expect("these are numbers");
    PriceTable::new().with_model("priced", price)
}

/// Spans of one test.
pub(crate) struct Spans {
    pub(crate) exporter: InMemorySpanExporter,
    pub(crate) provider: SdkTracerProvider,
}

impl Spans {
    pub(crate) fn new() -> Self {
        Self::sampled(Sampler::AlwaysOn)
    }

    pub(crate) fn sampled(sampler: Sampler) -> Self {
        let exporter = InMemorySpanExporter::default();
        let provider = SdkTracerProvider::builder()
            .with_sampler(sampler)
            .with_simple_exporter(exporter.clone())
            .build();
        Self { exporter, provider }
    }

    pub(crate) fn layer(&self) -> ApmLayer {
        ApmLayer::new()
            .telemetry(&telemetry())
            .tracer(self.provider.tracer("test"))
            .provider_name("openai")
            .wall_clock(start)
    }

    pub(crate) fn all(&self) -> Vec<SpanData> {
        self.exporter.get_finished_spans().expect("not poisoned")
    }

    pub(crate) fn one(&self) -> SpanData {
        let mut all = self.all();
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0)
    }
}

pub(crate) fn start() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

pub(crate) fn attribute(span: &SpanData, key: &str) -> Option<String> {
    let mut attributes = span.attributes.iter().rev();
    let found = attributes.find(|attribute| attribute.key.as_str() == key);
    found.map(|attribute| attribute.value.to_string())
}

/// No port, no console, no environment.
pub(crate) fn quiet() -> Config {
    Config::new().variables(|_| None).no_listener().no_console()
}

pub(crate) fn telemetry() -> Telemetry {
    Telemetry::build(quiet())
}

/// The value of one series, as Prometheus would read it.
pub(crate) fn value(telemetry: &Telemetry, series: &str) -> Option<f64> {
    let text = telemetry.render();
    let line = text.lines().find(|line| {
        line.rsplit_once(' ')
            .is_some_and(|(name, _)| name == series)
    });
    line.map(|line| {
        let (_, value) = line.rsplit_once(' ').expect("found by it");
        value.parse().expect("a number")
    })
}

/// Names of an uninhabited chunk type, so that plain answers are known to work too.
#[derive(Debug)]
pub(crate) struct Plain;

impl LlmResponse for Plain {
    type Chunk = Infallible;

    fn usage(&self) -> Option<Usage> {
        None
    }
}
