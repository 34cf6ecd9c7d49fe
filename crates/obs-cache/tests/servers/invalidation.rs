//! What one process deletes and purges goes from the memory of the others.
use obs_cache::{Clock, Memory, RedisStore, Tiered};
use obs_core::{CacheStatus, Call};
use obs_redis::{
    State,
    testing::{Cluster, Server},
};

use crate::support::*;

type Near = Gateway<Tiered<RedisStore>>;

async fn gateway(url: &str) -> (Near, Memory) {
    let memory = Memory::new(1 << 20);
    let near = memory.clone();
    let tiered = |store| Tiered::new(near, store).invalidation();
    let builder = to(url).watch(RedisStore::PREFIX);
    let gateway = Gateway::over(builder, tiered, Clock::system());
    gateway.reaches(State::Closed).await;
    (gateway, memory)
}

impl Near {
    /// Waits until hits come from memory.
    async fn sees(&self, memory: &Memory) {
        let until = tokio::time::Instant::now() + PATIENCE;
        while memory.stats().entries == 0 {
            assert!(tokio::time::Instant::now() < until, "never");
            self.ask("is it kept in memory?").await;
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn what_one_deletes_or_purges_the_others_do_not_give_from_memory() {
    let server = Server::new();
    let (one, one_memory) = gateway(&server.url()).await;
    let (other, other_memory) = gateway(&server.url()).await;
    one.sees(&one_memory).await;
    other.sees(&other_memory).await;
    one.ask("hi").await;
    one.written().await;
    assert_eq!(
        one.ask("hi").await,
        Some(CacheStatus::Hit),
        "its own write stays"
    );
    let entries = other_memory.stats().entries;
    assert_eq!(other.ask("hi").await, Some(CacheStatus::Hit));
    assert_eq!(other_memory.stats().entries, entries + 1);

    let call = Call::new(Ask("hi".into())).tenant("");
    one.layer.handle().delete(&call).await.unwrap();
    other
        .until("gone", || other_memory.stats().entries == entries)
        .await;
    assert_eq!(other.ask("hi").await, Some(CacheStatus::Miss));
    other.written().await;

    // A purge goes the same way, and not within the second that a generation is remembered for.
    assert_eq!(one.ask("hi").await, Some(CacheStatus::Hit));
    let before = one_memory.stats().entries;
    assert!(before > 0);
    other.layer.handle().purge_all().await.unwrap();
    one.until("emptied", || one_memory.stats().entries == 0)
        .await;
    assert_eq!(one.ask("hi").await, Some(CacheStatus::Miss));
}

#[tokio::test]
async fn what_is_removed_by_hand_goes_from_memory() {
    let server = Server::new();
    let (gateway, memory) = gateway(&server.url()).await;
    gateway.sees(&memory).await;
    assert_eq!(server.cli(&["FLUSHALL"]), "OK");
    gateway
        .until("emptied", || memory.stats().entries == 0)
        .await;
    assert_eq!(
        gateway.ask("is it kept in memory?").await,
        Some(CacheStatus::Miss)
    );
}

#[tokio::test]
async fn while_nothing_can_be_told_memory_is_left_aside() {
    let mut server = Server::new();
    let (gateway, memory) = gateway(&server.url()).await;
    gateway.sees(&memory).await;
    gateway.ask("hi").await;
    assert_eq!(gateway.ask("hi").await, Some(CacheStatus::Hit));
    server.kill();
    gateway
        .until("emptied", || memory.stats().entries == 0)
        .await;
    // No call fails, and none is answered from memory, where it could be old.
    assert_eq!(gateway.ask("hi").await, Some(CacheStatus::Miss));
    assert_eq!(gateway.ask("hi").await, Some(CacheStatus::Miss));
    assert_eq!(memory.stats().entries, 0);
    server.start();
    gateway.sees(&memory).await;
    gateway.is_back().await;
}

#[tokio::test]
async fn in_a_cluster_every_master_tells() {
    let cluster = Cluster::new();
    let (one, one_memory) = gateway(&cluster.url()).await;
    let (other, other_memory) = gateway(&cluster.url()).await;
    one.sees(&one_memory).await;
    other.sees(&other_memory).await;
    let prompts: Vec<_> = (0..12).map(|number| number.to_string()).collect();
    for prompt in &prompts {
        // Until the key's own master is seen by both.
        let until = tokio::time::Instant::now() + PATIENCE;
        let mut kept = other_memory.stats().entries;
        while other_memory.stats().entries == kept {
            assert!(tokio::time::Instant::now() < until, "never");
            one.ask(prompt).await;
            one.written().await;
            kept = kept.min(other_memory.stats().entries);
            other.ask(prompt).await;
        }
    }
    for prompt in &prompts {
        let kept = other_memory.stats().entries;
        let call = Call::new(Ask(prompt.clone())).tenant("");
        one.layer.handle().delete(&call).await.unwrap();
        other
            .until("gone", || other_memory.stats().entries < kept)
            .await;
    }
}
