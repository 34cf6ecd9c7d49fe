//! A cluster of six servers, of which some die, and whose slots move.

use std::time::Duration;

use bytes::Bytes;
use obs_redis::{
    Fault, Redis, State,
    testing::{Authority, Cluster},
};
use tokio::{
    task::{spawn_blocking, yield_now},
    time::Instant,
};

use crate::support::*;

/// As an operator of a cache sets it: keys of the other masters are served while one is gone.
const PARTIAL: [&str; 2] = ["--cluster-require-full-coverage", "no"];

/// A key of each master, and which one that is.
fn key_of_each(cluster: &Cluster) -> [Bytes; 3] {
    let of = |master: usize| {
        let names = (0..).map(|number| format!("key {number}"));
        let mut names = names.filter(|name| cluster.owner(cluster.slot(name)) == Some(master));
        names.next().map(Bytes::from)
    };
    [0, 1, 2].map(|master| of(master).expect("each has some"))
}

async fn set_until_it_works(redis: &Redis, key: &Bytes) {
    let until = Instant::now() + PATIENCE;
    while let Err(fault) = redis.set(key.clone(), Bytes::from("x"), HOUR).await {
        assert!(Instant::now() < until, "{fault}: {:?}", redis.stats());
        yield_now().await;
    }
}

#[tokio::test]
async fn a_slot_that_moves_under_load_fails_no_operation() {
    let cluster = Cluster::new();
    let redis = connected(&cluster.url()).await;
    let keys = key_of_each(&cluster);
    for key in &keys {
        redis.set(key.clone(), key.clone(), HOUR).await.unwrap();
        assert_eq!(redis.get(key.clone()).await, Ok(Some(key.clone())));
    }
    let name = String::from_utf8(keys[0].to_vec()).unwrap();
    let slot = cluster.slot(&name);
    // Of the same slot, and not there yet.
    let absent = format!("{{{name}}} absent");
    assert_eq!(cluster.slot(&absent), slot);

    cluster.begin_to_move(slot, 1);
    let other = Bytes::from(absent);
    assert_eq!(redis.get(other.clone()).await, Ok(None));
    redis.set(other.clone(), key("new"), HOUR).await.unwrap();
    assert_eq!(redis.get(other.clone()).await, Ok(Some(key("new"))));
    assert_eq!(redis.get(keys[0].clone()).await, Ok(Some(keys[0].clone())));

    let moving = spawn_blocking(move || {
        cluster.move_slot(slot, 1);
        cluster
    });
    while !moving.is_finished() {
        for key in &keys {
            assert_eq!(redis.get(key.clone()).await, Ok(Some(key.clone())));
        }
    }
    let cluster = moving.await.unwrap();
    assert_eq!(cluster.owner(slot), Some(1));
    assert_eq!(redis.get(other).await, Ok(Some(key("new"))));
    let stats = redis.stats();
    assert_eq!((stats.opened, stats.server_errors), (0, 0), "{stats:?}");
}

#[tokio::test]
async fn a_master_that_dies_takes_along_its_own_keys_alone_until_it_is_replaced() {
    let log = Log::start();
    let mut cluster = Cluster::with_args(&PARTIAL);
    let patient = connected(&cluster.url()).await;
    let [lost, others @ ..] = key_of_each(&cluster);
    let slot = cluster.slot(std::str::from_utf8(&lost).unwrap());
    for key in others.iter().chain([&lost]) {
        patient.set(key.clone(), key.clone(), HOUR).await.unwrap();
    }
    let connected = log.lines().len();
    cluster.node_mut(0).kill();
    let waiting = spawn_blocking(move || {
        cluster.until_served(slot);
        cluster
    });
    let redis = patient.within(Duration::from_millis(250));
    let start = Instant::now();
    let (mut waited, mut refused, mut worst) = (Duration::ZERO, 0_u32, State::Closed);
    while !waiting.is_finished() {
        for key in &others {
            assert_eq!(redis.get(key.clone()).await, Ok(Some(key.clone())));
        }
        let asked = Instant::now();
        if redis.get(lost.clone()).await.is_err() {
            waited += asked.elapsed();
            refused += 1;
        }
        if redis.state() != State::Closed {
            worst = redis.state();
        }
        yield_now().await;
    }
    // At most one of all that were refused waited for its budget.
    assert!(
        refused > 10 && waited < start.elapsed() / 2,
        "{refused} {waited:?}"
    );
    assert_ne!(worst, State::Closed);
    let stats = redis.stats();
    assert!(stats.opened >= 1 && stats.timeouts <= 2, "{stats:?}");

    let mut cluster = waiting.await.unwrap();
    set_until_it_works(&patient, &lost).await;
    state(&patient, State::Closed).await;
    // One line for the loss; the server that takes over is another.
    let lines = &log.lines()[connected..];
    assert!(lines.len() <= 3, "{lines:?}");
    // Who comes back is a replica, and is not asked.
    cluster.node_mut(0).start();
    assert_eq!(patient.get(lost).await, Ok(Some(key("x"))));
}

#[tokio::test]
async fn a_master_that_hangs_costs_one_budget_once() {
    let cluster = Cluster::with_args(&PARTIAL);
    let patient = connected(&cluster.url()).await;
    let redis = patient.within(Duration::from_millis(100));
    let [hung, others @ ..] = key_of_each(&cluster);
    cluster.node(0).pause();
    let first = redis.get(hung.clone()).await;
    assert_eq!(first, Err(Fault::Timeout(Duration::from_millis(100))));
    for _ in 0..200 {
        assert_eq!(redis.get(hung.clone()).await, Err(Fault::Refused));
        for key in &others {
            assert_eq!(redis.get(key.clone()).await, Ok(None));
        }
    }
    cluster.node(0).resume();
    set_until_it_works(&patient, &hung).await;
}

#[tokio::test]
async fn named_by_one_server_it_is_found_over_tls_with_a_password() {
    let authority = Authority::new();
    let password = ["--requirepass", "secret", "--masterauth", "secret"];
    let cluster = Cluster::with_tls(&authority, &password);
    let port = cluster.node(4).port();
    let url = |password: &str| format!("rediss-cluster://:{password}@127.0.0.1:{port}");
    let builder = Redis::builder(&url("secret")).ca_file(authority.ca_file());
    let redis = builder.connect().unwrap();
    state(&redis, State::Closed).await;
    for name in key_of_each(&cluster) {
        redis.set(name.clone(), key("x"), HOUR).await.unwrap();
        assert_eq!(redis.get(name).await, Ok(Some(key("x"))));
    }
    let log = Log::start();
    let builder = Redis::builder(&url("wrong")).ca_file(authority.ca_file());
    let redis = builder.connect().unwrap();
    state(&redis, State::Open).await;
    assert_eq!(redis.get(key("a")).await, Err(Fault::Refused));
    let lines = log.lines();
    assert!(
        lines.len() == 1 && lines[0].contains("refuses the user or the password"),
        "{lines:?}"
    );
}

#[tokio::test]
async fn all_its_servers_may_be_absent_at_the_start() {
    let redis = connect("redis-cluster://127.0.0.1:1?node=127.0.0.1:2");
    state(&redis, State::Open).await;
    assert_eq!(redis.get(key("a")).await, Err(Fault::Refused));
    assert_eq!(redis.stats().opened, 1);
}
