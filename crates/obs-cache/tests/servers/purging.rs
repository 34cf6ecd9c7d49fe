//! All answers of one tenant are purged, in every process, also in one that is idle, and for good.
use std::time::Duration;

use obs_cache::{Clock, Memory, RedisStore, Tiered};
use obs_core::CacheStatus;
use obs_redis::{
    State,
    testing::{Cluster, Server},
};

use crate::support::*;

type Near = Gateway<Tiered<RedisStore>>;

async fn gateway(url: &str) -> (Near, Memory) {
    let memory = Memory::new(1 << 20);
    let near = memory.clone();
    let tiered = |store| Tiered::new(near, store);
    let gateway = Gateway::over(to(url), tiered, Clock::system());
    gateway.reaches(State::Closed).await;
    (gateway, memory)
}

impl Near {
    async fn hits(&self, tenant: &str) -> bool {
        let status = self.ask_for("hi", tenant).await;
        self.written().await;
        match status {
            Some(CacheStatus::Hit) => true,
            Some(CacheStatus::Miss) => false,
            other => panic!("{other:?}"),
        }
    }

    async fn purge(&self, tenant: &str) {
        let handle = self.layer.handle();
        handle.purge_tenant(Some(tenant)).await.unwrap();
    }
}

/// As if there had been no calls for so long.
async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}

async fn is_purged_everywhere(url: &str) {
    let ((one, _), (other, _)) = (gateway(url).await, gateway(url).await);
    for tenant in ["a", "b"] {
        assert!(!one.hits(tenant).await);
        assert!(other.hits(tenant).await, "by way of the server");
        assert!(other.hits(tenant).await, "from memory");
    }
    one.purge("a").await;
    assert!(!one.hits("a").await, "here at once");
    assert!(one.hits("b").await);
    // There it has a second. Its memory held what is purged; the server holds what is new.
    pass(Duration::from_secs(1)).await;
    let calls = one.calls() + other.calls();
    assert!(other.hits("a").await && other.hits("b").await);
    assert_eq!(one.calls() + other.calls(), calls);
    // No process has to have seen it happen.
    one.purge("b").await;
    let (late, _) = gateway(url).await;
    assert!(late.hits("a").await && !late.hits("b").await);
    // And with a tenant all that divide it further.
    assert!(!one.hits("c/1").await && one.hits("c/1").await);
    other.purge("c").await;
    pass(Duration::from_secs(1)).await;
    assert!(!one.hits("c/1").await);
}

#[tokio::test]
async fn a_tenant_is_purged_in_all_processes_within_a_second_and_no_other_is() {
    is_purged_everywhere(&Server::new().url()).await;
}

#[tokio::test]
async fn in_a_cluster_a_tenant_is_purged_wherever_its_answers_are() {
    is_purged_everywhere(&Cluster::new().url()).await;
}

#[tokio::test]
async fn an_idle_process_gives_nothing_that_was_purged_meanwhile() {
    let server = Server::new();
    let ((one, _), (idle, memory)) = (gateway(&server.url()).await, gateway(&server.url()).await);
    assert!(!one.hits("a").await && idle.hits("a").await);
    assert_eq!(memory.stats().entries, 1);
    one.purge("a").await;
    pass(Duration::from_secs(3600)).await;
    assert!(!idle.hits("a").await);
}

#[tokio::test]
async fn a_server_that_has_lost_its_counts_brings_nothing_back() {
    let mut server = Server::new();
    let (gateway, memory) = gateway(&server.url()).await;
    assert!(!gateway.hits("a").await && !gateway.hits("b").await);
    gateway.purge("a").await;
    assert!(
        gateway.hits("b").await,
        "which is in memory, and so is what was purged"
    );
    assert_eq!(memory.stats().entries, 2);
    server.kill();
    // While it is away, what is known has to do.
    pass(Duration::from_secs(5)).await;
    assert!(gateway.hits("b").await);
    server.start();
    gateway.reaches(State::Closed).await;
    pass(Duration::from_secs(1)).await;
    assert!(
        !gateway.hits("a").await,
        "it counts from the beginning again"
    );
}
