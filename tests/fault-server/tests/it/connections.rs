//! Connections that end, or say nothing.
use fault_server::{Ending, FaultServer};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::Instant,
};

use crate::client::{ask, bytes, connect, question, raw, read_past, seconds, send, try_ask};

#[tokio::test(start_paused = true)]
async fn nothing_comes_before_the_end() {
    let server = FaultServer::in_memory();
    for fault in ["reset", "close"] {
        let model = format!("fault/{fault}");
        assert_eq!(raw(&server, &model, true).await, "");
        let error = try_ask(&server, &model, false)
            .await
            .expect_err("there is no answer");
        assert!(error.is_incomplete_message(), "{error:?}");
        assert_eq!(server.log().endings(&model), [Ending::CutOff; 2]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_reset_that_happens_once_is_over() {
    let server = FaultServer::in_memory();
    assert!(try_ask(&server, "fault/reset-once", true).await.is_err());
    ask(&server, "fault/reset-once", true).await.assert_whole();
}

#[tokio::test(start_paused = true)]
async fn silence_lasts_until_the_client_leaves() {
    let server = FaultServer::in_memory();
    let mut connection = server.connect();
    connection
        .write_all(&bytes("fault/silent", false))
        .await
        .expect("is open");
    let day = tokio::time::timeout(seconds(86400), connection.read_u8());
    assert!(day.await.is_err(), "it spoke");
    assert_eq!(server.log().endings("fault/silent"), []);
    let left = Instant::now();
    drop(connection);
    let log = server
        .until(|log| !log.left("fault/silent").is_empty())
        .await;
    assert_eq!(log.left("fault/silent"), [left]);
    assert_eq!(log.endings("fault/silent"), [Ending::ClientClosed]);
}

#[tokio::test(start_paused = true)]
async fn a_right_answer_may_be_the_last_of_its_connection() {
    let server = FaultServer::in_memory();
    for stream in [false, true] {
        let mut sender = connect(&server).await;
        let body = question("fault/close-after", stream);
        let got = send(&mut sender, &body).await.expect("is answered");
        assert!(got.error.is_none() && got.headers.get("connection").is_none());
        assert!(
            send(&mut sender, &body).await.is_err(),
            "the connection is closed"
        );
    }
    assert_eq!(
        server.log().endings("fault/close-after"),
        [Ending::Answered; 2]
    );
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_used_again_is_reset() {
    let server = FaultServer::in_memory();
    for _ in 0..2 {
        let mut sender = connect(&server).await;
        let body = question("fault/reset-when-reused", true);
        send(&mut sender, &body)
            .await
            .expect("is answered")
            .assert_whole();
        assert!(send(&mut sender, &body).await.is_err());
    }
}

#[tokio::test(start_paused = true)]
async fn a_healthy_connection_is_used_again() {
    let server = FaultServer::in_memory();
    let mut sender = connect(&server).await;
    for stream in [false, true, false] {
        let got = send(&mut sender, &question("m", stream))
            .await
            .expect("is answered");
        assert!(got.error.is_none());
    }
    assert_eq!(
        (server.log().connections(), server.log().count("m")),
        (1, 3)
    );
}

#[tokio::test(start_paused = true)]
async fn requests_may_come_in_pieces_in_chunks_and_ahead_of_time() {
    let server = FaultServer::in_memory();
    let mut connection = server.connect();
    let body = question("m", false).to_string();
    let (first, second) = body.split_at(20);
    let chunked = "POST /v1/chat/completions HTTP/1.1\r\nexpect: 100-continue\r\ntransfer-encoding: chunked\r\n\r\n";
    for byte in chunked.bytes() {
        connection.write_u8(byte).await.expect("is open");
    }
    read_past(&mut connection, "100 Continue\r\n\r\n").await;
    let chunks = format!(
        "{:x}; note\r\n{first}\r\n{:X}\r\n{second}\r\n0\r\nx-trailer: 1\r\n\r\n",
        first.len(),
        second.len()
    );
    connection
        .write_all(chunks.as_bytes())
        .await
        .expect("is open");
    // The next one is there before the answer to this one is read.
    connection
        .write_all(&bytes("n", true))
        .await
        .expect("is open");
    let all = read_past(&mut connection, "[DONE]").await;
    assert_eq!(all.matches("HTTP/1.1 200 OK").count(), 2);
    assert_eq!(
        server.log().of("m").next().expect("came").request.body(),
        body.as_bytes()
    );
    assert_eq!(server.log().count("n"), 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_no_request_is_refused() {
    let server = FaultServer::in_memory();
    for said in [
        "\0\0\r\n\r\n",
        "GET / HTTP/1.1\r\ncontent-length: many\r\n\r\n",
        "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n",
    ] {
        let mut connection = server.connect();
        connection
            .write_all(said.as_bytes())
            .await
            .expect("is open");
        let mut answer = String::new();
        connection
            .read_to_string(&mut answer)
            .await
            .expect("is closed in order");
        assert!(
            answer.starts_with("HTTP/1.1 400 Bad Request\r\n"),
            "{said:?}: {answer}"
        );
    }
    assert_eq!(server.log().all().len(), 0);
}
