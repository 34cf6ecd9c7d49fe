//! What was saved is what the answers that were given again had cost: added up over random traffic.
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use futures_util::{FutureExt, future::join_all};
use obs_cache::*;
use obs_core::*;
use obs_metrics::Metrics;
use proptest::{collection::vec, prelude::*};
use tower::{Layer, Service, ServiceExt, service_fn};

use crate::chat::*;

const MINUTE: Duration = Duration::from_secs(60);

/// Some calls at the same time, and how long it takes until the next ones.
#[derive(Clone, Debug)]
struct Burst {
    calls: Vec<Asked>,
    then: u32,
}

#[derive(Clone, Debug)]
struct Asked {
    question: u8,
    tenant: u8,
    streams: bool,
    directives: u8,
    /// It is dropped before it is answered.
    leaves: bool,
}

/// What the provider has answered, by the number of its calls: what each cost, if that is known.
#[derive(Clone, Default)]
struct Books {
    costs: Arc<Mutex<Vec<Option<i128>>>>,
    calls: Arc<AtomicUsize>,
}

fn bursts() -> impl Strategy<Value = Vec<Burst>> {
    let asked = (0..4_u8, 0..2_u8, any::<bool>(), 0..16_u8, 0..10_u8).prop_map(
        |(question, tenant, streams, directives, leaves)| Asked {
            question,
            tenant,
            streams,
            directives,
            leaves: leaves == 0,
        },
    );
    let burst = (vec(asked, 1..6), 0..12_u32);
    vec(burst.prop_map(|(calls, then)| Burst { calls, then }), 1..25)
}

impl Asked {
    fn call(&self) -> Call<Req> {
        let mut call = asking(&self.question.to_string()).tenant(self.tenant.to_string());
        call.request.stream = self.streams;
        let mut directives = CacheDirectives::default();
        match self.directives {
            0 => directives.no_store = true,
            1 => directives.no_cache = true,
            2 => directives.only_if_cached = true,
            3 => directives.max_age = Some(3 * MINUTE),
            4 => directives.max_stale = Some(MaxStale::Any),
            _ => {}
        }
        call.cache(directives)
    }
}

impl Books {
    /// Each answer names itself, and costs something else. Every seventh call fails, every eleventh costs nobody knows what.
    fn provider(
        &self,
    ) -> impl Service<Req, Response = Chat, Error = Error, Future: Send> + Clone + use<> {
        let this = self.clone();
        service_fn(move |req: Req| {
            let this = this.clone();
            async move {
                let number = this.calls.fetch_add(1, SeqCst);
                // Others come while it is under way.
                tokio::time::sleep(Duration::from_secs(1)).await;
                let tokens = (number as u64 * 37) % 1000 + 1;
                let is_known = number % 11 != 10;
                let mut costs = this.costs.lock().unwrap();
                let length = costs.len().max(number + 1);
                costs.resize(length, None);
                costs[number] = is_known.then_some(i128::from(tokens) * 5);
                if number % 7 == 6 {
                    return Err(Error::new(ErrorKind::Upstream, "down"));
                }
                let usage = is_known.then(|| bill(tokens));
                let parts = [text(&number.to_string()), stop()];
                Ok(match req.stream {
                    true => streamed(parts.into_iter().chain(usage)),
                    false => {
                        let told = Told {
                            text: number.to_string(),
                            ends: Ends::Stop,
                            usage: usage.and_then(|chunk| chunk.told.usage),
                        };
                        let body = serde_json::to_vec(&told).unwrap();
                        Chat {
                            body: Body::Whole(body.into(), told),
                            id: 0,
                        }
                    }
                })
            }
        })
    }
}

async fn play(bursts: Vec<Burst>) -> Result<(), TestCaseError> {
    let (wall, books, background) = (Wall::new(), Books::default(), Background::new(8));
    let layer = CacheLayer::new(Memory::new(1 << 20))
        .metrics(&Metrics::disabled())
        .clock(wall.clock())
        .ttl(5 * MINUTE)
        .stale_while_revalidate(2 * MINUTE, background.clone())
        .early_refresh(50.0, background.clone())
        .stale_if_error(10 * MINUTE)
        .max_stale(4 * MINUTE)
        .negative_ttl(MINUTE)
        .adaptive_ttl(AdaptiveTtl::between(MINUTE, 10 * MINUTE));
    let attempts = AttemptLayer::new(prices());
    let cache = layer.layer(attempts.layer(books.provider()));
    let (mut saved, mut calls) = (0, 0);
    for burst in bursts {
        let all = burst.calls.iter().map(|asked| {
            let (cache, call) = (cache.clone(), asked.call());
            let journal = call.journal();
            async move {
                let mut answer = Box::pin(cache.oneshot(call));
                let got = match asked.leaves {
                    true => answer.as_mut().now_or_never().and_then(Result::ok),
                    false => answer.await.ok(),
                };
                let text = match got {
                    Some(chat) => Some(read(chat).await),
                    None => None,
                };
                (text, journal.read())
            }
        });
        for (answer, report) in join_all(all).await {
            calls += 1;
            let costs = books.costs.lock().unwrap().clone();
            let is_hit = report
                .cache
                .as_ref()
                .is_some_and(|note| note.status.is_hit());
            let told = report.cache.as_ref().and_then(|note| note.saved);
            let Some(answer) = answer.filter(|_| is_hit) else {
                prop_assert!(told.is_none() || is_hit, "{report:?}");
                continue;
            };
            // The answer that was given says which call it is of, and so what it had cost.
            let cost = costs[answer.parse::<usize>().unwrap()];
            prop_assert_eq!(told.map(Usd::pico), cost, "{:?}", report);
            prop_assert!(cost.is_some() || told.is_none());
            saved += told.map_or(0, Usd::pico);
        }
        let quiet = async {
            while background.in_flight() > 0 {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        };
        quiet.await;
        wall.advance(burst.then * MINUTE / 2);
    }
    let stats = layer.stats();
    prop_assert_eq!(stats.saved.pico(), saved);
    prop_assert_eq!(stats.calls(), calls);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn savings_are_the_sum_of_what_was_served(bursts in bursts()) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(play(bursts))?;
    }
}
