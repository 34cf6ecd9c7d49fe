//! Streams that do not come to their end.
use fault_server::{Ending, FaultServer};
use tokio::{io::AsyncWriteExt, time::timeout};

use crate::client::{Got, ask, bytes, paced, read_past, seconds};

#[tokio::test(start_paused = true)]
async fn a_stream_is_cut_after_two_thirds() {
    let server = FaultServer::in_memory();
    for fault in ["stream-dies", "stream-resets", "stream-dies-mid-event"] {
        let model = format!("fault/{fault}");
        let got = ask(&server, &model, true).await;
        got.assert_stump();
        assert!(got.error.is_some(), "{fault}: {got:?}");
        assert_eq!(
            got.text().ends_with("\n\n"),
            fault != "stream-dies-mid-event"
        );
        assert_eq!(server.log().endings(&model), [Ending::CutOff]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_plain_answer_is_cut_alike() {
    let server = FaultServer::in_memory();
    for fault in ["stream-dies", "stream-resets", "stream-dies-mid-event"] {
        let got = ask(&server, &format!("fault/{fault}"), false).await;
        let length: usize = got.headers["content-length"]
            .to_str()
            .expect("is text")
            .parse()
            .expect("is a number");
        let came = got.text().len();
        assert!(
            got.error.is_some() && came >= length * 2 / 3 && came < length,
            "{came} of {length}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_early_end_in_good_order_looks_like_success() {
    let server = FaultServer::in_memory();
    let got = ask(&server, "fault/stream-ends-early", true).await;
    got.assert_stump();
    assert!(got.error.is_none());
    let got = ask(&server, "fault/stream-ends-early", false).await;
    assert!(got.error.is_none() && serde_json::from_str::<serde_json::Value>(&got.text()).is_err());
    assert_eq!(
        server.log().endings("fault/stream-ends-early"),
        [Ending::Answered; 2]
    );
}

#[tokio::test(start_paused = true)]
async fn a_stream_stalls_and_goes_on() {
    for stream in [false, true] {
        let got = ask(&FaultServer::in_memory(), "fault/stream-stalls", stream).await;
        assert!(got.error.is_none());
        assert_eq!((got.head, got.all), (seconds(0), seconds(30)));
        let early: Vec<_> = got
            .pieces
            .iter()
            .filter(|(at, _)| *at == seconds(0))
            .collect();
        assert!(!early.is_empty() && early.len() < got.pieces.len());
    }
    let server = FaultServer::in_memory();
    assert_eq!(
        ask(&server, "fault/stream-stalls-once", true).await.all,
        seconds(30)
    );
    assert_eq!(
        ask(&server, "fault/stream-stalls-once", true).await.all,
        seconds(0)
    );
}

#[tokio::test(start_paused = true)]
async fn a_stream_hangs_with_its_connection_open() {
    let server = FaultServer::in_memory();
    let hung = timeout(seconds(3600), ask(&server, "fault/stream-hangs", true));
    assert!(hung.await.is_err());
    let log = server
        .until(|log| !log.left("fault/stream-hangs").is_empty())
        .await;
    assert_eq!(log.under_way("fault/stream-hangs"), 0);
}

#[tokio::test(start_paused = true)]
async fn everything_but_the_terminator_comes() {
    let server = FaultServer::in_memory();
    let told = |got: &Got| got.chunks().last().expect("came")["usage"]["completion_tokens"].clone();
    let got = ask(&server, "fault/no-done", true).await;
    assert!(got.error.is_none() && !got.text().contains("[DONE]"));
    assert_eq!(
        (got.said().as_str(), got.finishes(), told(&got)),
        (
            crate::client::whole().as_str(),
            vec!["stop".into()],
            12.into()
        )
    );
    ask(&server, "fault/no-done", false).await.json();
    ask(&server, "fault/no-done-open", false).await.json();

    let mut connection = server.connect();
    connection
        .write_all(&bytes("fault/no-done-open", true))
        .await
        .expect("is open");
    let text = read_past(&mut connection, "\"total_tokens\"").await;
    assert!(text.contains("\"finish_reason\":\"stop\""));
    let more = timeout(seconds(3600), read_past(&mut connection, "0\r\n\r\n"));
    assert!(more.await.is_err(), "it ended");
}

#[tokio::test(start_paused = true)]
async fn faults_of_a_stream_keep_the_pace() {
    let got = ask(&paced(), "fault/stream-dies", true).await;
    got.assert_stump();
    assert_eq!(got.all.as_millis(), 1000 + 7 * 100);
}
