//! Two gateways over one real Redis, of which one asks and the other waits; the holder vanishes, Redis is killed.
use std::{mem, time::Duration};

use obs_cache::*;
use obs_core::*;
use obs_redis::{Redis, State, testing::Server};
use tokio::{
    task::{JoinHandle, yield_now},
    time::{Instant, timeout},
};
use tower::ServiceExt;

use crate::chat::*;

/// Far longer than anything here takes: only what hangs gets there.
const PATIENCE: Duration = Duration::from_secs(20);

struct Gateway {
    cache: Cache<Mocked, RedisStore>,
    handle: Handle,
}

async fn gateway(server: &Server, lease: Duration) -> Gateway {
    let builder = Redis::builder(&server.url()).budget(Duration::from_millis(500));
    let redis = builder.connect().unwrap();
    timeout(PATIENCE, redis.wait_for(State::Closed))
        .await
        .unwrap();
    let store = RedisStore::new(redis, Background::new(100));
    let (cache, handle) = around(&layer(store).lease(lease));
    Gateway { cache, handle }
}

impl Gateway {
    fn ask(&self) -> (JoinHandle<Result<Chat, Error>>, Journal) {
        let call = req(false);
        let journal = call.journal();
        (tokio::spawn(self.cache.clone().oneshot(call)), journal)
    }
}

/// Until leases were asked for so many times.
async fn asked_for_leases(server: &Server, times: usize) {
    let until = Instant::now() + PATIENCE;
    loop {
        let stats = server.cli(&["info", "commandstats"]);
        let calls = stats.lines().find_map(|line| {
            let calls = line.strip_prefix("cmdstat_set:calls=")?;
            calls.split(',').next()?.parse::<usize>().ok()
        });
        if calls >= Some(times) {
            return;
        }
        assert!(Instant::now() < until, "{stats}");
        yield_now().await;
    }
}

#[tokio::test]
async fn the_other_gateway_has_the_answer_and_nothing_is_left_behind() {
    let server = Server::new();
    let lease = PATIENCE;
    let (mut one, other) = (gateway(&server, lease).await, gateway(&server, lease).await);
    let (first, _) = one.ask();
    let send = next(&mut one.handle).await;
    let (second, journal) = other.ask();
    asked_for_leases(&server, 3).await;
    let held = server.cli(&["keys", "obs:lease:*"]);
    assert_eq!(held.lines().count(), 1, "{held}");
    assert!(!held.contains('p'), "no prompt: {held}");
    send.send_response(whole("one's"));
    assert_eq!(told(&first.await.unwrap().unwrap()), "one's");
    let second = timeout(PATIENCE, second).await.unwrap().unwrap();
    assert_eq!(told(&second.unwrap()), "one's");
    assert_eq!(status(&journal), Some(CacheStatus::Coalesced));
    assert_eq!((cost(&journal), saved(&journal)), (Some(0), Some(50)));
    let until = Instant::now() + PATIENCE;
    while !server.cli(&["keys", "obs:lease:*"]).trim().is_empty() {
        assert!(Instant::now() < until);
        yield_now().await;
    }
}

/// Two stores over the same server; the background of the first has room for one piece of work.
async fn stores(server: &Server) -> (RedisStore, Background, RedisStore) {
    let store = async |background: &Background| {
        let builder = Redis::builder(&server.url()).budget(Duration::from_millis(500));
        let redis = builder.connect().unwrap();
        let closed = redis.wait_for(State::Closed);
        timeout(PATIENCE, closed).await.unwrap();
        RedisStore::new(redis, background.clone())
    };
    let background = Background::new(1);
    let one = store(&background).await;
    (one, background, store(&Background::new(9)).await)
}

fn key() -> Key {
    Fingerprint::new().field("q", b"1").finish()
}

/// Until this process is granted the lease.
async fn granted(store: &RedisStore) {
    let until = Instant::now() + PATIENCE;
    while !store.lease(&key(), HOUR).await.unwrap() {
        assert!(Instant::now() < until, "it is another's still");
        yield_now().await;
    }
}

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn a_lease_that_is_granted_to_who_has_left_is_given_back() {
    let server = Server::new();
    let (one, background, other) = stores(&server).await;
    let mut asked = tokio_test::task::spawn(one.lease(&key(), HOUR));
    tokio_test::assert_pending!(asked.poll());
    drop(asked);
    let until = Instant::now() + PATIENCE;
    while background.in_flight() > 0 {
        assert!(Instant::now() < until);
        yield_now().await;
    }
    let stats = server.cli(&["info", "commandstats"]);
    assert!(stats.contains("cmdstat_set:calls=1,"), "{stats}");
    granted(&other).await;
}

#[tokio::test]
async fn a_lease_is_given_back_also_when_there_was_no_room_to_keep_the_answer() {
    let server = Server::new();
    let (one, background, other) = stores(&server).await;
    assert!(one.lease(&key(), HOUR).await.unwrap());
    let (free, is_free) = tokio::sync::oneshot::channel::<()>();
    let busy = async move { drop(is_free.await) };
    background.spawn(busy).unwrap();
    let now = Timestamp::from_millis(1_000_000);
    let answer = bytes::Bytes::from_static(b"an answer");
    one.put(&key(), Entry::new(answer, now, HOUR), now);
    assert_eq!(one.stats().dropped, 1);
    free.send(()).unwrap();
    while background.in_flight() > 0 {
        yield_now().await;
    }
    one.release(&key());
    granted(&other).await;
}

#[tokio::test]
async fn a_holder_that_vanishes_holds_nobody_up_for_longer_than_its_lease() {
    let server = Server::new();
    let lease = Duration::from_millis(400);
    let (mut one, mut other) = (gateway(&server, lease).await, gateway(&server, lease).await);
    let (first, _) = one.ask();
    let send = next(&mut one.handle).await;
    // As if its process had been killed: nothing gives the lease back.
    mem::forget(send);
    let began = Instant::now();
    let (second, journal) = other.ask();
    let send = timeout(PATIENCE, next(&mut other.handle)).await.unwrap();
    assert!(began.elapsed() < PATIENCE / 2, "{:?}", began.elapsed());
    send.send_response(whole("other's"));
    assert_eq!(told(&second.await.unwrap().unwrap()), "other's");
    assert_eq!(status(&journal), Some(CacheStatus::Miss));
    first.abort();
}

#[tokio::test]
async fn a_redis_that_is_killed_in_the_wait_holds_nobody_up() {
    let mut server = Server::new();
    let (mut one, mut other) = (
        gateway(&server, PATIENCE).await,
        gateway(&server, PATIENCE).await,
    );
    let (first, _) = one.ask();
    let held = next(&mut one.handle).await;
    let (second, journal) = other.ask();
    asked_for_leases(&server, 3).await;
    server.kill();
    let killed = Instant::now();
    let send = timeout(PATIENCE, next(&mut other.handle)).await.unwrap();
    // The pause between two looks, and one budget; far from the time of the lease.
    assert!(killed.elapsed() < PATIENCE / 4, "{:?}", killed.elapsed());
    send.send_response(whole("other's"));
    held.send_response(whole("one's"));
    assert_eq!(told(&second.await.unwrap().unwrap()), "other's");
    assert_eq!(told(&first.await.unwrap().unwrap()), "one's");
    assert_eq!(status(&journal), Some(CacheStatus::Miss));
    assert!(other.cache.stats().store_faults > 0);
}
