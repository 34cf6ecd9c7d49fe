//! Faults over real sockets, with clients that people use. Time is real here, and twenty times as fast for the server.
use std::{io::ErrorKind, time::Duration};

use fault_server::{Ending, FaultServer, Tempo};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::client::{bytes, question, whole};

async fn server() -> FaultServer {
    let server = FaultServer::builder()
        .tempo(Tempo::faster(20))
        .start()
        .await;
    server.expect("there is a free port")
}

async fn post(
    server: &FaultServer,
    client: &reqwest::Client,
    model: &str,
    stream: bool,
) -> reqwest::Result<reqwest::Response> {
    let url = format!("{}/chat/completions", server.base_url());
    client.post(url).json(&question(model, stream)).send().await
}

/// What comes after a request, and how it ends.
async fn raw(server: &FaultServer, model: &str) -> (String, Result<(), ErrorKind>) {
    let mut socket = TcpStream::connect(server.address().expect("it listens"))
        .await
        .expect("it listens");
    socket
        .write_all(&bytes(model, true))
        .await
        .expect("is open");
    let mut all = Vec::new();
    let end = socket.read_to_end(&mut all).await;
    (
        String::from_utf8_lossy(&all).into_owned(),
        end.map(drop).map_err(|error| error.kind()),
    )
}

#[tokio::test]
async fn a_client_is_answered() {
    let server = server().await;
    let client = crate::reqwests::builder().build().expect("a client");
    let plain: Value = post(&server, &client, "m", false)
        .await
        .expect("is answered")
        .json()
        .await
        .expect("is JSON");
    assert_eq!(plain["choices"][0]["message"]["content"], whole());
    let text = post(&server, &client, "m", true)
        .await
        .expect("is answered")
        .text()
        .await
        .expect("is whole");
    assert!(text.ends_with("data: [DONE]\n\n"));
    assert_eq!(server.log().connections(), 1);
}

#[tokio::test]
async fn a_reset_and_a_close_are_two_things() {
    let server = server().await;
    assert_eq!(
        raw(&server, "fault/reset").await,
        (String::new(), Err(ErrorKind::ConnectionReset))
    );
    assert_eq!(raw(&server, "fault/close").await, (String::new(), Ok(())));
    let (text, end) = raw(&server, "fault/stream-dies").await;
    assert_eq!((text.matches("data: ").count(), end), (9, Ok(())));
    let (_, end) = raw(&server, "fault/stream-resets").await;
    assert_eq!(end, Err(ErrorKind::ConnectionReset));
}

#[tokio::test]
async fn a_stale_connection_fails_a_client_that_does_not_retry() {
    let server = server().await;
    let client = crate::reqwests::builder()
        .retry(reqwest::retry::never())
        .build()
        .expect("is a client");
    for wanted in [true, false, true, false] {
        let got = match post(&server, &client, "fault/reset-when-reused", false).await {
            Ok(response) => response.text().await.is_ok(),
            Err(_) => false,
        };
        assert_eq!(got, wanted);
    }
}

#[tokio::test]
async fn redirects_in_a_circle_end_with_an_error_of_the_client() {
    let server = server().await;
    let error = post(
        &server,
        &crate::reqwests::builder().build().expect("a client"),
        "fault/redirect-loop",
        false,
    )
    .await
    .expect_err("goes round");
    assert!(error.is_redirect(), "{error:?}");
    assert!(server.log().count("fault/redirect-loop") > 3);
}

#[tokio::test]
async fn waits_are_a_twentieth() {
    let server = server().await;
    let client = crate::reqwests::builder().build().expect("a client");
    let start = tokio::time::Instant::now();
    post(&server, &client, "fault/slow-headers", true)
        .await
        .expect("is answered");
    let took = start.elapsed();
    assert!(
        took >= Duration::from_secs(1) && took < Duration::from_secs(10),
        "{took:?}"
    );
}

#[tokio::test]
async fn a_client_that_gives_up_is_seen() {
    let server = server().await;
    let client = crate::reqwests::builder()
        .timeout(Duration::from_millis(50))
        .build()
        .expect("is a client");
    for model in ["fault/silent", "fault/stream-hangs", "fault/endless"] {
        let got = match post(&server, &client, model, true).await {
            Ok(response) => response.text().await,
            Err(error) => Err(error),
        };
        assert!(got.expect_err("hangs").is_timeout());
        let log = timeout(
            Duration::from_secs(30),
            server.until(|log| log.under_way(model) == 0),
        )
        .await;
        assert_eq!(
            log.expect("it is seen").endings(model),
            [Ending::ClientClosed]
        );
    }
}

#[tokio::test]
async fn nobody_listens_after_the_end() {
    let server = server().await;
    let address = server.address().expect("it listens");
    let mut socket = TcpStream::connect(address).await.expect("it listens");
    drop(server);
    let mut rest = Vec::new();
    // Closed or reset, according to how far it had come with this connection.
    let _ = socket.read_to_end(&mut rest).await;
    let error = TcpStream::connect(address)
        .await
        .expect_err("nobody listens");
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
}
