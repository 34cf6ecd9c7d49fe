//! A request, an answer, and a telemetry of its own for each test.

use std::{convert::Infallible, time::Duration};

use futures_util::{Stream, StreamExt, stream};
use obs_apm::{Config, Telemetry};
use obs_core::{
    BoxError, ChunkStream, Error, ErrorKind, Fingerprint, Finish, LlmChunk, LlmRequest,
    LlmResponse, Operation, Price, PriceTable, Role, Usage,
};

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

    fn visit_prompt(&self, visit: &mut dyn FnMut(Role, &str)) {
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

    fn finish(&self) -> Option<Finish> {
        self.finish
    }
}

impl LlmChunk for Token {
    fn usage(&self) -> Option<Usage> {
        self.usage
    }

    fn model(&self) -> Option<&str> {
        Some("answering")
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
