//! Requests, answers, and models that do as a test says.
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::{StreamExt, stream::iter};
use obs_core::{
    Attempt, AttemptLayer, Call, CallContext, ChunkStream, Error, ErrorKind, Fingerprint, Finish,
    Journal, LlmChunk, LlmRequest, LlmResponse, Operation, Outcome, Price, PriceTable, Purpose,
    Role, Usage, Usd,
};
use obs_metrics::Metrics;
use obs_router::{Judge, Policy, Route, RouterLayer};
use tokio::time::sleep;
use tower::{Service, ServiceExt, service_fn};
use tower_layer::Layer;

pub(crate) const S: Duration = Duration::from_secs(1);

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Ask {
    pub(crate) model: String,
    pub(crate) stream: bool,
    pub(crate) operation: Operation,
    /// Of its prompt.
    pub(crate) words: usize,
    /// How its answer begins.
    pub(crate) begun: String,
}

pub(crate) fn ask() -> Call<Ask> {
    ask_for("auto")
}

pub(crate) fn ask_for(model: &str) -> Call<Ask> {
    Call::new(Ask {
        model: model.into(),
        stream: false,
        operation: Operation::Chat,
        words: 1,
        begun: String::new(),
    })
}

pub(crate) fn embed(model: &str) -> Call<Ask> {
    let mut call = ask_for(model);
    call.request.operation = Operation::Embeddings;
    call
}

pub(crate) fn ask_streamed() -> Call<Ask> {
    let mut call = ask();
    call.request.stream = true;
    call
}

