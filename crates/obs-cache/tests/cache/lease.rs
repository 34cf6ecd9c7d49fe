//! Several processes that share a store: one asks, and the others wait for what it keeps.
use std::{
    collections::HashMap,
    future::ready,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};

use futures_util::{FutureExt, StreamExt};
use obs_cache::*;
use obs_core::*;
use tokio::time::Instant;
use tokio_test::{assert_pending, task};
use tower::ServiceExt;

use crate::chat::*;

const SECOND: Duration = Duration::from_secs(1);

/// A store that several processes share; one handle for each.
#[derive(Clone, Debug, Default)]
struct Common {
    shelf: Shelf,
    leases: Arc<Mutex<HashMap<Key, (u32, Instant)>>>,
    process: u32,
    /// Whether what is asked of leases fails.
    broken: Arc<AtomicBool>,
    panics: Arc<AtomicBool>,
}

impl Common {
    fn of(&self, process: u32) -> Self {
        Self {
            process,
            ..self.clone()
        }
    }

    fn leases(&self) -> usize {
        self.leases.lock().unwrap().len()
    }
}

impl Store for Common {
    type Get = <Shelf as Store>::Get;

    fn get(&self, key: &Key, now: Timestamp) -> Self::Get {
        self.shelf.get(key, now)
    }

    fn put(&self, key: &Key, entry: Entry, now: Timestamp) {
        self.shelf.put(key, entry, now);
        self.release(key);
    }

    fn remove(&self, key: &Key) {
        self.shelf.remove(key);
    }

    fn lease(&self, key: &Key, time: Duration) -> Pending<bool> {
        assert!(!self.panics.load(SeqCst), "a store of anybody's");
        if self.broken.load(SeqCst) {
            return Box::pin(ready(Err(StoreFault::Unavailable.into())));
        }
        let mut leases = self.leases.lock().unwrap();
        let now = Instant::now();
        let is_taken = leases.get(key).is_some_and(|(_, until)| now < *until);
        if !is_taken {
            leases.insert(*key, (self.process, now + time));
        }
        Box::pin(ready(Ok(!is_taken)))
    }

    fn release(&self, key: &Key) {
        let mut leases = self.leases.lock().unwrap();
        if leases
            .get(key)
            .is_some_and(|(holder, _)| *holder == self.process)
        {
            leases.remove(key);
        }
    }
}

type Gateway = (Cache<Mocked, Common>, Handle);

fn gateways() -> (Gateway, Gateway, Common) {
    let common = Common::default();
    let gateway = |process| around(&layer(common.of(process)).lease(10 * SECOND));
    (gateway(1), gateway(2), common.clone())
}

type Asked = tokio::task::JoinHandle<Result<Chat, Error>>;

fn ask(gateway: &Gateway, call: Call<Req>) -> (Asked, Journal) {
    let journal = call.journal();
    (tokio::spawn(gateway.0.clone().oneshot(call)), journal)
}

#[tokio::test(start_paused = true)]
async fn one_process_asks_and_the_other_has_its_answer_for_nothing() {
    let (mut one, mut other, common) = gateways();
    for streams in [false, true] {
        let prompt = format!("streamed {streams}");
        let call = || {
            let mut call = asking(&prompt);
            call.request.stream = streams;
            call
        };
        let (first, paid) = ask(&one, call());
        let send = next(&mut one.1).await;
        let followers: Vec<_> = (0..20).map(|_| ask(&other, call())).collect();
        tokio::time::sleep(2 * SECOND).await;
        assert!(followers.iter().all(|(asked, _)| !asked.is_finished()));
        send.send_response(match streams {
            false => whole("an answer"),
            true => streamed([text("an answer"), stop(), bill(10)]),
        });
        assert_eq!(read(first.await.unwrap().unwrap()).await, "an answer");
        assert_eq!(
            (status(&paid), cost(&paid)),
            (Some(CacheStatus::Miss), Some(50))
        );
        for (asked, journal) in followers {
            assert_eq!(read(asked.await.unwrap().unwrap()).await, "an answer");
            assert_eq!(status(&journal), Some(CacheStatus::Coalesced));
            assert_eq!((cost(&journal), saved(&journal)), (Some(0), Some(50)));
        }
        assert!(
            other.1.next_request().now_or_never().is_none(),
            "nothing was asked"
        );
    }
    let stats = other.0.stats();
    assert_eq!((stats.coalesced, stats.misses, stats.calls()), (40, 0, 40));
    assert_eq!(stats.saved, usd(40 * 50));
    assert_eq!((stats.lease_waits, stats.lease_answers), (2, 2));
    assert_eq!(common.leases(), 0);
    assert_eq!(common.shelf.entries().len(), 2, "stored by who asked alone");
}

