//! One server, which is slow, full, forbidden or gone.
use std::{
    io::Read,
    net::TcpStream,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use obs_cache::*;
use obs_core::{CacheStatus, Fingerprint};
use obs_redis::{
    Redis, State,
    testing::{Authority, Server},
};

use crate::support::*;

#[tokio::test]
async fn a_server_that_takes_200_ms_costs_a_budget_now_and_then() {
    let server = Server::new();
    let delay = Delay::default();
    let port = slow(server.port(), delay.clone()).await;
    let budget = Duration::from_millis(20);
    let url = format!("redis://127.0.0.1:{port}");
    let gateway = Gateway::connected(Redis::builder(&url).budget(budget)).await;
    gateway.is_back().await;
    let before = gateway.calls();
    delay.set(Duration::from_millis(200));
    for number in 0..500 {
        gateway.ask(&number.to_string()).await;
        tokio::task::yield_now().await;
    }
    let stats = gateway.redis.stats();
    // It is refused for longer and longer.
    assert!((1..=10).contains(&stats.timeouts), "{stats:?}");
    assert!(stats.opened >= 1, "{stats:?}");
    assert_eq!(gateway.calls(), before + 500);
    delay.set(Duration::ZERO);
    gateway.is_back().await;
}

#[tokio::test]
async fn a_wrong_password_is_an_outage_that_ends_when_it_is_set_right() {
    let server = Server::with_args(&["--requirepass", "secret"]);
    let url = format!("redis://:wrong@127.0.0.1:{}", server.port());
    let gateway = Gateway::new(to(&url));
    gateway.reaches(State::Open).await;
    for _ in 0..3 {
        gateway.ask("hi").await;
    }
    assert_eq!(gateway.calls(), 3);
    let stats = gateway.redis.stats();
    assert_eq!((stats.opened, stats.timeouts), (1, 0), "{stats:?}");
    assert_eq!(server.cli(&["CONFIG", "SET", "requirepass", "wrong"]), "OK");
    gateway.is_back().await;
}

#[tokio::test]
async fn a_user_of_its_own_over_tls_needs_these_rights_and_no_others() {
    let authority = Authority::new();
    let acl = "cache on >secret ~obs:* resetchannels -@all +get +set +del +incr +incrby +exists +hello +client|id +info";
    let args: Vec<_> = ["--user"].into_iter().chain(acl.split(' ')).collect();
    let server = Server::with_tls(&authority, &args);
    let url = |password| format!("rediss://cache:{password}@127.0.0.1:{}", server.port());
    let builder = to(&url("secret")).ca_file(authority.ca_file());
    let gateway = Gateway::connected(builder).await;
    for _ in 0..2 {
        gateway.ask("hi").await;
        gateway.written().await;
    }
    assert_eq!(
        (gateway.calls(), gateway.layer.stats().store_faults),
        (1, 0)
    );
    gateway.layer.handle().purge_all().await.unwrap();
    gateway.ask("hi").await;
    assert_eq!(gateway.calls(), 2);
    // Who is not the user, and who does not trust the server, goes without.
    for (password, ca) in [
        ("wrong", authority.ca_file()),
        ("secret", Authority::new().ca_file()),
    ] {
        let gateway = Gateway::new(to(&url(password)).ca_file(ca));
        gateway.reaches(State::Open).await;
        gateway.ask("hi").await;
        assert_eq!(gateway.calls(), 1);
    }
}

#[tokio::test]
async fn without_a_free_connection_it_goes_on_without_until_there_is_one() {
    let server = Server::with_args(&["--maxclients", "1"]);
    let taken = || {
        let mut stream = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        std::io::Write::write_all(&mut stream, b"PING\r\n").unwrap();
        let mut answer = [0; 7];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"+PONG\r\n");
        stream
    };
    let other = taken();
    let gateway = Gateway::new(to(&server.url()));
    gateway.reaches(State::Open).await;
    for _ in 0..3 {
        gateway.ask("hi").await;
    }
    assert_eq!(gateway.calls(), 3);
    drop(other);
    gateway.is_back().await;
}

#[tokio::test]
async fn full_without_eviction_it_still_gives_what_it_has() {
    let server = Server::with_args(&["--maxmemory-policy", "noeviction"]);
    let gateway = Gateway::connected(to(&server.url())).await;
    gateway.ask("kept").await;
    gateway.written().await;
    assert_eq!(server.cli(&["CONFIG", "SET", "maxmemory", "1"]), "OK");
    for _ in 0..3 {
        gateway.ask("new").await;
        assert_eq!(gateway.ask("kept").await, Some(CacheStatus::Hit));
        gateway.written().await;
    }
    assert_eq!(
        (gateway.calls(), gateway.redis_store.stats().failed),
        (4, 3)
    );
    assert_eq!(gateway.redis.stats().opened, 0);
    assert_eq!(server.cli(&["CONFIG", "SET", "maxmemory", "0"]), "OK");
    gateway.is_back().await;
}

#[tokio::test]
async fn what_waits_for_a_server_that_hangs_is_bounded_in_bytes_and_number() {
    let server = Server::new();
    let gateway = Gateway::connected(Redis::builder(&server.url()).max_queued(50)).await;
    let store = &gateway.redis_store;
    server.pause();
    let body = Bytes::from(vec![b'x'; 1 << 20]);
    let now = Clock::system().now();
    let limit = 64 << 20;
    for number in 0..200_u64 {
        let key = Fingerprint::new()
            .field("n", &number.to_le_bytes())
            .finish();
        let entry = Entry::new(body.clone(), now, PATIENCE);
        store.put(&key, entry, now);
        assert!(store.stats().waiting_bytes <= limit);
    }
    let stats = store.stats();
    assert!(stats.waiting_bytes > limit / 2, "{stats:?}");
    assert!(stats.dropped >= 136, "{stats:?}");
    // All of it goes, in bounded time, although the server does not answer.
    gateway
        .until("given up", || store.stats().waiting_bytes == 0)
        .await;
    assert!(gateway.redis.stats().opened >= 1);
    server.resume();
    gateway.is_back().await;
}

#[tokio::test]
async fn clocks_that_disagree_make_no_answer_live_longer() {
    let server = Server::new();
    let hour = Duration::from_secs(3600);
    let noon = SystemTime::UNIX_EPOCH + 500_000 * hour;
    let skew = std::sync::Arc::new(std::sync::Mutex::new(Duration::ZERO));
    let ours = skew.clone();
    let clock = Clock::new(move || noon + *ours.lock().unwrap());
    let tiered = |store| Tiered::new(Memory::new(1 << 20), store);
    let gateway = Gateway::over(to(&server.url()), tiered, clock);
    gateway.reaches(State::Closed).await;
    let ahead = Clock::new(move || noon + 10 * hour);
    let ahead = Gateway::over(to(&server.url()), |store| store, ahead);
    ahead.reaches(State::Closed).await;
    ahead.ask("hi").await;
    ahead.written().await;
    // From Redis, then from memory.
    for _ in 0..2 {
        assert_eq!(gateway.ask("hi").await, Some(CacheStatus::Hit));
    }
    *skew.lock().unwrap() = 2 * hour;
    // As it does itself, when the time is over.
    assert_eq!(server.cli(&["FLUSHALL"]), "OK");
    assert_eq!(gateway.ask("hi").await, Some(CacheStatus::Miss));
    gateway.written().await;
    // Who is ahead takes it for old, and asks again.
    assert_eq!(ahead.ask("hi").await, Some(CacheStatus::Miss));
}
