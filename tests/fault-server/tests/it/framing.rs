//! Bytes that are not quite HTTP/1.1.
use fault_server::{Ending, FaultServer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::client::{ask, ask2, bytes, connect, question, raw, read_past, send, try_ask, whole};

#[tokio::test(start_paused = true)]
async fn more_is_announced_than_comes() {
    let server = FaultServer::in_memory();
    for stream in [false, true] {
        let got = ask(&server, "fault/content-length-over", stream).await;
        let length: usize = got.headers["content-length"]
            .to_str()
            .expect("is text")
            .parse()
            .expect("is a number");
        assert_eq!(length, got.text().len() + 64);
        assert!(got.error.is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn less_is_announced_than_comes_and_spoils_the_next_answer() {
    let server = FaultServer::in_memory();
    let mut sender = connect(&server).await;
    let body = question("fault/content-length-under", false);
    let got = send(&mut sender, &body).await.expect("is answered");
    assert!(got.error.is_none() && serde_json::from_str::<serde_json::Value>(&got.text()).is_err());
    assert!(
        send(&mut sender, &body).await.is_err(),
        "the rest was taken for an answer"
    );
    let mut connection = server.connect();
    connection
        .write_all(&bytes("fault/content-length-under", true))
        .await
        .expect("is open");
    let text = read_past(&mut connection, "[DONE]\n\n").await;
    let (head, body) = text.split_once("\r\n\r\n").expect("has a head");
    assert!(
        head.contains(&format!("content-length: {}", body.len() - 64)),
        "{head}"
    );
}

#[tokio::test(start_paused = true)]
async fn chunks_are_cut_or_have_no_size() {
    let server = FaultServer::in_memory();
    let cut = raw(&server, "fault/cut-chunk", true).await;
    assert!(cut.ends_with("\r\ndata: {\"id\""));
    let bad = raw(&server, "fault/bad-chunk", true).await;
    assert!(bad.ends_with("this is no size\r\n"));
    for fault in ["cut-chunk", "bad-chunk"] {
        let model = format!("fault/{fault}");
        let got = ask(&server, &model, true).await;
        assert!(got.error.is_some());
        got.assert_stump();
        assert_eq!(server.log().endings(&model), [Ending::CutOff; 2]);
        assert!(ask(&server, &model, false).await.error.is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn the_head_is_none() {
    let server = FaultServer::in_memory();
    assert_eq!(
        raw(&server, "fault/no-http", false).await,
        "SSH-2.0-OpenSSH_9.2p1\r\n"
    );
    let error = try_ask(&server, "fault/no-http", false)
        .await
        .expect_err("is no HTTP");
    assert!(error.is_parse(), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn headers_have_no_end() {
    let server = FaultServer::in_memory();
    let mut connection = server.connect();
    connection
        .write_all(&bytes("fault/endless-headers", true))
        .await
        .expect("is open");
    let mut some = vec![0; 4 << 20];
    connection.read_exact(&mut some).await.expect("goes on");
    assert!(!some.windows(4).any(|four| four == b"\r\n\r\n"));
    let error = try_ask(&server, "fault/endless-headers", true)
        .await
        .expect_err("is too much");
    assert!(error.is_parse(), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn over_http2_it_is_told_that_these_cannot_be_shown() {
    let server = FaultServer::in_memory();
    for fault in [
        "cut-chunk",
        "bad-chunk",
        "no-http",
        "endless-headers",
        "headers-drip",
    ] {
        let got = ask2(&server, &format!("fault/{fault}"), false)
            .await
            .expect("is answered");
        assert_eq!(got.status.as_u16(), 505, "{fault}");
        assert!(
            got.json()["error"]["message"]
                .as_str()
                .expect("is text")
                .contains("HTTP/1.1")
        );
    }
    // A wrong length can.
    let got = ask2(&server, "fault/content-length-over", true)
        .await
        .expect("has a head");
    assert!(got.error.is_some());
    assert_eq!(got.said(), whole());
}
