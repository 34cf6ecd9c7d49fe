//! A trace through the cache, with a policy, in a world.
use std::{
    cell::Cell,
    convert::Infallible,
    iter::Sum,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use futures_util::FutureExt;
use obs_cache::{AdaptiveTtl, CacheLayer, ClassTtl, Clock, Memory};
use obs_core::{
    BoxError, CacheStatus, Call, Error, Fingerprint, LlmRequest, LlmResponse, Replay, Role, Usage,
};
use obs_metrics::Metrics;
use tower::{Layer, Service, service_fn};

use crate::{
    trace::Trace,
    world::{World, mixed},
};

/// How times to live are chosen.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Policy {
    /// So many seconds for all.
    Fixed(f64),
    /// For this share of outdated hits.
    Learned(f64),
}

/// How that went.
#[derive(Clone, Debug, Default)]
pub(crate) struct Score {
    pub(crate) calls: u64,
    pub(crate) hits: u64,
    pub(crate) outdated: u64,
    /// What was learned in the last of the worlds.
    pub(crate) ttls: Vec<ClassTtl>,
}

#[derive(Clone)]
struct Ask {
    kind: &'static str,
    question: u64,
}

/// The version that was true, and how it was worded.
struct Answer(String);

thread_local! {
    /// What the world says now.
    static TRUTH: Cell<(usize, bool)> = const { Cell::new((0, false)) };
}

impl Score {
    pub(crate) fn hit_rate(&self) -> f64 {
        self.hits as f64 / self.calls as f64
    }

    /// Of the hits.
    pub(crate) fn share_outdated(&self) -> f64 {
        self.outdated as f64 / self.hits.max(1) as f64
    }
}

impl Sum for Score {
    fn sum<I: Iterator<Item = Self>>(scores: I) -> Self {
        scores.fold(Self::default(), |all, one| Self {
            calls: all.calls + one.calls,
            hits: all.hits + one.hits,
            outdated: all.outdated + one.outdated,
            ttls: one.ttls,
        })
    }
}

/// Everything goes through the layer as it is; time alone is played.
pub(crate) fn run(policy: Policy, trace: &Trace, world: &World) -> Score {
    let millis = Arc::new(AtomicU64::new(0));
    let layer = CacheLayer::new(Memory::new(1 << 30))
        .jitter(0.0)
        .metrics(&Metrics::disabled())
        .clock(Clock::new({
            let millis = millis.clone();
            move || SystemTime::UNIX_EPOCH + Duration::from_millis(millis.load(Relaxed))
        }));
    let layer = match policy {
        Policy::Fixed(seconds) => layer.ttl(Duration::from_secs_f64(seconds)),
        Policy::Learned(target) => {
            let bounds = AdaptiveTtl::between(Duration::from_secs(1), Duration::from_secs(3600));
            let first = Duration::from_secs(60);
            layer.ttl(first).adaptive_ttl(bounds.target(target))
        }
    };
    let mut renewed = 0;
    let mut cache = layer.layer(service_fn(|_: Call<Ask>| async {
        let (version, reworded) = TRUTH.get();
        let wording = if reworded { " to be sure" } else { "" };
        Ok::<_, Error>(Answer(format!("{version}{wording}")))
    }));
    let mut score = Score::default();
    for (at, question) in &trace.calls {
        // A day later, so that no moment is zero.
        millis.store((at * 1e3) as u64 + 86_400_000, Relaxed);
        let version = world.version(*question, *at);
        renewed += 1;
        TRUTH.set((version, mixed(99, renewed) < world.reworded));
        let call = Call::new(Ask {
            kind: world.kind(*question).name,
            question: *question,
        });
        let journal = call.journal();
        let answer = cache.call(call).now_or_never();
        let answer = answer.and_then(Result::ok).expect("memory answers at once");
        let status = journal.read().cache.map(|note| note.status);
        let said = answer.0.split(' ').next().map(str::parse);
        score.calls += 1;
        if status == Some(CacheStatus::Hit) {
            score.hits += 1;
            score.outdated += u64::from(said != Some(Ok(version)));
        }
    }
    score.ttls = layer.stats().ttls;
    score
}

impl LlmRequest for Ask {
    fn model(&self) -> &str {
        self.kind
    }

    fn set_model(&mut self, _: &str) {}

    fn visit_prompt(&self, _: &mut dyn FnMut(Role, &str)) {}

    fn fingerprint(&self, to: &mut Fingerprint) {
        to.field("question", &self.question.to_le_bytes());
    }
}

impl LlmResponse for Answer {
    type Chunk = Infallible;

    fn usage(&self) -> Option<Usage> {
        None
    }

    fn visit_text(&self, visit: &mut dyn FnMut(&str)) {
        visit(&self.0);
    }
}

impl Replay for Answer {
    fn encode(&self) -> Option<Bytes> {
        Some(self.0.clone().into())
    }

    fn decode(stored: &Bytes, _: bool) -> Result<Self, BoxError> {
        Ok(Self(std::str::from_utf8(stored)?.to_owned()))
    }
}
