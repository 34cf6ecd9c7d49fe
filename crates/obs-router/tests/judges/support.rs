//! Answers with a text, whole or streamed.
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use futures_util::stream::iter;
use obs_core::{
    AttemptLayer, Call, CallContext, ChunkStream, Error, ErrorKind, Fingerprint, Finish, LlmChunk,
    LlmRequest, LlmResponse, Price, PriceTable, Role, Usage,
};
use obs_metrics::Metrics;
use obs_router::{Policy, Route, RouterLayer};
use tower::{Layer, Service, service_fn};

#[derive(Clone, Debug)]
pub(crate) struct Ask(pub(crate) String, pub(crate) Option<&'static str>);

impl LlmRequest for Ask {
    fn model(&self) -> &str {
        &self.0
    }
    fn set_model(&mut self, model: &str) {
        self.0 = model.into();
    }
    fn visit_prompt(&self, _: &mut dyn FnMut(Role, &str)) {}
    fn answer_schema(&self) -> Option<&str> {
        self.1
    }
    fn fingerprint(&self, _: &mut Fingerprint) {}
}

#[derive(Debug)]
pub(crate) enum Answer {
    Whole(&'static str),
    /// Whole, with how sure the model was.
    Sure(&'static str, f32),
    Stream(ChunkStream<Word>),
    Blank,
}

#[derive(Debug)]
pub(crate) enum Word {
    Is(&'static str),
    /// By how much it was likelier than the next.
    Likelier(&'static str, f64),
    Used,
    Called,
    /// Content without text.
    Hidden,
}

impl LlmChunk for Word {
    fn is_content(&self) -> bool {
        matches!(self, Self::Is(_) | Self::Likelier(..) | Self::Hidden)
    }
    fn text(&self) -> &str {
        match self {
            Self::Is(word) | Self::Likelier(word, _) => word,
            Self::Used | Self::Called | Self::Hidden => "",
        }
    }
    fn usage(&self) -> Option<Usage> {
        matches!(self, Self::Used).then(usage)
    }
    fn finish(&self) -> Option<Finish> {
        match self {
            Self::Used => Some(Finish::Stop),
            Self::Called => Some(Finish::ToolCalls),
            _ => None,
        }
    }
    fn visit_margins(&self, visit: &mut dyn FnMut(f64)) {
        if let Self::Likelier(_, margin) = self {
            visit(*margin);
        }
    }
}

impl LlmResponse for Answer {
    type Chunk = Word;
    fn stream_mut(&mut self) -> Option<&mut ChunkStream<Word>> {
        match self {
            Self::Stream(chunks) => Some(chunks),
            _ => None,
        }
    }
    fn stream(&self) -> Option<&ChunkStream<Word>> {
        match self {
            Self::Stream(chunks) => Some(chunks),
            _ => None,
        }
    }
    fn usage(&self) -> Option<Usage> {
        Some(usage())
    }
    fn visit_text(&self, visit: &mut dyn FnMut(&str)) {
        if let Self::Whole(text) | Self::Sure(text, _) = self {
            visit(text);
        }
    }
    fn margin(&self) -> Option<f32> {
        match self {
            Self::Sure(_, margin) => Some(*margin),
            _ => None,
        }
    }
}

fn usage() -> Usage {
    Usage {
        input: 10,
        output: 2,
        ..Usage::default()
    }
}

pub(crate) fn stream(words: &[&'static str]) -> Answer {
    let words = words.iter().copied().map(Word::Is);
    chunks(words.chain([Word::Used]))
}

pub(crate) fn chunks(words: impl IntoIterator<Item = Word>) -> Answer {
    let words: Vec<_> = words.into_iter().map(Ok).collect();
    Answer::Stream(ChunkStream::new(iter(words)))
}

/// One and ten dollars a million tokens, asked in this order.
pub(crate) fn layer() -> RouterLayer<impl Policy<Ask> + Copy> {
    let cheap = |_: &Ask, _: &CallContext| "cheap";
    let routes = [
        Route::new("cheap").model("small"),
        Route::new("premium").model("large"),
    ];
    RouterLayer::new(cheap, routes).metrics(&Metrics::disabled())
}

/// Gives these answers, one after the other.
pub(crate) fn model(
    answers: impl IntoIterator<Item = Answer>,
) -> impl Service<Call<Ask>, Response = Answer, Error = Error, Future: Send>
+ Clone
+ Send
+ Sync
+ 'static {
    let answers: VecDeque<_> = answers.into_iter().collect();
    let answers = Arc::new(Mutex::new(answers));
    let price = |price| Price::per_million(price, price).expect("a price");
    let prices = PriceTable::new()
        .with_model("small", price("1"))
        .with_model("large", price("10"));
    AttemptLayer::new(prices).layer(service_fn(move |_: Ask| {
        let answer = answers.lock().expect("sound").pop_front();
        let none = || Error::new(ErrorKind::Overloaded, "there is no other answer");
        async move { answer.ok_or_else(none) }
    }))
}

pub(crate) fn ask() -> Call<Ask> {
    Call::new(Ask("auto".into(), None))
}

/// The models that were asked, and why.
pub(crate) fn asked(context: &CallContext) -> Vec<String> {
    let attempts = context.journal.read().attempts;
    let told = attempts
        .iter()
        .map(|attempt| format!("{} {}", attempt.asked, attempt.purpose.as_str()));
    told.collect()
}
