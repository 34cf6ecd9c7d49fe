//! Servers that come late, die, hang, and refuse: nobody waits long, and all come back into use by themselves.

use std::time::Duration;

use crate::support::{HOUR, Log, connect, connected, key, state};
use bytes::Bytes;
use obs_redis::{Fault, Redis, State, testing::Server};
use tokio::time::Instant;

/// Some of these go over the one connection, and some over the other.
const KEYS: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];

/// Waits until both connections are there; gives the server's list of them.
async fn both_are_used(server: &Server, redis: &Redis) -> String {
    let until = Instant::now() + crate::support::PATIENCE;
    loop {
        for name in KEYS {
            redis.get(key(name)).await.unwrap();
        }
        let list = server.cli(&["CLIENT", "LIST", "TYPE", "normal"]);
        if list.matches("cmd=get").count() == 2 {
            return list;
        }
        assert!(Instant::now() < until, "{list}");
    }
}

/// Asks as long as the server is not closed, as a busy service does.
async fn ask_until_closed(redis: &Redis) {
    let until = Instant::now() + crate::support::PATIENCE;
    while redis.get(key("a")).await.is_err() {
        assert!(Instant::now() < until, "never: {:?}", redis.stats());
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn absent_at_start_it_warns_once_and_connects_when_the_server_appears() {
    let log = Log::start();
    let mut server = Server::absent(&[]);
    let redis = connect(&server.url());
    assert_eq!(redis.state(), State::Connecting);
    state(&redis, State::Open).await;
    for _ in 0..100 {
        let kind = redis.get(key("a")).await.unwrap_err().kind();
        assert!(["refused", "unavailable"].contains(&kind), "{kind}");
    }
    let lines = log.lines();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(
        lines[0].contains("WARN") && lines[0].contains("connection refused"),
        "{lines:?}"
    );

    server.start();
    // Nobody asks meanwhile.
    let until = Instant::now() + crate::support::PATIENCE;
    while redis.state() != State::Closed {
        assert!(Instant::now() < until, "never: {:?}", redis.stats());
        tokio::task::yield_now().await;
    }
    assert_eq!(redis.get(key("a")).await, Ok(None));
    let lines = log.lines();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[1].contains("answers again"), "{lines:?}");
    assert_eq!(redis.stats().opened, 1);
}

#[tokio::test]
async fn killed_and_restarted_it_comes_back_without_help() {
    let log = Log::start();
    let mut server = Server::new();
    let redis = connected(&server.url()).await;
    redis.set(key("a"), key("x"), HOUR).await.unwrap();
    server.kill();
    state(&redis, State::Open).await;
    let start = Instant::now();
    for _ in 0..1000 {
        assert!(redis.get(key("a")).await.is_err());
    }
    assert!(
        start.elapsed() < Duration::from_millis(500),
        "{:?}",
        start.elapsed()
    );
    server.start();
    ask_until_closed(&redis).await;
    assert_eq!(redis.get(key("a")).await, Ok(None), "another server");
    let lines = log.lines();
    assert_eq!(lines.len(), 3, "connected, lost, found: {lines:?}");
}

#[tokio::test]
async fn a_server_that_hangs_costs_one_budget_once() {
    let server = Server::new();
    let patient = connected(&server.url()).await;
    let redis = patient.within(Duration::from_millis(20));
    patient.set(key("a"), key("x"), HOUR).await.unwrap();
    server.pause();
    let start = Instant::now();
    let first = redis.get(key("a")).await;
    assert_eq!(first, Err(Fault::Timeout(Duration::from_millis(20))));
    let calls = 1000;
    for _ in 0..calls {
        assert_eq!(redis.get(key("a")).await, Err(Fault::Refused));
    }
    assert!(
        start.elapsed() < Duration::from_millis(520),
        "{:?}",
        start.elapsed()
    );
    let stats = redis.stats();
    assert_eq!((stats.timeouts, stats.refused, stats.opened), (1, calls, 1));
    server.resume();
    ask_until_closed(&patient).await;
    assert_eq!(patient.get(key("a")).await, Ok(Some(key("x"))));
    assert_eq!(patient.stats().opened, 1, "no flapping");
}

#[tokio::test]
async fn a_server_that_hangs_for_long_is_found_by_whoever_waits_for_it() {
    let server = Server::new();
    let redis = connected(&server.url()).await;
    let hasty = redis.within(Duration::from_millis(20));
    server.pause();
    assert!(hasty.get(key("a")).await.is_err());
    // Probes go unanswered, and the connection is given up.
    state(&redis, State::HalfOpen).await;
    state(&redis, State::Open).await;
    state(&redis, State::HalfOpen).await;
    server.resume();
    state(&redis, State::Closed).await;
    assert_eq!(redis.get(key("a")).await, Ok(None));
    assert_eq!(redis.stats().opened, 1);
}

#[tokio::test]
async fn many_at_once_wait_one_budget_together() {
    let server = Server::new();
    let redis = connected(&server.url())
        .await
        .within(Duration::from_millis(50));
    server.pause();
    let start = Instant::now();
    let calls: Vec<_> = (0..200)
        .map(|_| {
            let redis = redis.clone();
            tokio::spawn(async move { redis.get(key("a")).await })
        })
        .collect();
    for call in calls {
        let fault = call.await.unwrap().unwrap_err();
        assert!(
            matches!(fault, Fault::Timeout(_) | Fault::Refused),
            "{fault:?}"
        );
    }
    assert!(
        start.elapsed() < Duration::from_millis(500),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(redis.stats().opened, 1);
    server.resume();
}

#[tokio::test]
async fn a_lost_connection_is_made_anew_and_the_other_is_used_meanwhile() {
    let log = Log::start();
    let server = Server::new();
    let redis = connected(&server.url()).await;
    let list = both_are_used(&server, &redis).await;
    let id = list
        .split(' ')
        .next()
        .and_then(|id| id.strip_prefix("id="))
        .unwrap();
    assert_eq!(server.cli(&["CLIENT", "KILL", "ID", id]), "1");
    for name in KEYS.iter().cycle().take(200) {
        let _ = redis.get(key(name)).await;
        tokio::task::yield_now().await;
    }
    for name in KEYS {
        assert_eq!(redis.get(key(name)).await, Ok(None));
    }
    assert_eq!(
        (redis.stats().opened, log.lines().len()),
        (0, 1),
        "{:?}",
        log.lines()
    );
}

#[tokio::test]
async fn what_is_lost_with_one_connection_says_nothing_of_the_other() {
    let server = Server::new();
    let redis = connected(&server.url())
        .await
        .within(crate::support::PATIENCE);
    both_are_used(&server, &redis).await;
    let large = Bytes::from(vec![b'x'; 1 << 18]);
    for name in KEYS {
        redis.set(key(name), large.clone(), HOUR).await.unwrap();
    }
    // Far more than fits into the buffers between here and there.
    let gets: Vec<_> = (0..160)
        .map(|number| {
            let redis = redis.clone();
            tokio::spawn(async move { redis.get(key(KEYS[number % 8])).await })
        })
        .collect();
    let until = Instant::now() + crate::support::PATIENCE;
    let id = loop {
        tokio::task::yield_now().await;
        let list = server.cli(&["CLIENT", "LIST", "TYPE", "normal"]);
        let busy = |line: &&str| line.contains("cmd=get") && !line.contains("omem=0");
        if let Some(line) = list.lines().find(busy) {
            let id = line.split([' ', '=']).nth(1).unwrap();
            break id.to_owned();
        }
        assert!(Instant::now() < until, "{list}");
    };
    assert_eq!(server.cli(&["CLIENT", "KILL", "ID", &id]), "1");
    let mut lost = 0;
    for get in gets {
        lost += usize::from(get.await.unwrap().is_err());
    }
    let stats = redis.stats();
    assert!(lost > 0, "{stats:?}");
    assert_eq!((stats.unavailable, stats.opened), (lost as u64, 0));
}

#[tokio::test]
async fn a_server_that_becomes_a_cluster_is_used() {
    let mut server = Server::new();
    let url = server.url().replace("redis://", "redis-cluster://");
    let redis = connect(&url);
    state(&redis, State::Open).await;
    assert!(redis.get(key("a")).await.is_err());
    server.kill();
    let local = ["--cluster-announce-ip", "127.0.0.1"];
    server.start_with(&["--cluster-enabled", "yes", local[0], local[1]]);
    let slots = ["CLUSTER", "ADDSLOTSRANGE", "0", "16383"];
    assert_eq!(server.cli(&slots), "OK");
    // It takes two seconds until it serves, and says so until then.
    let until = Instant::now() + crate::support::PATIENCE;
    while redis.set(key("a"), key("x"), HOUR).await.is_err() {
        assert!(Instant::now() < until, "never: {:?}", redis.stats());
        tokio::task::yield_now().await;
    }
    assert_eq!(redis.get(key("a")).await, Ok(Some(key("x"))));
}

#[tokio::test]
async fn a_wrong_password_is_told_once_and_a_right_one_later_is_taken() {
    let log = Log::start();
    let server = Server::with_args(&["--requirepass", "right"]);
    let redis = connect(&format!("redis://:wrong@127.0.0.1:{}", server.port()));
    state(&redis, State::Open).await;
    assert!(redis.get(key("a")).await.is_err());
    let lines = log.lines();
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(
        lines[0].contains("refuses the user or the password"),
        "{lines:?}"
    );
    assert!(!lines[0].contains("wrong@"), "{lines:?}");
    let set = [
        "--no-auth-warning",
        "-a",
        "right",
        "CONFIG",
        "SET",
        "requirepass",
        "wrong",
    ];
    assert_eq!(server.cli(&set), "OK");
    state(&redis, State::Closed).await;
    assert_eq!(redis.get(key("a")).await, Ok(None));
}

#[tokio::test]
async fn no_password_where_one_is_needed_is_an_outage_too() {
    let server = Server::with_args(&["--requirepass", "right"]);
    let redis = connect(&server.url());
    state(&redis, State::Open).await;
    assert!(redis.get(key("a")).await.is_err());
}

#[tokio::test]
async fn the_last_handle_ends_the_connection() {
    let server = Server::new();
    let redis = connected(&server.url()).await;
    let other = redis.within(Duration::from_secs(1));
    drop(redis);
    assert_eq!(other.get(key("a")).await, Ok(None));
    drop(other);
    let until = Instant::now() + crate::support::PATIENCE;
    while server
        .cli(&["CLIENT", "LIST", "TYPE", "normal"])
        .lines()
        .count()
        > 1
    {
        assert!(Instant::now() < until, "connections stay");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_dropped_wait_leaves_the_connection_usable() {
    let server = Server::new();
    let redis = connected(&server.url()).await;
    for _ in 0..50 {
        let mut get = Box::pin(redis.get(key("a")));
        let waker = std::task::Waker::noop();
        let _ = get
            .as_mut()
            .poll(&mut std::task::Context::from_waker(waker));
    }
    assert_eq!(redis.get(key("a")).await, Ok(None));
    assert_eq!(redis.state(), State::Closed);
}

#[tokio::test]
async fn much_that_was_not_sent_in_time_stops_no_connection_for_good() {
    let server = Server::new();
    let builder = Redis::builder(&server.url()).max_queued(20);
    let redis = builder.connect().unwrap();
    state(&redis, State::Closed).await;
    both_are_used(&server, &redis).await;
    server.pause();
    let large = Bytes::from(vec![b'x'; 1 << 20]);
    let sets: Vec<_> = (0..64)
        .map(|number| {
            let (redis, large) = (redis.clone(), large.clone());
            tokio::spawn(async move { redis.set(key(KEYS[number % 8]), large, HOUR).await })
        })
        .collect();
    for set in sets {
        assert!(set.await.unwrap().is_err());
    }
    server.resume();
    let patient = redis.within(Duration::from_millis(500));
    let until = Instant::now() + crate::support::PATIENCE;
    let mut answered = 0;
    while answered < KEYS.len() {
        answered = 0;
        for name in KEYS {
            answered += usize::from(patient.del(key(name)).await.is_ok());
        }
        tokio::task::yield_now().await;
        assert!(Instant::now() < until, "never: {:?}", redis.stats());
    }
}
