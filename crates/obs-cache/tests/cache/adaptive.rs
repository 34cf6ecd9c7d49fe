//! Times to live that are learned: what is compared, by class, and that they reach calls.
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use futures_util::FutureExt;
use obs_cache::*;
use obs_core::*;
use obs_metrics::Metrics;
use tower::{Layer, ServiceExt, service_fn};

use crate::chat::*;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// A cache in front of a world that changes when the test says so.
#[derive(Clone)]
struct World {
    layer: CacheLayer<Shelf>,
    wall: Wall,
    store: Shelf,
    version: Arc<AtomicU64>,
    /// How many answers were asked of the world: the names of answers.
    asked: Arc<AtomicU64>,
}

fn world(set: impl FnOnce(AdaptiveTtl) -> AdaptiveTtl) -> World {
    let (wall, store) = (Wall::new(), Shelf::default());
    let layer = layer(store.clone())
        .ttl(10 * MINUTE)
        .adaptive_ttl(set(AdaptiveTtl::between(MINUTE, 24 * HOUR)))
        .clock(wall.clock());
    World {
        layer,
        wall,
        store,
        version: Arc::default(),
        asked: Arc::default(),
    }
}

impl World {
    fn ask(&self, call: Call<Req>) -> (String, CacheStatus) {
        let (version, asked) = (self.version.clone(), self.asked.clone());
        let attempts = AttemptLayer::new(prices());
        let cache = self.layer.layer(attempts.layer(service_fn(move |req: Req| {
            let version = version.load(SeqCst);
            asked.fetch_add(1, SeqCst);
            async move {
                let text = format!("{} {version}", req.prompt);
                Ok::<_, Error>(match req.stream {
                    true => streamed([crate::chat::text(&text), stop(), bill(10)]),
                    false => whole(&text),
                })
            }
        })));
        let journal = call.journal();
        let answer = cache.oneshot(call).now_or_never().expect("at once");
        let text = read(answer.unwrap()).now_or_never().expect("at once");
        (text, status(&journal).unwrap())
    }

    /// Asks again whenever the answer is over, so many times; the world changes before every `every`th.
    fn renew(&self, times: u64, every: u64) {
        for n in 1..=times {
            if n.is_multiple_of(every) {
                self.version.fetch_add(1, SeqCst);
            }
            self.ask(req(n % 2 == 0));
            self.wall.advance(self.ttl("chat m").ttl);
        }
    }

    fn ttl(&self, class: &str) -> ClassTtl {
        let all = self.layer.stats().ttls;
        let found = all.iter().find(|ttl| &*ttl.class == class);
        found.unwrap_or_else(|| panic!("{all:?}")).clone()
    }
}

#[test]
fn a_class_begins_with_the_time_that_was_set_and_explains_itself() {
    let world = world(|adaptive| adaptive);
    assert_eq!(world.layer.stats().ttls, []);
    world.ask(req(false));
    let ttl = world.ttl("chat m");
    assert_eq!((ttl.ttl, ttl.reason), (10 * MINUTE, TtlReason::Unknown));
    assert_eq!((ttl.compared, ttl.changed, ttl.reused_within), (0, 0, None));
    assert_eq!(
        ttl.to_string(),
        "chat m: 600.0s (as it was set, for nothing is known yet); 0 of 0 renewed answers were different, an answer \
         changes every 30000.0s; outdated: 1.00 % of hits"
    );
    let kept = world.store.entries();
    assert_eq!(kept[0].fresh_until.since(kept[0].created), 10 * MINUTE);
}

#[test]
fn answers_that_stay_the_same_live_longer_up_to_the_ceiling() {
    let world = world(|adaptive| adaptive);
    world.renew(400, u64::MAX);
    let ttl = world.ttl("chat m");
    assert_eq!((ttl.compared, ttl.changed, ttl.drifts), (399, 0, 0));
    assert!(ttl.ttl > 2 * HOUR, "{ttl}");
    assert!(ttl.changes_every > 50 * ttl.ttl, "{ttl}");
    // New answers are kept for as long.
    world.ask(req(false));
    let entry = world.store.entries().pop().unwrap();
    assert_eq!(entry.fresh_until.since(entry.created), ttl.ttl);
    world.renew(2000, u64::MAX);
    let ttl = world.ttl("chat m");
    assert_eq!((ttl.ttl, ttl.reason), (24 * HOUR, TtlReason::Ceiling));
}

#[test]
fn answers_that_change_live_shorter_down_to_the_floor() {
    let world = world(|adaptive| adaptive);
    world.renew(60, 1);
    let ttl = world.ttl("chat m");
    assert_eq!((ttl.ttl, ttl.reason), (MINUTE, TtlReason::Floor), "{ttl}");
    let stats = world.layer.stats();
    assert_eq!((stats.renewals, stats.renewals_changed), (59, 59));
    assert_eq!((ttl.compared, ttl.changed), (59, 59));
}

#[test]
fn what_is_kept_already_is_good_for_no_longer_than_what_is_learned_since() {
    let world = world(|adaptive| adaptive);
    world.ask(asking("kept"));
    world.renew(60, 1);
    assert_eq!(world.ttl("chat m").ttl, MINUTE);
    // Kept for ten minutes, one of which has not passed.
    let mut kept = asking("kept too");
    kept.request.model = "other".into();
    world.ask(kept);
    world.store.edit(|entry| {
        entry.created = world.wall.now();
        entry.fresh_until = world.wall.now().after(10 * MINUTE);
        entry.keep_until = entry.fresh_until;
    });
    world.wall.advance(59 * SECOND);
    assert_eq!(world.ask(asking("kept")).1, CacheStatus::Hit);
    world.wall.advance(SECOND);
    assert_eq!(world.ask(asking("kept")).1, CacheStatus::Miss);
    // Another model is another class.
    let mut kept = asking("kept too");
    kept.request.model = "other".into();
    assert_eq!(world.ask(kept).1, CacheStatus::Hit);
}

