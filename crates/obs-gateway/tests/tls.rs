//! Encrypted connections, with a certificate of the operator's.
mod common;

use std::path::Path;

use common::{Running, ask, start};
use obs_gateway::{
    Gateway,
    settings::{Settings, Sources, load},
};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use reqwest::{Certificate, Client};

fn make(dir: &Path, name: &str) -> Certificate {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(vec![name.into(), "127.0.0.1".into()]).unwrap();
    std::fs::write(dir.join("cert.pem"), cert.pem()).unwrap();
    std::fs::write(dir.join("key.pem"), signing_key.serialize_pem()).unwrap();
    Certificate::from_pem(cert.pem().as_bytes()).unwrap()
}

fn settings(dir: &Path) -> Settings {
    let path = |name: &str| dir.join(name).display().to_string();
    let sources = Sources {
        environment: [
            ("OBS_SIMULATED_LATENCY", "0".to_owned()),
            ("OBS_SERVER_TLS_CERT", path("cert.pem")),
            ("OBS_SERVER_TLS_KEY", path("key.pem")),
        ]
        .into_iter()
        .collect(),
        ..Sources::default()
    };
    load(&sources).unwrap().settings
}

fn client(trusts: &Certificate) -> Client {
    common::client();
    let client = Client::builder()
        .no_proxy()
        .tls_certs_only([trusts.clone()]);
    client.build().unwrap()
}

fn url(gateway: &Running, path: &str) -> String {
    gateway.url(path).replacen("http://", "https://", 1)
}

#[tokio::test]
async fn a_call_is_encrypted_and_spoken_in_http_2() {
    let dir = tempfile::tempdir().unwrap();
    let certificate = make(dir.path(), "localhost");
    let gateway = start(settings(dir.path())).await;
    let chat = url(&gateway, "/v1/chat/completions");
    let response = client(&certificate)
        .post(&chat)
        .json(&ask("cheap", "hello"))
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.version(), http::Version::HTTP_2);
    let old = Client::builder()
        .no_proxy()
        .http1_only()
        .tls_certs_only([certificate]);
    let response = old
        .build()
        .unwrap()
        .get(url(&gateway, "/healthz"))
        .send()
        .await
        .unwrap();
    assert_eq!(response.version(), http::Version::HTTP_11);
    // Neither plain text, nor a stranger's certificate.
    assert!(gateway.get("/healthz").send().await.is_err());
    let other = make(dir.path(), "localhost");
    assert!(
        client(&other)
            .get(url(&gateway, "/healthz"))
            .send()
            .await
            .is_err()
    );
}

#[tokio::test]
async fn a_certificate_that_was_renewed_is_shown_after_a_reload() {
    let dir = tempfile::tempdir().unwrap();
    let first = make(dir.path(), "localhost");
    let gateway = start(settings(dir.path())).await;
    let health = url(&gateway, "/healthz");
    let open = client(&first);
    assert_eq!(open.get(&health).send().await.unwrap().status(), 200);
    let second = make(dir.path(), "localhost");
    gateway.gateway.reload(settings(dir.path())).unwrap();
    assert_eq!(
        client(&second).get(&health).send().await.unwrap().status(),
        200
    );
    assert!(client(&first).get(&health).send().await.is_err());
    // Connections that are open stay.
    assert_eq!(open.get(&health).send().await.unwrap().status(), 200);

    std::fs::write(dir.path().join("cert.pem"), "nothing").unwrap();
    let refused = gateway.gateway.reload(settings(dir.path())).unwrap_err();
    assert!(refused.to_string().contains("server.tls_cert"), "{refused}");
    assert_eq!(
        client(&second).get(&health).send().await.unwrap().status(),
        200
    );
}

#[test]
fn files_that_are_of_no_use_are_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let (cert, key) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
    let refused = || {
        Gateway::builder(settings(dir.path()))
            .build()
            .unwrap_err()
            .to_string()
    };
    make(dir.path(), "localhost");
    let good = std::fs::read(&key).unwrap();
    let garbage = "-----BEGIN CERTIFICATE-----\n*\n-----END CERTIFICATE-----\n";
    for (file, text, says) in [
        (&cert, "", "has no certificate in PEM form"),
        (&cert, garbage, "server.tls_cert"),
        (&key, "swordfish", "has no private key in PEM form"),
    ] {
        make(dir.path(), "localhost");
        std::fs::write(file, text).unwrap();
        let refused = refused();
        assert!(refused.contains(says), "{refused}");
        assert!(refused.contains(&file.display().to_string()), "{refused}");
        assert!(!refused.contains("swordfish"), "{refused}");
    }
    make(dir.path(), "localhost");
    std::fs::write(&key, good).unwrap();
    assert!(refused().contains("does not go with"), "{}", refused());
    std::fs::remove_file(&key).unwrap();
    assert!(refused().contains("server.tls_key"), "{}", refused());
}

#[test]
fn one_file_without_the_other_is_refused() {
    for name in ["OBS_SERVER_TLS_CERT", "OBS_SERVER_TLS_KEY"] {
        let sources = Sources {
            environment: [(name, "some.pem")].into_iter().collect(),
            ..Sources::default()
        };
        let problems = load(&sources).unwrap_err().to_string();
        assert!(
            problems.contains("server.tls_cert and server.tls_key"),
            "{problems}"
        );
    }
}
