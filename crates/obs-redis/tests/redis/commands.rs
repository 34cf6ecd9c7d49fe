//! What the commands do, and what the server's refusals become.

use std::time::Duration;

use crate::support::{HOUR, PATIENCE, connect, connected, key, state};
use bytes::Bytes;
use obs_redis::{ConfigError, Fault, Redis, State, testing::Server};

#[tokio::test]
async fn values_are_set_read_and_removed() {
    let server = Server::new();
    let redis = connected(&server.url()).await;
    assert_eq!(redis.get(key("a")).await, Ok(None));
    let binary = Bytes::from((0..=255).collect::<Vec<u8>>());
    assert_eq!(redis.set(key("a"), binary.clone(), HOUR).await, Ok(()));
    assert_eq!(redis.get(key("a")).await, Ok(Some(binary)));
    let left: u64 = server.cli(&["PTTL", "a"]).parse().unwrap();
    assert!((3_500_000..=3_600_000).contains(&left), "{left}");
    assert_eq!(redis.del(key("a")).await, Ok(true));
    assert_eq!(redis.del(key("a")).await, Ok(false));
    assert_eq!(redis.stats().answered, 5);
}

#[tokio::test]
async fn an_empty_value_is_a_value() {
    let server = Server::new();
    let redis = connected(&server.url()).await;
    redis.set(key("a"), Bytes::new(), HOUR).await.unwrap();
    assert_eq!(redis.get(key("a")).await, Ok(Some(Bytes::new())));
}

#[tokio::test]
async fn a_time_to_live_is_never_zero_and_may_be_for_ever() {
    let server = Server::new();
    let redis = connected(&server.url()).await;
    let set = async |ttl| redis.set(key("a"), key("x"), ttl).await;
    assert_eq!(set(Duration::from_nanos(1)).await, Ok(()));
    // What a server cannot count is its error, and not a value that stays.
    let ever = set(Duration::MAX).await;
    assert!(
        matches!(ever, Err(Fault::Server { code: "ERR", .. })),
        "{ever:?}"
    );
}

#[tokio::test]
async fn only_the_first_sets_what_is_absent_and_counters_count() {
    let server = Server::new();
    let redis = connected(&server.url()).await;
    let lease = async |who| redis.set_if_absent(key("lease"), key(who), HOUR).await;
    assert_eq!(lease("one").await, Ok(true));
    assert_eq!(lease("two").await, Ok(false));
    assert_eq!(redis.get(key("lease")).await, Ok(Some(key("one"))));
    assert_eq!(redis.incr(key("generation")).await, Ok(1));
    assert_eq!(redis.incr(key("generation")).await, Ok(2));
    assert_eq!(
        redis.incr_by(key("generation"), 1 << 40).await,
        Ok((1 << 40) + 2)
    );
    assert_eq!(redis.incr_by(key("generation"), -2).await, Ok(1 << 40));
}

#[tokio::test]
async fn a_value_over_the_limit_is_not_sent() {
    let server = Server::new();
    let redis = Redis::builder(&server.url()).max_value_bytes(3);
    let redis = redis.connect().unwrap();
    state(&redis, State::Closed).await;
    let set = redis.set(key("a"), key("four"), HOUR).await;
    assert_eq!(set, Err(Fault::TooLarge { bytes: 4, limit: 3 }));
    assert_eq!(redis.stats().too_large, 1);
    assert_eq!(server.cli(&["EXISTS", "a"]), "0");
}

#[tokio::test]
async fn a_full_server_refuses_writes_and_still_reads() {
    let server = Server::new();
    let redis = connected(&server.url()).await;
    redis.set(key("a"), key("x"), HOUR).await.unwrap();
    assert_eq!(server.cli(&["CONFIG", "SET", "maxmemory", "1"]), "OK");
    let set = redis.set(key("b"), key("x"), HOUR).await.unwrap_err();
    assert!(matches!(set, Fault::Server { code: "OOM", .. }), "{set:?}");
    assert_eq!(redis.get(key("a")).await, Ok(Some(key("x"))));
    let stats = redis.stats();
    assert_eq!(
        (stats.state, stats.server_errors, stats.opened),
        (State::Closed, 1, 0)
    );
}

#[tokio::test]
async fn a_key_of_another_type_is_the_servers_error() {
    let server = Server::new();
    let redis = connected(&server.url()).await;
    let _ = server.cli(&["LPUSH", "list", "x"]);
    let got = redis.get(key("list")).await.unwrap_err();
    assert!(
        matches!(
            got,
            Fault::Server {
                code: "WRONGTYPE",
                ..
            }
        ),
        "{got:?}"
    );
}

#[tokio::test]
async fn user_password_and_database_are_those_of_the_url() {
    let user = "user cache on >p#ss ~* +@all";
    let server = Server::with_args(
        &["--requirepass", "other", "--user"]
            .into_iter()
            .chain(user.split(' ').skip(1))
            .collect::<Vec<_>>(),
    );
    let url = format!("redis://cache:p%23ss@127.0.0.1:{}/3", server.port());
    let redis = connected(&url).await;
    assert_eq!(
        redis.server(),
        format!("redis://***@127.0.0.1:{}/3", server.port())
    );
    redis.set(key("a"), key("x"), HOUR).await.unwrap();
    let at = |database| {
        server.cli(&[
            "--no-auth-warning",
            "-a",
            "other",
            "-n",
            database,
            "EXISTS",
            "a",
        ])
    };
    assert_eq!((&*at("0"), &*at("3")), ("0", "1"));
}

#[tokio::test]
async fn settings_that_cannot_be_used_are_refused() {
    let refused = |builder: obs_redis::Builder| {
        let error: ConfigError = builder.connect().expect_err("bad");
        error.to_string()
    };
    let good = || Redis::builder("redis://localhost");
    assert_eq!(refused(good().pool(0)), "pool is zero: it has to be more");
    assert!(refused(good().budget(Duration::ZERO)).contains("budget"));
    assert!(refused(good().max_queued(0)).contains("max_queued"));
    assert!(refused(good().ca_file("ca.pem")).contains("write rediss://"));
    assert!(refused(Redis::builder("localhost")).contains("write redis://host:6379"));
    let shown = format!("{:?}", Redis::builder("redis://me:secret@localhost"));
    assert!(shown.contains("redis://***@localhost") && !shown.contains("secret"));
    assert!(!format!("{:?}", Redis::builder("secret")).contains("secret"));
}

#[tokio::test]
async fn operations_can_be_spawned() {
    let server = Server::new();
    let redis = connect(&server.url());
    state(&redis, State::Closed).await;
    let got = tokio::spawn(async move { redis.get(key("a")).await });
    assert_eq!(got.await.unwrap(), Ok(None));
}

#[tokio::test]
async fn commands_on_one_key_stay_in_order() {
    let server = Server::new();
    let redis = Redis::builder(&server.url())
        .pool(4)
        .budget(PATIENCE)
        .connect()
        .unwrap();
    state(&redis, State::Closed).await;
    for round in 0..200 {
        let name = Bytes::from(format!("key {round}"));
        let removal = redis.del(name.clone());
        let write = redis.set(name.clone(), key("x"), HOUR);
        let (removed, written) = tokio::join!(removal, write);
        assert_eq!((removed, written), (Ok(false), Ok(())));
        assert_eq!(redis.get(name).await, Ok(Some(key("x"))));
    }
}
