//! Several servers, of which some die under load and some keys move.
use std::time::Duration;

use obs_core::CacheStatus;
use obs_redis::{
    Redis, State,
    testing::{Authority, Cluster, Sentinels},
};
use tokio::{
    task::{JoinHandle, spawn_blocking, yield_now},
    time::Instant,
};

use crate::support::*;

const PROMPTS: usize = 60;

/// Asks one question after the other until this is done: none fails. Gives the number of misses, and of calls.
async fn load<T>(
    gateway: &Gateway<obs_cache::RedisStore>,
    until: &JoinHandle<T>,
) -> (usize, usize) {
    let (mut misses, mut calls) = (0, 0);
    while !until.is_finished() {
        for number in 0..PROMPTS {
            let status = gateway.ask(&number.to_string()).await;
            misses += usize::from(status != Some(CacheStatus::Hit));
            calls += 1;
        }
        yield_now().await;
    }
    (misses, calls)
}

/// Asks until everything is a hit again.
async fn all_are_hits(gateway: &Gateway<obs_cache::RedisStore>) {
    let start = Instant::now();
    let mut hits = 0;
    while hits < PROMPTS {
        assert!(start.elapsed() < PATIENCE, "{:?}", gateway.redis.stats());
        hits = 0;
        for number in 0..PROMPTS {
            let status = gateway.ask(&number.to_string()).await;
            hits += usize::from(status == Some(CacheStatus::Hit));
        }
        gateway.written().await;
    }
    gateway.reaches(State::Closed).await;
}

#[tokio::test]
async fn in_a_cluster_a_slot_that_moves_and_a_master_that_dies_fail_no_call() {
    let authority = Authority::new();
    let cluster = Cluster::with_tls(&authority, &["--cluster-require-full-coverage", "no"]);
    let redis = |budget| {
        let builder = Redis::builder(&cluster.url()).ca_file(authority.ca_file());
        builder.budget(Duration::from_millis(budget))
    };
    let gateway = Gateway::connected(redis(250)).await;
    let other = Gateway::connected(redis(500)).await;
    for number in 0..PROMPTS {
        gateway.ask(&number.to_string()).await;
    }
    gateway.written().await;
    // All masters have a part of it, and another gateway finds all.
    for master in 0..3 {
        let count: usize = cluster.node(master).cli(&["DBSIZE"]).parse().unwrap();
        assert!(count > 3, "{count} at {master}");
    }
    for number in 0..PROMPTS {
        let status = other.ask(&number.to_string()).await;
        assert_eq!(status, Some(CacheStatus::Hit));
    }

    let name = cluster.node(0).cli(&["RANDOMKEY"]);
    let slot = cluster.slot(&name);
    let moving = spawn_blocking(move || {
        cluster.move_slot(slot, 1);
        cluster
    });
    let (misses, _) = load(&gateway, &moving).await;
    assert_eq!(misses, 0, "what moves is found");
    let mut cluster = moving.await.unwrap();

    let orphan = cluster.node(2).cli(&["RANDOMKEY"]);
    let slot = cluster.slot(&orphan);
    cluster.node_mut(2).kill();
    let failing = spawn_blocking(move || {
        cluster.until_served(slot);
        cluster
    });
    let (misses, calls) = load(&gateway, &failing).await;
    assert!(misses > 0 && misses < calls / 2, "{misses} of {calls}");
    let stats = gateway.redis.stats();
    assert!(stats.opened >= 1 && stats.timeouts <= 3, "{stats:?}");
    let _cluster = failing.await.unwrap();
    all_are_hits(&gateway).await;
    all_are_hits(&other).await;
}

#[tokio::test]
async fn under_sentinels_a_master_that_dies_fails_no_call() {
    let mut sentinels = Sentinels::new();
    let builder = Redis::builder(&sentinels.url()).budget(Duration::from_millis(250));
    let gateway = Gateway::connected(builder).await;
    for number in 0..PROMPTS {
        gateway.ask(&number.to_string()).await;
    }
    gateway.written().await;
    sentinels.server_mut(0).kill();
    let failing = spawn_blocking(move || {
        sentinels.until_master_is(1);
        sentinels
    });
    let (misses, calls) = load(&gateway, &failing).await;
    assert!(misses > 0 && calls > PROMPTS, "{misses} of {calls}");
    let stats = gateway.redis.stats();
    assert!(stats.opened >= 1 && stats.timeouts <= 3, "{stats:?}");
    let _sentinels = failing.await.unwrap();
    all_are_hits(&gateway).await;
}
