//! Models that fail as they are told, under the whole stack.
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::{StreamExt, stream};
use obs_apm::ApmLayer;
use obs_cache::{CacheLayer, Memory};
use obs_core::*;
use obs_metrics::Metrics;
use obs_tests::chat::{Answer, Ask, Chunk, hi, prices, stop, text, used};
use obs_timeout::{AttemptTimeoutLayer, TimeoutLayer};
use tokio::time::{Instant, sleep};
use tower::{Service, ServiceBuilder, service_fn};

use crate::support::{Layers, Router, S, Stack};

/// What a model does with one attempt.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// The answer, `hi`.
    Good,
    /// An error.
    Fails(ErrorKind),
    /// Overloaded until then, the answer after it.
    Down(Instant),
    /// Too many requests, and when to come again.
    Limited(Duration),
    /// Nothing, ever.
    Silent,
    /// The head of a stream at once, the first token after so long; a plain answer after so long.
    Slow(Duration),
    /// Half of the answer, and an error; a plain answer is that error.
    Dies(ErrorKind),
    /// Half of the answer, the rest after so long; a plain answer after so long.
    Stalls(Duration),
}

/// What each model does with its attempts, the last for ever; and when it was asked.
#[derive(Clone, Debug, Default)]
pub(crate) struct Script(Arc<Mutex<Models>>);

type Models = HashMap<String, (Vec<Act>, Vec<Instant>)>;

impl Script {
    pub(crate) fn of<const N: usize>(models: [(&str, &[Act]); N]) -> Self {
        let models = models.map(|(model, acts)| (model.to_owned(), (acts.to_vec(), Vec::new())));
        Self(Arc::new(Mutex::new(models.into())))
    }

    /// When this model was asked.
    pub(crate) fn asked(&self, model: &str) -> Vec<Instant> {
        self.0.lock().unwrap()[model].1.clone()
    }

    fn next(&self, model: &str) -> Act {
        let mut models = self.0.lock().unwrap();
        let (acts, asked) = models.get_mut(model).expect("a model of the script");
        let act = acts[asked.len().min(acts.len() - 1)].clone();
        asked.push(Instant::now());
        act
    }

    fn model(
        &self,
    ) -> impl Service<Ask, Response = Answer, Error = Error, Future: Send>
    + Clone
    + Send
    + Sync
    + 'static
    + use<> {
        let script = self.clone();
        service_fn(move |ask: Ask| play(script.next(&ask.model), ask.stream))
    }
}

fn failed(kind: ErrorKind) -> Error {
    Error::new(kind, format!("the model says {kind}"))
}

async fn play(act: Act, streamed: bool) -> Result<Answer, Error> {
    let none = Duration::ZERO;
    let whole = |before: Duration, between: Duration| {
        vec![
            (none, Ok(Chunk::default())),
            (before, Ok(text("h"))),
            (between, Ok(text("i"))),
            (none, Ok(stop())),
            (none, Ok(used(10))),
        ]
    };
    let chunks = match act {
        Act::Down(up) if Instant::now() < up => return Err(failed(ErrorKind::Overloaded)),
        Act::Fails(kind) => return Err(failed(kind)),
        Act::Limited(after) => return Err(failed(ErrorKind::RateLimited).with_retry_after(after)),
        Act::Silent => std::future::pending().await,
        Act::Dies(kind) if !streamed => return Err(failed(kind)),
        Act::Slow(time) | Act::Stalls(time) if !streamed => {
            sleep(time).await;
            return Ok(hi(false));
        }
        Act::Good | Act::Down(_) if !streamed => return Ok(hi(false)),
        Act::Good | Act::Down(_) => whole(none, none),
        Act::Slow(time) => whole(time, none),
        Act::Stalls(time) => whole(none, time),
        Act::Dies(kind) => vec![(none, Ok(text("h"))), (none, Err(failed(kind)))],
    };
    let chunks = stream::iter(chunks).then(|(wait, chunk)| async move {
        if !wait.is_zero() {
            sleep(wait).await;
        }
        chunk
    });
    Ok(Answer::from_stream(ChunkStream::new(chunks)))
}

/// The documented stack with the gateway's limits: 10 s to the first token, 20 s between two, a minute in all, and no grace.
pub(crate) fn scripted(router: Router, script: &Script) -> (Stack, Layers) {
    let off = Metrics::disabled();
    let layers = Layers {
        apm: ApmLayer::new().metrics(&off).no_spans(),
        timeout: TimeoutLayer::new(60 * S).metrics(&off),
        cache: CacheLayer::new(Memory::new(1 << 20)).metrics(&off),
        router,
    };
    let service = ServiceBuilder::new()
        .layer(layers.apm.clone())
        .layer(layers.timeout.clone())
        .layer(layers.cache.clone())
        .layer(layers.router.clone())
        .layer(AttemptTimeoutLayer::new().first_token(10 * S).idle(20 * S))
        .layer(AttemptLayer::new(prices()))
        .service(script.model());
    (Stack::new(service), layers)
}