/// Renewed each time it is over, and given again so long before that.
fn used_before_the_end(before: Duration) -> ClassTtl {
    let world = world(|adaptive| adaptive);
    for n in 1..=600 {
        // Now and then it changes, so that the time is bound by what is outdated.
        if n % 40 == 0 {
            world.version.fetch_add(1, SeqCst);
        }
        world.ask(req(false));
        let ttl = world.ttl("chat m").ttl;
        world.wall.advance(ttl.saturating_sub(before).max(ttl / 16));
        for _ in 0..4 {
            world.ask(req(false));
        }
        world.wall.advance(ttl);
    }
    world.ttl("chat m")
}

#[test]
fn answers_that_are_used_late_in_their_life_live_shorter() {
    let late = used_before_the_end(SECOND);
    let early = used_before_the_end(24 * HOUR);
    assert!(2 * late.ttl < early.ttl, "{late} {early}");
}

#[test]
fn uses_are_told_of_whether_they_are_hits_or_not() {
    let world = world(|adaptive| adaptive);
    for wait in [20 * MINUTE, MINUTE, MINUTE] {
        world.ask(req(false));
        world.wall.advance(wait);
    }
    let ttl = world.ttl("chat m");
    assert_eq!(ttl.reused_within, Some(MINUTE), "{ttl}");
    world.ask(req(false));
    world.wall.advance(HOUR);
    world.ask(req(false));
    world.wall.advance(HOUR);
    world.ask(req(false));
    assert_eq!(world.ttl("chat m").reused_within, Some(20 * MINUTE));
}

#[test]
fn classes_are_operations_models_and_namespaces_or_what_the_operator_says() {
    let world = world(|adaptive| {
        adaptive.classify(|request, context| {
            let is_news = request.model() == "news";
            let tenant = context.tenant.as_deref().unwrap_or_default();
            is_news.then(|| format!("news of {tenant}").into())
        })
    });
    world.ask(req(false).namespace("n"));
    let mut news = req(false).tenant("acme");
    news.request.model = "news".into();
    world.ask(news);
    let mut embedding = req(false);
    embedding.request.operation = Operation::Embeddings;
    world.ask(embedding);
    let ttls = world.layer.stats().ttls;
    let names: Vec<_> = ttls.iter().map(|ttl| &*ttl.class).collect();
    assert_eq!(names, ["chat m n", "embeddings m", "news of acme"]);
}

#[test]
fn the_number_of_classes_is_bounded() {
    let world = world(|adaptive| adaptive);
    for n in 0..300 {
        let mut call = req(false);
        call.request.model = format!("{n}");
        world.ask(call);
    }
    let ttls = world.layer.stats().ttls;
    assert_eq!(ttls.len(), 101);
    assert!(ttls.iter().any(|ttl| &*ttl.class == "other"));
}

#[test]
fn each_comparison_is_of_the_same_key_alone() {
    let world = world(|adaptive| adaptive);
    for n in 0..20 {
        world.ask(asking(&n.to_string()));
    }
    assert_eq!(world.ttl("chat m").compared, 0);
    let other = asking("0").tenant("other");
    world.ask(other);
    assert_eq!(world.ttl("chat m").compared, 0);
    // The caller wants it asked again.
    world.ask(asking("0").cache(CacheDirectives::default().no_cache()));
    assert_eq!(world.ttl("chat m").compared, 1);
    // Nothing is learned of what is not kept.
    world.ask(asking("1").cache(CacheDirectives::default().no_store()));
    assert_eq!(world.ttl("chat m").compared, 1);
    assert_eq!(world.asked.load(SeqCst), 23);
}

#[test]
fn without_it_nothing_is_learned_and_times_are_fixed() {
    let (wall, store) = (Wall::new(), Shelf::default());
    let mut world = world(|adaptive| adaptive);
    world.layer = layer(store.clone()).ttl(HOUR).clock(wall.clock());
    world.wall = wall;
    for _ in 0..40 {
        world.version.fetch_add(1, SeqCst);
        world.ask(req(false));
        world.wall.advance(HOUR);
    }
    let stats = world.layer.stats();
    assert_eq!((stats.renewals, stats.ttls), (0, Vec::new()));
    let entry = store.entries().pop().unwrap();
    assert_eq!(entry.fresh_until.since(entry.created), HOUR);
}

#[test]
fn an_answer_that_cannot_be_read_back_is_kept_and_not_compared() {
    let wall = Wall::new();
    let layer = layer(Shelf::default())
        .adaptive_ttl(AdaptiveTtl::between(MINUTE, HOUR))
        .clock(wall.clock())
        .metrics(&Metrics::disabled());
    let answers = service_fn(|_: Call<Req>| async move {
        let mut chat = whole("x");
        if let Body::Whole(bytes, _) = &mut chat.body {
            *bytes = "panic".into();
        }
        Ok::<_, Error>(chat)
    });
    for _ in 0..3 {
        let answer = layer.layer(answers).oneshot(req(false)).now_or_never();
        assert!(answer.expect("at once").is_ok());
    }
    assert_eq!(layer.stats().renewals, 0);
}
