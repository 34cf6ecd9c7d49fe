//! Bodies that are no answer.
use fault_server::FaultServer;
use serde_json::Value;

use crate::client::ask;

#[tokio::test(start_paused = true)]
async fn a_success_has_no_body() {
    let got = ask(&FaultServer::in_memory(), "fault/empty-body", true).await;
    assert!(got.status.is_success() && got.error.is_none() && got.text().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_success_is_a_page_for_browsers() {
    let got = ask(&FaultServer::in_memory(), "fault/html", true).await;
    assert!(
        got.status.is_success()
            && got.headers["content-type"]
                .to_str()
                .expect("is text")
                .starts_with("text/html")
    );
    assert!(serde_json::from_str::<Value>(&got.text()).is_err());
}

#[tokio::test(start_paused = true)]
async fn compression_is_only_announced() {
    let got = ask(&FaultServer::in_memory(), "fault/gzip-garbage", false).await;
    assert_eq!(got.headers["content-encoding"], "gzip");
    assert_eq!(got.headers["content-type"], "application/json");
    assert!(got.text().contains("not what gzip looks like"));
}

#[tokio::test(start_paused = true)]
async fn redirects_lead_in_circles_and_astray() {
    let server = FaultServer::in_memory();
    let got = ask(&server, "fault/redirect-loop", false).await;
    assert_eq!(
        (got.status.as_u16(), &got.headers["location"]),
        (307, &"/v1/chat/completions".parse().expect("is a value"))
    );
    let got = ask(&server, "fault/redirect-away", false).await;
    let to = got.headers["location"].to_str().expect("is text");
    assert!(got.status.as_u16() == 302 && to.starts_with("http://elsewhere.invalid/"));
}
