//! Encrypted connections. The certificates in `certs` are good for `localhost` and 127.0.0.1, and for nothing else.

use std::path::PathBuf;

use crate::support::{HOUR, Log, key, state};
use obs_redis::{Redis, State, testing::Server};

fn cert(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/redis/certs")
        .join(name)
}

fn server() -> Server {
    let path = |name| cert(name).to_str().expect("text").to_owned();
    let (cert, key) = (path("server.pem"), path("server.key"));
    Server::with_args(&[
        "--port",
        "0",
        "--tls-port",
        "{port}",
        "--tls-cert-file",
        &cert,
        "--tls-key-file",
        &key,
        "--tls-ca-cert-file",
        &cert,
        "--tls-auth-clients",
        "no",
    ])
}

#[tokio::test]
async fn a_server_under_a_trusted_authority_is_used() {
    let server = server();
    for host in ["127.0.0.1", "localhost"] {
        let url = format!("rediss://{host}:{}", server.port());
        let redis = Redis::builder(&url)
            .ca_file(cert("ca.pem"))
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
    let server = server();
    // The server's own certificate is no authority that has signed it.
    let url = format!("rediss://127.0.0.1:{}", server.port());
    let redis = Redis::builder(&url)
        .ca_file(cert("other.pem"))
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
    for (name, want) in [
        ("none.pem", "No such file"),
        ("server.key", "no certificate"),
    ] {
        let builder = Redis::builder("rediss://localhost").ca_file(cert(name));
        let error = builder.connect().expect_err("bad").to_string();
        assert!(error.contains(want) && error.contains(name), "{error}");
    }
}
