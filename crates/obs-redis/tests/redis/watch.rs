//! What others change is told.
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use obs_redis::{
    Change, Redis,
    testing::{Cluster, Server},
};
use tokio::{task::yield_now, time::Instant};

use crate::support::*;

type Told = Arc<Mutex<Vec<Option<String>>>>;

/// Is told of changes under `obs:`; `None` stands for all.
fn watching(url: &str) -> (Redis, Told) {
    let builder = Redis::builder(url).budget(Duration::from_millis(500));
    let redis = builder.watch("obs:").connect().unwrap();
    let told = Told::default();
    let into = told.clone();
    assert!(redis.on_change(move |change| {
        into.lock().unwrap().push(match change {
            Change::Key(key) => Some(String::from_utf8(key.to_vec()).unwrap()),
            _ => None,
        });
    }));
    (redis, told)
}

async fn until(what: &str, is_so: impl Fn() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < until, "never {what}");
        yield_now().await;
    }
}

fn last(told: &Told) -> Option<Option<String>> {
    told.lock().unwrap().last().cloned()
}

#[tokio::test]
async fn changes_of_others_are_told_and_its_own_are_not() {
    let server = Server::new();
    let (redis, told) = watching(&server.url());
    let other = connected(&server.url()).await;
    assert!(!other.on_change(|_| {}), "not set");
    until("seen", || redis.sees_changes(b"obs:a")).await;
    state(&redis, obs_redis::State::Closed).await;
    assert_eq!(last(&told), Some(None), "what was before is not known");
    redis.set(key("obs:own"), key("x"), HOUR).await.unwrap();
    other.set(key("else"), key("x"), HOUR).await.unwrap();
    other.set(key("obs:a"), key("x"), HOUR).await.unwrap();
    other.del(key("obs:a")).await.unwrap();
    let a = || Some(Some("obs:a".to_owned()));
    until("told", || told.lock().unwrap().len() >= 3).await;
    assert_eq!(last(&told), a());
    let seen = told.lock().unwrap().clone();
    assert!(!seen.contains(&Some("obs:own".into())), "{seen:?}");
    assert!(!seen.contains(&Some("else".into())), "{seen:?}");
    assert_eq!(redis.get(key("obs:own")).await, Ok(Some(key("x"))));
}

#[tokio::test]
async fn a_loss_is_told_and_so_is_its_end() {
    let mut server = Server::new();
    let (redis, told) = watching(&server.url());
    until("seen", || redis.sees_changes(b"obs:a")).await;
    server.kill();
    until("blind", || !redis.sees_changes(b"obs:a")).await;
    assert_eq!(last(&told), Some(None));
    server.start();
    let before = told.lock().unwrap().len();
    until("seen again", || redis.sees_changes(b"obs:a")).await;
    assert!(told.lock().unwrap().len() > before);
    // One that hangs says nothing: it is asked.
    server.pause();
    until("blind again", || !redis.sees_changes(b"obs:a")).await;
    server.resume();
    until("seen at last", || redis.sees_changes(b"obs:a")).await;
    // What writes while it hangs goes by another connection.
    state(&redis, obs_redis::State::Closed).await;
    redis.set(key("obs:a"), key("x"), HOUR).await.unwrap();
}

#[tokio::test]
async fn that_all_was_removed_by_hand_is_told() {
    let server = Server::new();
    let (redis, told) = watching(&server.url());
    until("seen", || redis.sees_changes(b"obs:a")).await;
    let all = || {
        let told = told.lock().unwrap();
        told.iter().filter(|change| change.is_none()).count()
    };
    for flush in ["FLUSHALL", "FLUSHDB"] {
        let before = all();
        assert_eq!(server.cli(&[flush]), "OK");
        until("told", || all() > before).await;
    }
    assert!(redis.sees_changes(b"obs:a"), "it was there all the time");
}

#[tokio::test]
async fn who_may_not_ask_for_that_is_told_of_all_else() {
    let acl = "a on >b ~obs:* resetchannels -@all +set +hello +ping +client|id +client|tracking";
    let args: Vec<_> = ["--user"].into_iter().chain(acl.split(' ')).collect();
    let server = Server::with_args(&args);
    let (redis, told) = watching(&format!("redis://a:b@127.0.0.1:{}", server.port()));
    until("seen", || redis.sees_changes(b"obs:a")).await;
    assert_eq!(server.cli(&["SET", "obs:a", "x"]), "OK");
    let a = || Some(Some("obs:a".to_owned()));
    until("told", || last(&told) == a()).await;
}

#[tokio::test]
async fn every_master_of_a_cluster_tells() {
    let cluster = Cluster::new();
    let (redis, told) = watching(&cluster.url());
    let other = connected(&cluster.url()).await;
    let names: Vec<_> = (0..20).map(|number| format!("obs:{number}")).collect();
    for name in &names {
        until("seen", || redis.sees_changes(name.as_bytes())).await;
    }
    for name in &names {
        let name = Bytes::from(name.clone());
        other.set(name, key("x"), HOUR).await.unwrap();
    }
    until("told", || {
        let told = told.lock().unwrap();
        names.iter().all(|name| told.contains(&Some(name.clone())))
    })
    .await;
}
