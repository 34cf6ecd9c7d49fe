//! Answers that take their time.
use std::time::Duration;

use fault_server::{FaultServer, Tempo};
use tokio::{io::AsyncWriteExt, time::timeout};

use crate::client::{Got, ask, bytes, connect, question, read_past, seconds, send};

#[tokio::test(start_paused = true)]
async fn the_head_is_late() {
    let server = FaultServer::in_memory();
    let got = ask(&server, "fault/slow-headers", true).await;
    got.assert_whole();
    assert_eq!((got.head, got.all), (seconds(20), seconds(20)));
}

#[tokio::test(start_paused = true)]
async fn the_head_drips_and_the_body_does_not() {
    let server = FaultServer::in_memory();
    let mut connection = server.connect();
    connection
        .write_all(&bytes("fault/headers-drip", true))
        .await
        .expect("is open");
    let start = tokio::time::Instant::now();
    let text = read_past(&mut connection, "\r\n\r\n").await;
    let head = &text[..text.find("\r\n\r\n").expect("is there") + 4];
    assert_eq!(start.elapsed(), seconds(head.len() as u64));
    read_past(&mut connection, "[DONE]").await;
    assert_eq!(start.elapsed(), seconds(head.len() as u64));
}

#[tokio::test(start_paused = true)]
async fn the_first_event_is_late() {
    let server = FaultServer::in_memory();
    let got = ask(&server, "fault/slow-first-token", true).await;
    got.assert_whole();
    assert_eq!((got.head, got.pieces[0].0), (seconds(0), seconds(20)));
    let got = ask(&server, "fault/slow-first-token", false).await;
    assert_eq!((got.head, got.pieces[0].0), (seconds(0), seconds(20)));
    got.json();
}

#[tokio::test(start_paused = true)]
async fn a_role_is_not_yet_content() {
    let got = ask(&FaultServer::in_memory(), "fault/slow-after-role", true).await;
    got.assert_whole();
    let (role, content) = (&got.pieces[0], &got.pieces[1]);
    assert!(role.0 == seconds(0) && String::from_utf8_lossy(&role.1).contains("assistant"));
    assert_eq!(content.0, seconds(20));
}

#[tokio::test(start_paused = true)]
async fn a_body_trickles() {
    let server = FaultServer::in_memory();
    let got = ask(&server, "fault/trickle", false).await;
    got.json();
    assert_eq!(
        (got.head, got.all),
        (seconds(0), seconds(got.text().len() as u64))
    );
    assert!(got.pieces.iter().all(|(_, piece)| piece.len() == 1));
    // In chunks, their frames trickle too.
    let got = ask(&server, "fault/trickle", true).await;
    got.assert_whole();
    assert!(got.all > seconds(got.text().len() as u64));
}

#[tokio::test(start_paused = true)]
async fn comments_are_all_that_comes() {
    let server = FaultServer::in_memory();
    for (stream, beat) in [(true, ": PROCESSING\n\n"), (false, "\n")] {
        let got = an_hour(&server, "fault/comments-only", stream).await;
        assert_eq!(got, beat.repeat(720));
    }
}

#[tokio::test(start_paused = true)]
async fn content_has_no_end() {
    let server = FaultServer::in_memory();
    let got = an_hour(&server, "fault/endless", true).await;
    assert_eq!(got.matches("\" again\"").count(), 36_000);
    let got = an_hour(&server, "fault/endless", false).await;
    assert_eq!(got.matches(" again").count(), 36_000);
}

/// What comes in an hour.
async fn an_hour(server: &FaultServer, model: &str, stream: bool) -> String {
    use http_body_util::BodyExt;
    let mut sender = connect(server).await;
    let request = crate::client::request(&question(model, stream));
    let mut body = sender
        .send_request(request)
        .await
        .expect("has a head")
        .into_body();
    let mut all = Vec::new();
    let read = async {
        while let Some(frame) = body.frame().await {
            all.extend(frame.expect("goes on").into_data().expect("is data"));
        }
    };
    // Not quite an hour, or whether the last one has come would be a matter of luck.
    let hour = seconds(3600) - Duration::from_millis(1);
    assert!(timeout(hour, read).await.is_err(), "it ended");
    String::from_utf8(all).expect("is text")
}

#[tokio::test(start_paused = true)]
async fn a_tempo_shortens_waits_and_windows() {
    let server = FaultServer::builder().tempo(Tempo::faster(20)).in_memory();
    assert_eq!(
        ask(&server, "fault/slow-headers", true).await.head,
        seconds(1)
    );
    for (wait, status) in [(0, 503), (2990, 503), (20, 200)] {
        tokio::time::advance(Duration::from_millis(wait)).await;
        assert_eq!(
            ask(&server, "fault/503-for-60s", false).await.status,
            status
        );
    }
}

#[tokio::test(start_paused = true)]
async fn slow_answers_do_not_hold_up_others() {
    let server = FaultServer::in_memory();
    let slow = ask(&server, "fault/slow-headers", true);
    let quick = ask(&server, "m", true);
    let (slow, quick): (Got, Got) = tokio::join!(slow, quick);
    assert_eq!((slow.all, quick.all), (seconds(20), seconds(0)));
    let mut sender = connect(&server).await;
    send(&mut sender, &question("m", false))
        .await
        .expect("is answered");
}
