//! Several gateways and one Redis.
mod common;

use common::{Provider, Running, Then, ask, header, says, settings, start};
use obs_redis::testing::Server;
use tokio::time::timeout;

fn answers() -> impl Iterator<Item = Then> {
    (0..10_000).map(|_| says("m", "Hello"))
}

/// A gateway that is connected. What a new process cannot write yet is dropped.
async fn gateway(url: &str, redis: &Server) -> Running {
    with_key(url, redis, "the same for all").await
}

async fn with_key(url: &str, redis: &Server, key: &str) -> Running {
    let redis = redis.url();
    let settings = settings(&[
        ("OBS_CACHE_KEY", key),
        ("OPENAI_BASE_URL", url),
        ("OBS_CACHE_STORE", &redis),
        ("OBS_CACHE_TIER", "false"),
        ("OBS_CACHE_REDIS_TIMEOUT", "2s"),
    ]);
    let gateway = start(settings).await;
    let connected = async { while asked(&gateway, "Connected?", "").await.unwrap() != "hit" {} };
    let connected = timeout(common::SOON, connected).await;
    connected.expect("Redis is there");
    gateway
}

/// How the cache answered; `None`: not at all.
async fn asked(gateway: &Running, question: &str, directive: &str) -> Option<String> {
    let request = gateway.chat(&ask("m", question));
    let request = request.header("cache-control", directive);
    let answer = request.send().await.unwrap();
    (answer.status() == 200).then(|| header(&answer, "x-obs-cache").unwrap().to_owned())
}

/// Asks the cache alone until it has the answer: writes are off the caller's path.
async fn until_it_is_there(gateway: &Running, question: &str) {
    let hits = async { while asked(gateway, question, "only-if-cached").await.is_none() {} };
    let there = timeout(common::SOON, hits).await;
    there.expect("what was answered is kept");
}

#[tokio::test]
async fn gateways_share_answers_of_the_same_provider_and_of_no_other() {
    let redis = Server::new();
    let (_one, at_one) = Provider::start(answers()).await;
    let (_other, at_other) = Provider::start(answers()).await;
    let first = gateway(&format!("http://{at_one}"), &redis).await;
    assert_eq!(asked(&first, "Hi", "").await.unwrap(), "miss");
    let second = gateway(&format!("http://{at_one}"), &redis).await;
    until_it_is_there(&second, "Hi").await;
    let keyed = with_key(&format!("http://{at_one}"), &redis, "a key of their own").await;
    assert_eq!(asked(&keyed, "Hi", "").await.unwrap(), "miss");
    let third = gateway(&format!("http://{at_other}"), &redis).await;
    assert_eq!(asked(&third, "Hi", "").await.unwrap(), "miss");
}

#[tokio::test]
async fn a_shutdown_writes_what_is_to_be_kept() {
    let redis = Server::new();
    let (_provider, at) = Provider::start(answers()).await;
    let at = format!("http://{at}");
    let mut first = gateway(&at, &redis).await;
    assert_eq!(asked(&first, "Hi", "").await.unwrap(), "miss");
    first.stop();
    assert!(first.stopped().await);
    until_it_is_there(&gateway(&at, &redis).await, "Hi").await;
}
