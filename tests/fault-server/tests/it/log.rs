//! What the server says it saw.
use fault_server::{Ending, FaultServer};
use tokio::{
    io::AsyncWriteExt,
    time::{Instant, advance},
};

use crate::client::{ask, bytes, connect, paced, question, read_past, request, seconds, send};

#[tokio::test(start_paused = true)]
async fn requests_with_their_times_and_contents() {
    let server = FaultServer::in_memory();
    let start = Instant::now();
    let mut first = request(&question("m", false));
    first.headers_mut().insert(
        "authorization",
        "Bearer secret".parse().expect("is a value"),
    );
    connect(&server)
        .await
        .send_request(first)
        .await
        .expect("is answered");
    advance(seconds(3)).await;
    ask(&server, "fault/503-once", true).await;
    ask(&server, "m", true).await;
    let log = server.log();
    assert_eq!(log.times("m"), [start, start + seconds(3)]);
    assert_eq!(
        (log.count("m"), log.count("fault/503-once"), log.all().len()),
        (2, 1, 3)
    );
    let seen: Vec<_> = log.of("m").collect();
    assert_eq!(seen[0].request.headers()["authorization"], "Bearer secret");
    assert_eq!(
        seen[0].request.body(),
        question("m", false).to_string().as_bytes()
    );
    assert_eq!(
        (seen[0].number, seen[1].number, seen[1].script.as_deref()),
        (0, 2, None)
    );
    assert_eq!(
        log.of("fault/503-once")
            .next()
            .expect("came")
            .script
            .as_deref(),
        Some("503-once")
    );
    assert_eq!(log.endings("m"), [Ending::Answered; 2]);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_and_when() {
    let server = paced();
    let mut connection = server.connect();
    connection
        .write_all(&bytes("m", true))
        .await
        .expect("is open");
    read_past(&mut connection, "\"role\"").await;
    assert_eq!(server.log().under_way("m"), 1);
    advance(seconds(0)).await;
    let left = Instant::now();
    drop(connection);
    let log = server.until(|log| log.under_way("m") == 0).await;
    assert_eq!(log.left("m"), [left]);
    assert_eq!(server.until(|log| log.open() == 0).await.connections(), 1);
}

#[tokio::test(start_paused = true)]
async fn connections_and_how_many_at_once() {
    let server = paced();
    let mut sender = connect(&server).await;
    send(&mut sender, &question("m", true))
        .await
        .expect("is answered");
    send(&mut sender, &question("m", true))
        .await
        .expect("is answered");
    assert_eq!(
        (
            server.log().connections_of("m"),
            server.log().most_at_once("m")
        ),
        (1, 1)
    );
    drop(sender);
    server.until(|log| log.open() == 0).await;
    tokio::join!(
        ask(&server, "m", true),
        ask(&server, "m", true),
        ask(&server, "n", true)
    );
    let log = server.log();
    assert_eq!(
        (
            log.connections_of("m"),
            log.most_at_once("m"),
            log.most_at_once("n")
        ),
        (3, 2, 1)
    );
    assert_eq!((log.connections(), log.most_open()), (4, 3));
    assert_eq!(log.models().into_iter().collect::<Vec<_>>(), ["m", "n"]);
}

#[tokio::test(start_paused = true)]
async fn with_the_last_handle_connections_are_closed() {
    let server = FaultServer::in_memory();
    let other = server.clone();
    let mut connection = server.connect();
    drop(server);
    connection
        .write_all(&bytes("m", true))
        .await
        .expect("is open");
    read_past(&mut connection, "[DONE]").await;
    drop(other);
    let mut rest = Vec::new();
    tokio::io::AsyncReadExt::read_to_end(&mut connection, &mut rest)
        .await
        .expect("is closed");
}

#[tokio::test(start_paused = true)]
async fn what_is_under_way_survives_a_reset() {
    let server = paced();
    let asking = tokio::spawn({
        let server = server.clone();
        async move { ask(&server, "m", true).await }
    });
    server.until(|log| log.under_way("m") == 1).await;
    server.reset();
    let log = server.log();
    assert_eq!(
        (
            log.count("m"),
            log.under_way("m"),
            log.most_at_once("m"),
            log.connections()
        ),
        (0, 1, 1, 1)
    );
    asking.await.expect("does not panic").assert_whole();
    assert_eq!(
        (server.log().count("m"), server.log().under_way("m")),
        (0, 0)
    );
}
