//! Encrypted connections, with certificates that are good for `localhost` and 127.0.0.1, and for nothing else.

use crate::support::{HOUR, Log, key, state};
use obs_redis::{
    Redis, State,
    testing::{Authority, Server},
};

#[tokio::test]
async fn a_server_under_a_trusted_authority_is_used() {
    let authority = Authority::new();
    let server = Server::with_tls(&authority, &[]);
    for host in ["127.0.0.1", "localhost"] {
        let url = format!("rediss://{host}:{}", server.port());
        let redis = Redis::builder(&url)
            .ca_file(authority.ca_file())
            .connect()
            .unwrap();
        state(&redis, State::Closed).await;
        redis.set(key("a"), key("x"), HOUR).await.unwrap();
        assert_eq!(redis.get(key("a")).await, Ok(Some(key("x"))));
    }
}

#[tokio::test]
async fn a_server_under_another_authority_is_not() {
    let log = Log::start();
    let server = Server::with_tls(&Authority::new(), &[]);
    let url = format!("rediss://127.0.0.1:{}", server.port());
    let redis = Redis::builder(&url)
        .ca_file(Authority::new().ca_file())
        .connect()
        .unwrap();
    state(&redis, State::Open).await;
    assert!(redis.get(key("a")).await.is_err());
    let lines = log.lines();
    assert!(
        lines.len() == 1 && lines[0].contains("ertificate"),
        "{lines:?}"
    );
}

#[test]
fn a_file_without_authorities_is_refused() {
    let authority = Authority::new();
    let absent = authority.ca_file().with_file_name("none.pem");
    for (file, want) in [
        (absent, "No such file"),
        (authority.key_file(), "no certificate"),
    ] {
        let builder = Redis::builder("rediss://localhost").ca_file(&file);
        let error = builder.connect().expect_err("bad").to_string();
        let name = file.to_str().unwrap();
        assert!(error.contains(want) && error.contains(name), "{error}");
    }
}