impl LlmRequest for Ask {
    fn model(&self) -> &str {
        &self.model
    }
    fn set_model(&mut self, model: &str) {
        self.model = model.into();
    }
    fn operation(&self) -> Operation {
        self.operation
    }
    fn streams(&self) -> bool {
        self.stream
    }
    fn visit_prompt(&self, visit: &mut dyn FnMut(Role, &str)) {
        // In two pieces, as prompts are.
        visit(Role::System, "q");
        visit(Role::User, &"q ".repeat(self.words - 1));
    }
    fn continue_with(&mut self, begun: &str) -> bool {
        self.begun = begun.into();
        self.words < 1_000
    }
    fn fingerprint(&self, to: &mut Fingerprint) {
        to.field("prompt", b"q");
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Tok {
    Head,
    Word(&'static str),
    Tool,
    Stop,
    Used(u64, u64),
}

impl LlmChunk for Tok {
    fn is_content(&self) -> bool {
        matches!(self, Self::Word(_) | Self::Tool)
    }
    fn text(&self) -> &str {
        match self {
            Self::Word(word) => word,
            _ => "",
        }
    }
    fn finish(&self) -> Option<Finish> {
        matches!(self, Self::Stop).then_some(Finish::Stop)
    }
    fn usage(&self) -> Option<Usage> {
        match self {
            Self::Used(input, output) => Some(usage(*input, *output)),
            _ => None,
        }
    }
}

#[derive(Debug)]
pub(crate) enum Reply {
    Whole(&'static str, Option<Usage>),
    Stream(ChunkStream<Tok>),
}

impl LlmResponse for Reply {
    type Chunk = Tok;
    fn stream_mut(&mut self) -> Option<&mut ChunkStream<Tok>> {
        match self {
            Self::Stream(chunks) => Some(chunks),
            Self::Whole(..) => None,
        }
    }
    fn usage(&self) -> Option<Usage> {
        match self {
            Self::Whole(_, usage) => *usage,
            Self::Stream(_) => None,
        }
    }
}

impl Reply {
    pub(crate) fn text(&self) -> &'static str {
        match self {
            Self::Whole(text, _) => text,
            Self::Stream(_) => panic!("it is a stream"),
        }
    }

    pub(crate) fn chunks(self) -> ChunkStream<Tok> {
        match self {
            Self::Stream(chunks) => chunks,
            Self::Whole(text, _) => panic!("it is whole: {text}"),
        }
    }

    /// Reads a stream to its end.
    pub(crate) async fn drain(self) -> Vec<Result<Tok, ErrorKind>> {
        let items = self.chunks().map(|item| item.map_err(|e| e.kind()));
        items.collect().await
    }
}

pub(crate) fn usage(input: u64, output: u64) -> Usage {
    Usage {
        input,
        output,
        ..Usage::default()
    }
}

/// Ten tokens in, two out: 14 on the small model, 140 on the big one.
pub(crate) fn whole(text: &'static str) -> Reply {
    Reply::Whole(text, Some(usage(10, 2)))
}

/// A stream with a pause of so many milliseconds before each item.
pub(crate) fn stream(items: Vec<(u64, Result<Tok, ErrorKind>)>) -> Reply {
    Reply::Stream(ChunkStream::new(iter(items).then(
        |(ms, item)| async move {
            sleep(Duration::from_millis(ms)).await;
            item.map_err(bad)
        },
    )))
}

/// As [`whole`], in 20 ms.
pub(crate) fn good() -> Reply {
    stream(vec![
        (0, Ok(Tok::Head)),
        (10, Ok(Tok::Word("a"))),
        (10, Ok(Tok::Stop)),
        (0, Ok(Tok::Used(10, 2))),
    ])
}

pub(crate) fn bad(kind: ErrorKind) -> Error {
    Error::new(kind, kind.as_str())
}

/// A million pico-dollars for a token of the small model, two for one that it writes; ten times as much for the big one.
pub(crate) fn prices() -> PriceTable {
    let price = |input, output| Price::per_million(input, output).expect("well-formed");
    PriceTable::new()
        .with_model("small", price("1", "2"))
        .with_model("big", price("10", "20"))
}

/// So many of the units in which the tests count: the price of a token of the small model.
pub(crate) fn units(n: i128) -> Usd {
    Usd::from_pico(n * 1_000_000)
}

pub(crate) fn routes() -> [Route; 2] {
    [
        Route::new("cheap").model("small"),
        Route::new("premium").model("big"),
    ]
}

pub(crate) fn to(route: &'static str) -> impl Policy<Ask> + Copy {
    move |_: &Ask, _: &CallContext| route
}

/// A layer that always tries the cheap route first.
pub(crate) fn cheap_first() -> RouterLayer<impl Policy<Ask> + Copy> {
    RouterLayer::new(to("cheap"), routes()).metrics(&Metrics::disabled())
}

type Answer = (u64, Result<Reply, Error>);

/// Answers of a model in the order of the attempts, each after so many milliseconds.
#[derive(Clone)]
pub(crate) struct Script(Arc<Mutex<std::collections::VecDeque<Answer>>>);

pub(crate) fn script<const N: usize>(answers: [Answer; N]) -> Script {
    Script(Arc::new(Mutex::new(answers.into())))
}

impl Script {
    pub(crate) fn left(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    pub(crate) fn model(
        &self,
    ) -> impl Service<Ask, Response = Reply, Error = Error, Future: Send + 'static>
    + Clone
    + Send
    + Sync
    + 'static
    + use<> {
        let script = self.0.clone();
        service_fn(move |_: Ask| {
            let (ms, answer) = script
                .lock()
                .unwrap()
                .pop_front()
                .expect("one more attempt than answers");
            async move {
                sleep(Duration::from_millis(ms)).await;
                answer
            }
        })
    }
}

/// Calls through this layer and [`AttemptLayer`].
pub(crate) async fn run<P, J>(
    layer: &RouterLayer<P, J>,
    script: &Script,
    call: Call<Ask>,
) -> Result<Reply, Error>
where
    P: Policy<Ask>,
    J: Judge<Ask, Reply>,
{
    let inner = AttemptLayer::new(prices()).layer(script.model());
    layer.layer(inner).oneshot(call).await
}

pub(crate) fn attempts(journal: &Journal) -> Vec<Attempt> {
    journal.read().attempts
}

/// Model, purpose and outcome of each attempt.
pub(crate) fn outcomes(journal: &Journal) -> Vec<(String, Purpose, Outcome)> {
    let told = |a: &Attempt| (a.asked.to_string(), a.purpose, a.outcome.expect("ended"));
    attempts(journal).iter().map(told).collect()
}

/// Route and reason of each decision.
pub(crate) fn decisions(journal: &Journal) -> Vec<(String, &'static str)> {
    let decisions = journal.read().decisions;
    decisions
        .iter()
        .map(|d| (d.route.to_string(), d.reason))
        .collect()
}
