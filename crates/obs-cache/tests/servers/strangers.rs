//! Values that are not what was written.
use bytes::Bytes;
use obs_core::CacheStatus;
use obs_redis::testing::Server;

use crate::support::*;

#[tokio::test]
async fn whatever_is_changed_in_a_value_it_is_a_miss_and_replaced() {
    let server = Server::new();
    let gateway = Gateway::connected(to(&server.url())).await;
    gateway.ask("hi").await;
    gateway.written().await;
    let name = Bytes::from(server.cli(&["KEYS", "obs:*"]));
    let good = gateway.redis.get(name.clone()).await.unwrap().unwrap();
    let cut = [0, 1, 5, 6, 30, good.len() / 2, good.len() - 1].map(|end| good.slice(..end));
    // The fifth byte is the version, the sixth the encoding.
    let changed = [0, 4, 5, 6, 20, good.len() - 12, good.len() - 1].map(|place| {
        let mut bytes = good.to_vec();
        bytes[place] ^= 1;
        Bytes::from(bytes)
    });
    let longer = [&good[..], b"x"].concat().into();
    let values: Vec<_> = cut.into_iter().chain(changed).chain([longer]).collect();
    for (number, value) in values.iter().enumerate() {
        let set = gateway.redis.set(name.clone(), value.clone(), PATIENCE);
        set.await.unwrap();
        assert_eq!(
            gateway.ask("hi").await,
            Some(CacheStatus::Miss),
            "{value:?}"
        );
        gateway.written().await;
        assert_eq!(gateway.ask("hi").await, Some(CacheStatus::Hit), "{value:?}");
        let faults = gateway.layer.stats().store_faults;
        assert_eq!(faults, number as u64 + 1);
    }
}

#[tokio::test]
async fn the_value_of_another_tenant_is_a_miss_and_counted() {
    let server = Server::new();
    let gateway = Gateway::connected(to(&server.url())).await;
    gateway.ask_for("secret of a", "a").await;
    gateway.written().await;
    let of_a = server.cli(&["KEYS", "obs:*"]);
    gateway.ask_for("question of b", "b").await;
    gateway.written().await;
    let keys = server.cli(&["KEYS", "obs:*"]);
    let of_b = keys.lines().find(|name| *name != of_a).unwrap();
    assert_eq!(server.cli(&["COPY", &of_a, of_b, "REPLACE"]), "1");
    let status = gateway.ask_for("question of b", "b").await;
    assert_eq!(status, Some(CacheStatus::Miss));
    assert_eq!(gateway.layer.stats().store_faults, 1);
    gateway.written().await;
    assert_eq!(
        gateway.ask_for("secret of a", "a").await,
        Some(CacheStatus::Hit)
    );
}
