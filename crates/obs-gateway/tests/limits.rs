//! How much the gateway takes at a time: calls, connections, and patience.
mod common;

use std::time::Duration;

use axum::body::Body;
use common::{
    Provider, SOON, Then, ask, ask_stream, error, from_file, header, respond, says, start, streams,
};
use futures_util::StreamExt;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::{mpsc, oneshot},
    time::timeout,
};

async fn gateway(server: &str, then: Vec<Then>) -> (common::Running, Provider) {
    let (provider, address) = Provider::start(then).await;
    let file = format!(
        "[server]\n{server}\n[cache]\nstore = \"off\"\n[router]\nretries = 0\n[[providers]]\nname = \"p\"\n\
         base_url = \"http://{address}/v1\"\n[[routes]]\nname = \"r\"\nmodel = \"m\""
    );
    (start(from_file(&file, &[])).await, provider)
}

/// A stream that has begun and goes on when it is told.
fn held() -> (Then, mpsc::Sender<&'static str>) {
    let (send, mut receive) = mpsc::channel::<&'static str>(4);
    let body = futures_util::stream::poll_fn(move |cx| receive.poll_recv(cx));
    let body = Body::from_stream(body.map(Ok::<_, std::io::Error>));
    (
        respond(200, &[("content-type", "text/event-stream")], body),
        send,
    )
}

const BEGIN: &str = "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":\
    [{\"index\":0,\"delta\":{\"content\":\"a\"},\"finish_reason\":null}]}\n\n";
const END: &str = "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":\
    [{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";

#[tokio::test]
async fn a_stream_has_its_place_to_its_last_token_and_others_are_sent_away() {
    let (stream, send) = held();
    let then = vec![stream, says("m", "after")];
    let (gateway, provider) = gateway("max_concurrency = 1\nmax_queue = 0", then).await;
    send.send(BEGIN).await.unwrap();
    let first = gateway.chat(&ask_stream("r", "one")).send().await.unwrap();
    assert_eq!(first.status(), 200);
    let mut body = first.bytes_stream();
    assert!(body.next().await.unwrap().unwrap().starts_with(b"data:"));

    let (status, refused) = error(gateway.chat(&ask("r", "two"))).await;
    assert_eq!(
        (status, refused["code"].as_str()),
        (503, Some("overloaded"))
    );
    let again = gateway.chat(&ask("r", "two")).send().await.unwrap();
    assert_eq!(header(&again, "retry-after"), Some("1"));
    // What costs nothing has room.
    for path in ["/v1/models", "/healthz"] {
        assert_eq!(gateway.get(path).send().await.unwrap().status(), 200);
    }
    assert_eq!(provider.seen().len(), 1);

    send.send(END).await.unwrap();
    drop(send);
    while body.next().await.is_some() {}
    let after = gateway.chat(&ask("r", "two")).send().await.unwrap();
    assert_eq!(after.status(), 200);
}

#[tokio::test]
async fn who_leaves_gives_its_place_back() {
    let (left, gone) = oneshot::channel();
    let then = vec![Then::Hang(Some(left)), says("m", "after")];
    let (gateway, _provider) = gateway("max_concurrency = 1\nmax_queue = 1", then).await;
    let hangs = tokio::spawn(gateway.chat(&ask("r", "one")).send());
    while gateway
        .chat(&ask("r", "none"))
        .header("x-obs-deadline-ms", "1")
        .send()
        .await
        .unwrap()
        .status()
        != 503
    {}
    // One waits, and has the place when it is free.
    let waits = tokio::spawn(gateway.chat(&ask("r", "two")).send());
    hangs.abort();
    timeout(SOON, gone).await.unwrap().unwrap();
    assert_eq!(waits.await.unwrap().unwrap().status(), 200);
}

#[tokio::test]
async fn connections_above_the_limit_wait_until_one_is_closed() {
    let (gateway, _provider) = gateway("max_connections = 1", vec![]).await;
    let address = gateway.base.trim_start_matches("http://").to_owned();
    let ask = async |connection: &mut TcpStream| {
        let request = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";
        connection.write_all(request).await.unwrap();
        let mut answer = [0; 12];
        connection.read_exact(&mut answer).await.map(|_| answer)
    };
    let mut first = TcpStream::connect(&address).await.unwrap();
    assert_eq!(&ask(&mut first).await.unwrap(), b"HTTP/1.1 200");
    let mut second = TcpStream::connect(&address).await.unwrap();
    let waits = timeout(Duration::from_millis(100), ask(&mut second)).await;
    assert!(waits.is_err());
    drop(first);
    let mut answer = [0; 12];
    timeout(SOON, second.read_exact(&mut answer))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
}

#[tokio::test]
async fn who_connects_and_asks_nothing_is_left() {
    let (gateway, _provider) = gateway("header_timeout = \"50ms\"", vec![]).await;
    let address = gateway.base.trim_start_matches("http://");
    // Nothing, half of the headers, half of what HTTP/2 begins with, and all of it.
    for said in [
        &b""[..],
        b"POST /v1/chat",
        b"PRI * HTTP/2.0\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let mut connection = TcpStream::connect(address).await.unwrap();
        connection.write_all(said).await.unwrap();
        let mut rest = Vec::new();
        let closed = timeout(SOON, connection.read_to_end(&mut rest)).await;
        assert!(closed.is_ok(), "{said:?}");
    }
}

#[tokio::test]
async fn http_2_is_spoken_with_who_knows_that_it_is() {
    let then = vec![says("m", "plain"), streams("m", &["a", "b"])];
    let (gateway, _provider) = gateway("", then).await;
    common::client();
    let client = reqwest::Client::builder()
        .no_proxy()
        .http2_prior_knowledge()
        .build()
        .unwrap();
    for body in [ask("r", "one"), ask_stream("r", "two")] {
        let request = client.post(gateway.url("/v1/chat/completions")).json(&body);
        let response = request.send().await.unwrap();
        assert_eq!(response.version(), http::Version::HTTP_2);
        assert_eq!(response.status(), 200);
        assert!(!response.bytes().await.unwrap().is_empty());
    }
}
