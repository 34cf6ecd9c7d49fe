//! What several processes spend together, with a store that the test holds.
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use bytes::Bytes;
use obs_budget::{Added, Budget, Budgets, Sums, Window};
use obs_core::Background;
use tokio::time::{sleep, timeout};

use crate::support::{Clock, usd};

/// Sums in memory, which can be away.
#[derive(Clone, Default)]
struct Memory(Arc<State>);

#[derive(Default)]
struct State {
    sums: Mutex<HashMap<Bytes, i64>>,
    kept_for: Mutex<Vec<Duration>>,
    asked: AtomicUsize,
    is_away: AtomicBool,
    hangs: AtomicBool,
    panics: AtomicBool,
}

impl Sums for Memory {
    fn add(&self, key: Bytes, amount: i64, keep_for: Duration) -> Added {
        let state = self.0.clone();
        state.asked.fetch_add(1, SeqCst);
        assert!(!state.panics.load(SeqCst), "as the test wants it");
        Box::pin(async move {
            if state.hangs.load(SeqCst) {
                sleep(Duration::from_secs(3600)).await;
            }
            if state.is_away.load(SeqCst) {
                return Err("away".into());
            }
            let mut sums = state.sums.lock().expect("sound");
            let sum = sums.entry(key).or_insert_with(|| {
                state.kept_for.lock().expect("sound").push(keep_for);
                0
            });
            *sum += amount;
            Ok(*sum)
        })
    }
}

struct Two {
    memory: Memory,
    clock: Clock,
    background: Background,
    one: Budgets,
    other: Budgets,
}

impl Two {
    fn new() -> Self {
        let (memory, clock) = (Memory::default(), Clock::at_midnight());
        let background = Background::new(4);
        let budgets = || {
            let limits = [Budget::dollars(usd("10"), Window::HOUR)];
            let builder = Budgets::builder("tenant", limits).local_share(0.5);
            clock.on(builder.shared(memory.clone(), background.clone()))
        };
        Self {
            one: budgets(),
            other: budgets(),
            memory,
            background,
            clock,
        }
    }

    fn away(&self, is_away: bool) {
        self.memory.0.is_away.store(is_away, SeqCst);
    }
}

/// Longer than the pause between exchanges.
async fn a_while() {
    sleep(Duration::from_millis(2_500)).await;
}

#[tokio::test(start_paused = true)]
async fn what_another_spent_is_known_within_seconds() {
    let two = Two::new();
    two.one.charge("a", usd("4"));
    assert_eq!(two.one.left("a").usd, Some(usd("6")), "its own at once");
    a_while().await;
    let _ = two.other.left("a");
    a_while().await;
    assert_eq!(two.other.left("a").usd, Some(usd("6")));
    two.other.charge("a", usd("3.000000000001"));
    two.one.charge("a", usd("1"));
    a_while().await;
    let _ = (two.one.left("a"), two.other.left("a"));
    a_while().await;
    assert_eq!(two.one.left("a").usd, Some(usd("1.999999999999")));
    assert_eq!(two.other.left("a").usd, Some(usd("1.999999999999")));
}

#[tokio::test(start_paused = true)]
async fn many_charges_are_one_exchange() {
    let two = Two::new();
    for _ in 0..1_000 {
        two.one.charge("a", usd("0.001"));
    }
    a_while().await;
    assert_eq!(two.one.left("a").usd, Some(usd("9")));
    let asked = two.memory.0.asked.load(SeqCst);
    assert!(asked <= 2, "{asked}");
    let sums = two.memory.0.sums.lock().expect("sound").clone();
    assert_eq!(sums.into_values().collect::<Vec<_>>(), [1_000_000_000_000]);
}

#[tokio::test(start_paused = true)]
async fn a_sum_is_kept_a_little_longer_than_its_window() {
    let two = Two::new();
    two.one.charge("a", usd("1"));
    a_while().await;
    two.one.charge("a", usd("1"));
    a_while().await;
    let kept = two.memory.0.kept_for.lock().expect("sound").clone();
    assert_eq!(kept, [Duration::from_secs(3600 + 600)]);
}

#[tokio::test(start_paused = true)]
async fn a_sum_that_the_store_lost_is_told_anew() {
    let two = Two::new();
    two.one.charge("a", usd("4"));
    a_while().await;
    two.memory.0.sums.lock().expect("sound").clear();
    two.one.charge("a", usd("1"));
    a_while().await;
    let _ = (two.one.left("a"), two.other.left("a"));
    a_while().await;
    let _ = two.other.left("a");
    a_while().await;
    assert_eq!(two.other.left("a").usd, Some(usd("5")));
    assert_eq!(two.one.left("a").usd, Some(usd("5")), "and counts once");
}

#[tokio::test(start_paused = true)]
async fn a_new_window_has_a_new_sum() {
    let two = Two::new();
    two.one.charge("a", usd("4"));
    a_while().await;
    two.clock.pass(3600);
    two.one.charge("a", usd("1"));
    a_while().await;
    let _ = two.other.left("a");
    a_while().await;
    assert_eq!(two.other.left("a").usd, Some(usd("9")));
}