#[tokio::test(start_paused = true)]
async fn when_the_holder_fails_another_asks_soon() {
    let (mut one, mut other, common) = gateways();
    let (first, _) = ask(&one, req(false));
    let send = next(&mut one.1).await;
    let (second, journal) = ask(&other, req(false));
    tokio::time::sleep(SECOND).await;
    let failed = Instant::now();
    send.send_error(Error::new(ErrorKind::Upstream, "down"));
    assert!(first.await.unwrap().is_err());
    next(&mut other.1).await.send_response(whole("other's"));
    assert_eq!(told(&second.await.unwrap().unwrap()), "other's");
    assert!(failed.elapsed() <= SECOND / 4, "{:?}", failed.elapsed());
    assert_eq!(status(&journal), Some(CacheStatus::Miss));
    assert_eq!((cost(&journal), common.leases()), (Some(50), 0));
}

#[tokio::test(start_paused = true)]
async fn a_holder_whose_callers_leave_gives_the_lease_back() {
    let (mut one, mut other, _) = gateways();
    let (first, _) = ask(&one, req(false));
    let _send = next(&mut one.1).await;
    let (second, _) = ask(&other, req(false));
    tokio::time::sleep(SECOND).await;
    first.abort();
    next(&mut other.1).await.send_response(whole("other's"));
    assert_eq!(told(&second.await.unwrap().unwrap()), "other's");
}

