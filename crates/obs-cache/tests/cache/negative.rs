//! Refusals that will repeat, and are given again.
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use futures_util::FutureExt;
use obs_cache::*;
use obs_core::*;
use tower::{Layer, ServiceExt, service_fn};

use crate::chat::*;

const SECOND: Duration = Duration::from_secs(1);

/// A cache in front of a provider that refuses every prompt but `well`.
#[derive(Clone)]
struct Refusing {
    layer: CacheLayer<Shelf>,
    kind: ErrorKind,
    wall: Wall,
    calls: Arc<AtomicUsize>,
}

fn refusing(kind: ErrorKind, set: impl FnOnce(CacheLayer<Shelf>) -> CacheLayer<Shelf>) -> Refusing {
    let wall = Wall::new();
    Refusing {
        layer: set(layer(Shelf::default()).clock(wall.clock())),
        kind,
        wall,
        calls: Arc::default(),
    }
}

fn for_a_minute(layer: CacheLayer<Shelf>) -> CacheLayer<Shelf> {
    layer.negative_ttl(60 * SECOND)
}

impl Refusing {
    /// What the answer was, how it was come by, and what has been asked of the provider so far.
    fn ask(&self, call: Call<Req>) -> (Result<String, ErrorKind>, CacheStatus, usize) {
        let (calls, kind) = (self.calls.clone(), self.kind);
        let attempts = AttemptLayer::new(prices());
        let cache = self.layer.layer(attempts.layer(service_fn(move |req: Req| {
            calls.fetch_add(1, SeqCst);
            async move {
                match &*req.prompt {
                    "well" => Ok(whole("well")),
                    _ => Err(Error::new(kind, "no")),
                }
            }
        })));
        let journal = call.journal();
        let got = cache.oneshot(call).now_or_never().expect("at once");
        let report = journal.read();
        let saved = report.saved_by_cache();
        assert!(
            got.is_ok() || saved.is_none(),
            "a refusal saves nothing: {saved:?}"
        );
        let got = got.map(|chat| told(&chat).to_owned());
        let status = report.cache.expect("noted").status;
        let calls = self.calls.load(SeqCst);
        (got.map_err(|error| error.kind()), status, calls)
    }
}

#[test]
fn only_what_is_refused_for_what_it_is_is_refused_again_unasked() {
    for &kind in ErrorKind::ALL {
        let repeats = matches!(
            kind,
            ErrorKind::Caller | ErrorKind::ContextTooLong | ErrorKind::ContentFilter
        );
        let provider = refusing(kind, for_a_minute);
        let first = provider.ask(asking("x"));
        assert_eq!(first, (Err(kind), CacheStatus::Miss, 1));
        let again = provider.ask(asking("x"));
        match repeats {
            true => assert_eq!(again, (Err(kind), CacheStatus::Negative, 1)),
            false => assert_eq!(again, (Err(kind), CacheStatus::Miss, 2)),
        }
        let stats = provider.layer.stats();
        assert_eq!(stats.negative, u64::from(repeats));
        assert_eq!(stats.misses, 2 - u64::from(repeats));
        assert_eq!((stats.hits, stats.calls()), (0, 2));
        assert_eq!(stats.saved, Usd::ZERO);
    }
}

#[test]
fn it_is_off_unless_asked_for() {
    let provider = refusing(ErrorKind::ContextTooLong, |layer| layer);
    let _ = provider.ask(asking("x"));
    assert_eq!(provider.ask(asking("x")).2, 2);
}

#[test]
fn it_is_over_when_its_time_is() {
    let provider = refusing(ErrorKind::ContentFilter, for_a_minute);
    let _ = provider.ask(asking("x"));
    provider.wall.advance(59 * SECOND);
    assert_eq!(provider.ask(asking("x")).1, CacheStatus::Negative);
    provider.wall.advance(SECOND);
    assert_eq!(provider.ask(asking("x")).1, CacheStatus::Miss);
}

#[test]
fn no_other_call_is_refused_with_it() {
    let provider = refusing(ErrorKind::ContentFilter, for_a_minute);
    let _ = provider.ask(asking("x").tenant("a"));
    assert_eq!(provider.ask(asking("x").tenant("b")).2, 2);
    assert_eq!(provider.ask(asking("x")).2, 3);
    assert_eq!(provider.ask(asking("x").namespace("n").tenant("a")).2, 4);
    assert_eq!(provider.ask(asking("y").tenant("a")).2, 5);
    assert_eq!(provider.ask(asking("x").tenant("a")).2, 5);
}