#[tokio::test(start_paused = true)]
async fn what_is_told_of_an_old_window_is_not_taken_for_the_new_one() {
    let two = Two::new();
    two.memory.0.hangs.store(true, SeqCst);
    two.one.charge("a", usd("4"));
    a_while().await;
    two.clock.pass(3600);
    assert_eq!(two.one.left("a").usd, Some(usd("10")));
    two.memory.0.hangs.store(false, SeqCst);
    sleep(Duration::from_secs(3600)).await;
    two.one.charge("a", usd("1"));
    a_while().await;
    let _ = two.other.left("a");
    a_while().await;
    assert_eq!(two.one.left("a").usd, Some(usd("9")));
    assert_eq!(two.other.left("a").usd, Some(usd("9")));
}

#[tokio::test(start_paused = true)]
async fn of_two_limits_on_the_same_the_tighter_holds_and_charges_count_once() {
    let two = Two::new();
    for budgets in [&two.one, &two.other] {
        budgets.limit_all(["20", "3"].map(|limit| Budget::dollars(usd(limit), Window::HOUR)));
    }
    two.one.charge("a", usd("1"));
    a_while().await;
    let _ = (two.one.left("a"), two.other.left("a"));
    a_while().await;
    assert_eq!(two.one.left("a").usd, Some(usd("2")));
    assert_eq!(two.other.left("a").usd, Some(usd("2")));
}

#[tokio::test(start_paused = true)]
async fn no_name_is_in_a_key() {
    let two = Two::new();
    two.one.charge("sk-secret", usd("1"));
    a_while().await;
    let sums = two.memory.0.sums.lock().expect("sound");
    let key = sums.keys().next().expect("one");
    let key = str::from_utf8(key).expect("text");
    assert!(key.starts_with("obs:budget:tenant:"), "{key}");
    assert!(!key.contains("secret"), "{key}");
}

#[tokio::test(start_paused = true)]
async fn without_the_store_each_has_its_share_and_that_is_counted() {
    let two = Two::new();
    two.away(true);
    two.one.charge("a", usd("1"));
    a_while().await;
    assert_eq!(
        two.one.left("a").usd,
        Some(usd("4")),
        "half of ten less one"
    );
    two.one.charge("a", usd("4.5"));
    assert!(two.one.left("a").is_exhausted());
    assert!(two.one.stats().store_errors > 0);
    assert_eq!(two.one.stats().alone, usd("4.5"));
    two.away(false);
    a_while().await;
    let _ = two.one.left("a");
    a_while().await;
    assert_eq!(two.one.left("a").usd, Some(usd("4.5")), "back by itself");
    let _ = two.other.left("a");
    a_while().await;
    assert_eq!(
        two.other.left("a").usd,
        Some(usd("4.5")),
        "and nothing is lost"
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_known_of_others_is_not_forgotten_when_the_store_goes() {
    let two = Two::new();
    two.other.charge("a", usd("8"));
    a_while().await;
    two.one.charge("a", usd("1"));
    a_while().await;
    two.away(true);
    let _ = two.one.left("a");
    a_while().await;
    assert_eq!(two.one.left("a").usd, Some(usd("1")), "not four");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_makes_nobody_wait() {
    let two = Two::new();
    two.memory.0.hangs.store(true, SeqCst);
    for _ in 0..100 {
        two.one.charge("a", usd("0.01"));
        assert_eq!(two.one.admit("a"), Ok(()));
        tokio::task::yield_now().await;
    }
    assert_eq!(two.one.left("a").usd, Some(usd("9")));
    assert_eq!(
        two.background.in_flight(),
        1,
        "one piece of work, however many charges"
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_told_of_one_budget_is_not_taken_for_that_of_another_when_limits_change_meanwhile()
{
    let two = Two::new();
    let (hour, spent) = (Window::HOUR, usd("4"));
    two.other.charge("a", spent);
    a_while().await;
    two.memory.0.hangs.store(true, SeqCst);
    let _ = two.one.left("a");
    a_while().await;
    two.one
        .limit_all([Budget::requests(5, hour), Budget::dollars(usd("10"), hour)]);
    two.memory.0.hangs.store(false, SeqCst);
    sleep(Duration::from_secs(3600)).await;
    assert_eq!(two.one.left("a").requests, Some(5));
    assert_eq!(two.one.left("a").usd, Some(usd("6")));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_panics_is_a_fault_and_is_asked_again() {
    let two = Two::new();
    two.memory.0.panics.store(true, SeqCst);
    two.one.charge("a", usd("1"));
    a_while().await;
    assert_eq!(two.one.stats().store_errors, 1);
    two.memory.0.panics.store(false, SeqCst);
    let _ = two.one.left("a");
    a_while().await;
    let _ = two.other.left("a");
    a_while().await;
    assert_eq!(two.other.left("a").usd, Some(usd("9")));
}

#[tokio::test(start_paused = true)]
async fn background_work_ends_when_nobody_charges_any_more() {
    let two = Two::new();
    two.one.charge("a", usd("1"));
    let drained = timeout(
        Duration::from_secs(60),
        two.background.drain(Duration::from_secs(10)),
    );
    assert_eq!(drained.await, Ok(true));
    two.one.charge("a", usd("1"));
    assert_eq!(two.one.left("a").usd, Some(usd("8")), "it counts on");
    assert!(
        two.one.stats().store_errors > 0,
        "and says that nobody is told"
    );
}
