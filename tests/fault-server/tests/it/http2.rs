//! Faults over HTTP/2.
use std::error::Error;

use fault_server::{Ending, FaultServer};
use hyper::client::conn::http2::handshake;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::client::{ask, ask2, connect2, paced, question, request, seconds, send2};

fn reason(error: &hyper::Error) -> Option<h2::Reason> {
    error.source()?.downcast_ref::<h2::Error>()?.reason()
}

#[tokio::test(start_paused = true)]
async fn healthy_answers_are_the_same() {
    let server = paced();
    let got = ask2(&server, "m", true).await.expect("is answered");
    got.assert_whole();
    assert_eq!(
        (got.head, got.pieces[0].0, got.all.as_millis()),
        (seconds(0), seconds(1), 1000 + 1100)
    );
    let plain = ask2(&server, "m", false).await.expect("is answered").json();
    assert_eq!(
        plain["choices"][0]["message"]["content"],
        crate::client::whole()
    );
    assert_eq!(
        server.log().of("m").next().expect("came").request.version(),
        http::Version::HTTP_2
    );
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_reset_before_its_head() {
    let server = FaultServer::in_memory();
    for (fault, wanted) in [
        ("h2-refused", h2::Reason::REFUSED_STREAM),
        ("h2-rst", h2::Reason::INTERNAL_ERROR),
    ] {
        let model = format!("fault/{fault}");
        let mut sender = connect2(&server).await;
        let error = send2(&mut sender, &question(&model, true))
            .await
            .expect_err("is reset");
        assert_eq!(reason(&error), Some(wanted));
        send2(&mut sender, &question("m", true))
            .await
            .expect("the connection is still there")
            .assert_whole();
        assert_eq!(server.log().endings(&model), [Ending::CutOff]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_reset_in_the_middle() {
    let got = ask2(&paced(), "fault/h2-rst-mid-stream", true)
        .await
        .expect("has a head");
    got.assert_stump();
    assert_eq!(
        reason(&got.error.expect("is cut")),
        Some(h2::Reason::INTERNAL_ERROR)
    );
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_given_up_before_the_head() {
    let server = FaultServer::in_memory();
    for (fault, wanted) in [
        ("h2-goaway", h2::Reason::NO_ERROR),
        ("h2-calm", h2::Reason::ENHANCE_YOUR_CALM),
    ] {
        let model = format!("fault/{fault}");
        let mut sender = connect2(&server).await;
        let error = send2(&mut sender, &question(&model, true))
            .await
            .expect_err("is given up");
        assert_eq!(reason(&error), Some(wanted), "{error:?}");
        assert!(send2(&mut sender, &question("m", true)).await.is_err());
        let log = server.until(|log| log.under_way(&model) == 0).await;
        assert_eq!(log.endings(&model), [Ending::CutOff]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_given_up_in_the_middle() {
    let server = paced();
    let (near, far) = tokio::io::duplex(64 * 1024);
    let (mut from_client, mut to_client) = tokio::io::split(far);
    let (mut from_server, mut to_server) = tokio::io::split(server.connect());
    tokio::spawn(async move { tokio::io::copy(&mut from_client, &mut to_server).await });
    let seen = tokio::spawn(async move {
        let mut seen = Vec::new();
        while from_server
            .read_buf(&mut seen)
            .await
            .expect("is closed in order")
            > 0
        {}
        to_client.write_all(&seen).await.expect("is open");
        seen
    });
    let (mut sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(near))
        .await
        .expect("speaks HTTP/2");
    tokio::spawn(connection);
    let got = send2(&mut sender, &question("fault/h2-goaway-mid-stream", true))
        .await
        .expect("has a head");
    got.assert_stump();
    assert!(got.error.is_some());
    // Length 8, type 7, no flags, the connection; the first stream was dealt with; INTERNAL_ERROR.
    let frame = [0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2];
    assert!(seen.await.expect("does not panic").ends_with(&frame));
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_given_up_in_good_order() {
    let server = paced();
    let mut sender = connect2(&server).await;
    let body = question("fault/h2-goaway-graceful", true);
    send2(&mut sender, &body)
        .await
        .expect("is answered")
        .assert_whole();
    assert!(
        send2(&mut sender, &body).await.is_err(),
        "a new connection is needed"
    );
    assert_eq!(
        server.log().endings("fault/h2-goaway-graceful"),
        [Ending::Answered]
    );
}

#[tokio::test(start_paused = true)]
async fn over_http1_it_is_told_that_these_cannot_be_shown() {
    let server = FaultServer::in_memory();
    let families = fault_server::FAMILIES
        .iter()
        .filter(|family| family.name() == "HTTP/2");
    for fault in families.flat_map(|family| family.faults()) {
        let got = ask(&server, &format!("fault/{}", fault.name()), true).await;
        assert_eq!(got.status.as_u16(), 505);
        assert!(
            got.json()["error"]["message"]
                .as_str()
                .expect("is text")
                .contains("HTTP/2")
        );
    }
}

#[tokio::test(start_paused = true)]
async fn faults_of_the_connection_take_all_its_streams_along() {
    let server = FaultServer::in_memory();
    for fault in ["close", "reset"] {
        let model = format!("fault/{fault}");
        let mut sender = connect2(&server).await;
        let mut other = sender.clone();
        let waiting =
            tokio::spawn(async move { send2(&mut other, &question("fault/silent", true)).await });
        server.until(|log| log.under_way("fault/silent") == 1).await;
        assert!(send2(&mut sender, &question(&model, true)).await.is_err());
        assert!(waiting.await.expect("does not panic").is_err());
        let log = server.until(|log| log.under_way("fault/silent") == 0).await;
        assert_eq!(log.endings(&model), [Ending::CutOff]);
    }
    assert_eq!(server.log().endings("fault/silent"), [Ending::CutOff; 2]);
}

#[tokio::test(start_paused = true)]
async fn what_was_sent_before_the_end_arrives() {
    let server = FaultServer::in_memory();
    let got = ask2(&server, "fault/stream-dies", true)
        .await
        .expect("has a head");
    got.assert_stump();
    assert!(got.error.is_some());
    ask2(&server, "fault/close-after", true)
        .await
        .expect("is answered")
        .assert_whole();
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_is_seen() {
    let server = FaultServer::in_memory();
    // It resets one stream of a connection that lives on.
    let mut sender = connect2(&server).await;
    let mut body = sender
        .send_request(request(&question("fault/stream-hangs", true)))
        .await
        .expect("has a head")
        .into_body();
    http_body_util::BodyExt::frame(&mut body)
        .await
        .expect("something comes")
        .expect("something comes");
    drop(body);
    let log = server
        .until(|log| !log.left("fault/stream-hangs").is_empty())
        .await;
    assert_eq!(log.open(), 1);
    // It closes the connection before there is a head.
    let mut doomed = connect2(&server).await;
    let body = question("fault/silent", true);
    let asking = tokio::time::timeout(seconds(3), send2(&mut doomed, &body));
    assert!(asking.await.is_err());
    drop(doomed);
    server
        .until(|log| !log.left("fault/silent").is_empty())
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_body_trickles() {
    let got = ask2(&FaultServer::in_memory(), "fault/trickle", false)
        .await
        .expect("has a head");
    got.json();
    assert_eq!(
        (got.head, got.all),
        (seconds(0), seconds(got.text().len() as u64))
    );
}