#[test]
fn a_caller_can_have_it_asked_again() {
    let provider = refusing(ErrorKind::Caller, for_a_minute);
    let _ = provider.ask(asking("x"));
    provider.wall.advance(10 * SECOND);
    let none = CacheDirectives::default;
    let (_, status, calls) = provider.ask(asking("x").cache(none().no_cache()));
    assert_eq!((status, calls), (CacheStatus::Bypass, 2));
    let (_, status, calls) = provider.ask(asking("x").cache(none().no_store()));
    assert_eq!((status, calls), (CacheStatus::Bypass, 3));
    provider.wall.advance(10 * SECOND);
    let (_, status, _) = provider.ask(asking("x").cache(none().max_age(10 * SECOND)));
    assert_eq!(status, CacheStatus::Negative);
    let (_, status, calls) = provider.ask(asking("x").cache(none().max_age(9 * SECOND)));
    assert_eq!((status, calls), (CacheStatus::Miss, 4));
    // Who wants nothing asked is told what is known.
    let known = provider.ask(asking("x").cache(none().only_if_cached()));
    assert_eq!(known, (Err(ErrorKind::Caller), CacheStatus::Negative, 4));
    let unknown = provider.ask(asking("y").cache(none().only_if_cached()));
    assert_eq!(unknown.0, Err(ErrorKind::NotCached));
}

#[test]
fn an_answer_ends_it_and_an_answer_that_is_kept_goes_before() {
    let provider = refusing(ErrorKind::Caller, for_a_minute);
    assert_eq!(provider.ask(asking("well")).1, CacheStatus::Miss);
    // The same call is refused now, by who wants it asked again.
    let refusing =
        service_fn(
            |_: Call<Req>| async move { Err::<Chat, _>(Error::new(ErrorKind::Caller, "no")) },
        );
    let again = || asking("well").cache(CacheDirectives::default().no_cache());
    let refused = provider.layer.layer(refusing).oneshot(again());
    let refused = refused.now_or_never().expect("at once");
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Caller);
    // The answer of before is good still.
    assert_eq!(provider.ask(asking("well")).1, CacheStatus::Hit);
    // It is asked once more, and answered: nothing is left of the refusal when that answer is over.
    assert_eq!(provider.ask(again()).0, Ok("well".to_owned()));
    provider.wall.advance(30 * SECOND);
    let deleted = provider.layer.store();
    deleted.edit(|entry| {
        entry.fresh_until = Timestamp::default();
        entry.keep_until = Timestamp::default();
    });
    assert_eq!(provider.ask(asking("well")).1, CacheStatus::Miss);
}

#[test]
fn it_can_be_deleted_and_purged() {
    let provider = refusing(ErrorKind::Caller, for_a_minute);
    let _ = provider.ask(asking("x"));
    let handle = provider.layer.handle();
    let deleted = handle.delete(&asking("x")).now_or_never().unwrap();
    deleted.unwrap();
    assert_eq!(provider.ask(asking("x")).1, CacheStatus::Miss);
    assert_eq!(provider.ask(asking("x")).1, CacheStatus::Negative);
    let memory = CacheLayer::new(Memory::new(1 << 20)).negative_ttl(60 * SECOND);
    let ask = || {
        let cache = memory.layer(service_fn(|_: Call<Req>| async move {
            Err::<Chat, _>(Error::new(ErrorKind::Caller, "no"))
        }));
        let call = asking("x");
        let journal = call.journal();
        let _ = cache.oneshot(call).now_or_never().unwrap();
        status(&journal).unwrap()
    };
    assert_eq!((ask(), ask()), (CacheStatus::Miss, CacheStatus::Negative));
    let purged = memory.handle().purge_all().now_or_never().unwrap();
    purged.unwrap();
    assert_eq!(ask(), CacheStatus::Miss);
}

#[test]
fn the_number_of_refusals_is_bounded() {
    let provider = refusing(ErrorKind::Caller, for_a_minute);
    let all = || (0..6000).map(|n: u32| asking(&n.to_string()));
    all().for_each(|call| _ = provider.ask(call));
    all().for_each(|call| _ = provider.ask(call));
    let negative = provider.layer.stats().negative;
    assert!(negative <= 4096 + 100, "{negative}");
}