#[tokio::test(start_paused = true)]
async fn the_lease_ends_with_the_call_however_long_somebody_reads_what_came() {
    let (mut one, mut other, common) = gateways();
    let asked = [(); 2].map(|()| ask(&one, req(true)).0);
    let tx = stream_next(&mut one.1).await;
    tx.send(Ok(text("a"))).unwrap();
    tx.send(Err(Error::new(ErrorKind::CutOff, "cut"))).unwrap();
    let [reads, rests] = asked;
    let (reads, rests) = (reads.await.unwrap().unwrap(), rests.await.unwrap().unwrap());
    assert_eq!(common.leases(), 1);
    assert!(chunks(reads).collect::<Vec<_>>().await[1].is_err());
    assert_eq!(common.leases(), 0);
    let (second, _) = ask(&other, req(false));
    let send = tokio::time::timeout(SECOND, next(&mut other.1)).await;
    send.unwrap().send_response(whole("other's"));
    assert_eq!(told(&second.await.unwrap().unwrap()), "other's");
    drop(rests);
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_vanishes_delays_others_by_the_time_of_the_lease_at_most() {
    let (_, mut other, common) = gateways();
    // A process that has died with the lease: nobody gives it back.
    let began = Instant::now();
    let (mut dead, handle) = around(&layer(common.of(3)).lease(10 * SECOND));
    let mut asked = task::spawn(tower::Service::call(&mut dead, req(false)));
    assert_pending!(asked.poll());
    assert_eq!(common.leases(), 1);
    std::mem::forget(asked);
    let (second, journal) = ask(&other, req(false));
    next(&mut other.1).await.send_response(whole("other's"));
    assert_eq!(told(&second.await.unwrap().unwrap()), "other's");
    let took = began.elapsed();
    assert!((10 * SECOND..=SECOND * 21 / 2).contains(&took), "{took:?}");
    assert_eq!(status(&journal), Some(CacheStatus::Miss));
    let stats = other.0.stats();
    assert_eq!((stats.lease_waits, stats.lease_answers), (1, 0));
    drop(handle);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_makes_everybody_call_at_once() {
    for panics in [false, true] {
        let (one, mut other, common) = gateways();
        let fails = if panics {
            &common.panics
        } else {
            &common.broken
        };
        let mut first = task::spawn(one.0.clone().oneshot(req(false)));
        assert_pending!(first.poll());
        // In the wait, and before it.
        let (second, _) = ask(&other, req(false));
        tokio::time::sleep(SECOND).await;
        fails.store(true, SeqCst);
        let (third, _) = ask(&other, asking("another"));
        let failed = Instant::now();
        for _ in 0..2 {
            next(&mut other.1).await.send_response(whole("x"));
        }
        for asked in [second, third] {
            assert_eq!(told(&asked.await.unwrap().unwrap()), "x");
        }
        assert!(failed.elapsed() <= SECOND / 4);
        assert_eq!(other.0.stats().store_faults, 2);
    }
}

#[tokio::test(start_paused = true)]
async fn who_wants_it_asked_again_waits_for_nobody() {
    let (one, mut other, _) = gateways();
    let mut first = task::spawn(one.0.clone().oneshot(req(false)));
    assert_pending!(first.poll());
    let again = req(false).cache(CacheDirectives::default().no_cache());
    let (second, _) = ask(&other, again);
    let send = other.1.next_request();
    let send = tokio::time::timeout(SECOND / 1000, send)
        .await
        .expect("at once");
    send.unwrap().1.send_response(whole("new"));
    assert_eq!(told(&second.await.unwrap().unwrap()), "new");
}

#[tokio::test(start_paused = true)]
async fn a_callers_own_deadline_holds_while_it_waits() {
    let (one, other, _) = gateways();
    let mut first = task::spawn(one.0.clone().oneshot(req(false)));
    assert_pending!(first.poll());
    let began = Instant::now();
    let call = req(false).deadline(Deadline::after(3 * SECOND, Duration::ZERO));
    let (second, _) = ask(&other, call);
    let error = second.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert_eq!(began.elapsed(), 3 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn without_it_every_process_asks() {
    let common = Common::default();
    let (one, _handle) = around(&layer(common.of(1)));
    let mut other = around(&layer(common.of(2)));
    let mut first = task::spawn(one.oneshot(req(false)));
    assert_pending!(first.poll());
    assert_eq!(common.leases(), 0);
    let (second, _) = ask(&other, req(false));
    next(&mut other.1).await.send_response(whole("x"));
    second.await.unwrap().unwrap();
}

const MINUTE: Duration = Duration::from_secs(60);

/// Gateways that renew answers of ten minutes in the background, each with memory in front of what they share.
struct Renewing {
    common: Common,
    wall: Wall,
    gateways: Vec<(Cache<Mocked, Tiered<Common>>, Handle)>,
    background: Background,
}

impl Renewing {
    fn new(set: impl Fn(CacheLayer<Tiered<Common>>) -> CacheLayer<Tiered<Common>>) -> Self {
        let (common, wall) = (Common::default(), Wall::new());
        let background = Background::new(9);
        let gateway = |process| {
            let store = Tiered::new(Memory::new(1 << 20), common.of(process));
            let layer = layer(store).ttl(10 * MINUTE).clock(wall.clock());
            let layer = layer.stale_while_revalidate(5 * MINUTE, background.clone());
            around(&set(layer.lease(10 * SECOND)))
        };
        Self {
            gateways: (1..=2).map(gateway).collect(),
            common,
            wall,
            background,
        }
    }

    async fn ask(&self, at: usize) -> (String, Option<CacheStatus>) {
        let call = req(false);
        let journal = call.journal();
        let answer = self.gateways[at].0.clone().oneshot(call).await.unwrap();
        // The clock is paused: what can be done without it is done then.
        tokio::time::sleep(SECOND / 100).await;
        (told(&answer).to_owned(), status(&journal))
    }

    /// Both have it.
    async fn keep(&mut self, answer: &str) {
        let asked = tokio::spawn(self.gateways[0].0.clone().oneshot(req(false)));
        next(&mut self.gateways[0].1)
            .await
            .send_response(whole(answer));
        asked.await.unwrap().unwrap();
        for at in 0..2 {
            assert_eq!(self.ask(at).await, (answer.into(), Some(CacheStatus::Hit)));
        }
    }

    fn is_asked(&mut self, at: usize) -> Option<tower_test::mock::SendResponse<Chat>> {
        let request = self.gateways[at].1.next_request().now_or_never();
        request.map(|request| request.unwrap().1)
    }
}

#[tokio::test(start_paused = true)]
async fn one_process_refreshes_and_the_others_give_what_they_have_meanwhile() {
    let mut both = Renewing::new(|layer| layer);
    both.keep("old").await;
    both.wall.advance(11 * MINUTE);
    let stale = ("old".to_owned(), Some(CacheStatus::Stale));
    assert_eq!(both.ask(0).await, stale);
    let refresh = both.is_asked(0).expect("it refreshes");
    assert_eq!(both.common.leases(), 1);
    for _ in 0..3 {
        assert_eq!(both.ask(1).await, stale, "at once");
    }
    assert!(both.is_asked(1).is_none(), "the other does not");
    // Who wants nothing stale waits for it there too.
    let fresh = req(false).cache(CacheDirectives::default().max_age(MINUTE));
    let fresh = tokio::spawn(both.gateways[1].0.clone().oneshot(fresh));
    tokio::time::sleep(SECOND).await;
    refresh.send_response(whole("new"));
    assert_eq!(told(&fresh.await.unwrap().unwrap()), "new");
    for at in 0..2 {
        assert_eq!(both.ask(at).await, ("new".into(), Some(CacheStatus::Hit)));
        assert!(both.is_asked(at).is_none());
    }
    assert_eq!((both.common.leases(), both.background.in_flight()), (0, 0));
    let stats = [0, 1].map(|at| both.gateways[at].0.stats());
    assert_eq!([stats[0].refreshes, stats[0].refreshes_left], [1, 0]);
    assert_eq!([stats[1].refreshes, stats[1].refreshes_left], [0, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_refresh_that_fails_leaves_it_to_another_process() {
    let mut both = Renewing::new(|layer| layer);
    both.keep("old").await;
    both.wall.advance(11 * MINUTE);
    both.ask(0).await;
    let down = Error::new(ErrorKind::Upstream, "down");
    both.is_asked(0).expect("it refreshes").send_error(down);
    tokio::time::sleep(SECOND).await;
    assert_eq!(both.common.leases(), 0);
    both.ask(1).await;
    both.is_asked(1)
        .expect("it refreshes")
        .send_response(whole("new"));
    tokio::time::sleep(SECOND).await;
    assert_eq!(both.ask(0).await, ("new".into(), Some(CacheStatus::Hit)));
}

#[tokio::test(start_paused = true)]
async fn an_early_refresh_by_another_process_is_taken_over_and_not_repeated() {
    // So early that each hit is due, once it is known how long calls take.
    let mut both = Renewing::new(|layer| layer.early_refresh(1e12, Background::new(9)));
    for (at, prompt, answer) in [(1, "else", "else"), (0, "p", "old")] {
        let gateway = &mut both.gateways[at];
        let asked = tokio::spawn(gateway.0.clone().oneshot(asking(prompt)));
        next(&mut gateway.1).await.send_response(whole(answer));
        asked.await.unwrap().unwrap();
    }
    both.wall.advance(MINUTE);
    let ask = async |both: &Renewing, at: usize| {
        let asked = both.gateways[at].0.clone().oneshot(asking("p"));
        let answer = asked.await.unwrap();
        tokio::time::sleep(SECOND / 100).await;
        told(&answer).to_owned()
    };
    assert_eq!(ask(&both, 1).await, "old");
    let refresh = both.is_asked(1).expect("it refreshes");
    refresh.send_response(whole("new"));
    tokio::time::sleep(SECOND).await;
    // Its memory has the old one, which is fresh still.
    assert_eq!(ask(&both, 0).await, "old");
    assert!(both.is_asked(0).is_none(), "it is renewed already");
    assert_eq!(ask(&both, 0).await, "new");
    assert_eq!(both.gateways[0].0.stats().refreshes_left, 1);
}

#[tokio::test(start_paused = true)]
async fn with_a_store_that_fails_every_process_refreshes() {
    let mut both = Renewing::new(|layer| layer);
    both.keep("old").await;
    both.wall.advance(11 * MINUTE);
    both.common.broken.store(true, SeqCst);
    for at in 0..2 {
        assert_eq!(both.ask(at).await.0, "old");
    }
    let sends = [0, 1].map(|at| both.is_asked(at));
    assert!(sends.iter().all(Option::is_some));
    assert_eq!(both.gateways[1].0.stats().store_faults, 1);
}

#[test]
fn a_boxed_store_passes_leases_on() {
    let common = Common::default();
    let boxed = BoxStore::new(Tiered::new(Memory::new(1 << 20), common.of(1)));
    let key = Fingerprint::new().field("q", b"1").finish();
    let lease = |store: &BoxStore| -> bool {
        let asked: Pin<Box<dyn Future<Output = _> + Send>> = store.lease(&key, SECOND);
        asked.now_or_never().unwrap().unwrap()
    };
    // Its moments are tokio's, which need no runtime.
    assert!(lease(&boxed));
    assert!(!lease(&BoxStore::new(common.of(2))));
    boxed.release(&key);
    assert!(lease(&BoxStore::new(common.of(2))));
    assert!(
        Memory::new(1 << 20)
            .lease(&key, SECOND)
            .now_or_never()
            .unwrap()
            .unwrap()
    );
}
