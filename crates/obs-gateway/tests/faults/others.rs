//! Bodies, framing, redirects, TLS and names: whatever it is, the caller gets a whole answer or a clear error.
use std::time::Duration;

use fault_server::{FaultServer, TlsFault, answer_text};

use crate::setup::{Faulty, seconds};

/// What spoils an answer before it has begun, so that the next route gives it.
const BEFORE: [&str; 13] = [
    "502",
    "504",
    "529",
    "no-http",
    "html",
    "empty-body",
    "empty-stream",
    "empty-choices",
    "gzip-garbage",
    "redirect-loop",
    "redirect-away",
    "endless-headers",
    "429-odd",
];

#[tokio::test]
async fn what_is_no_answer_is_left_for_the_next_route() {
    for fault in BEFORE {
        for streamed in [false, true] {
            let faulty = Faulty::first(fault).await;
            let got = faulty.ask(streamed, &[]).await;
            assert_eq!(got.status, 200, "{fault} {got:?}");
            got.assert_whole("premium");
        }
    }
}

/// With nowhere else to go it is a clear error.
#[tokio::test]
async fn what_is_no_answer_is_a_clear_error_without_another_route() {
    for fault in BEFORE {
        for streamed in [false, true] {
            let faulty = Faulty::alone(fault).await;
            let got = faulty.ask(streamed, &[]).await;
            match fault {
                // A status of the provider's own comes with its own body, even where that is a page, or nothing.
                "502" | "504" => assert_eq!(got.status.to_string(), fault),
                _ => drop(got.error()),
            }
        }
    }
}

#[tokio::test]
async fn what_breaks_in_the_middle_of_a_stream_is_a_clear_error() {
    for fault in ["content-length-over", "cut-chunk", "bad-chunk"] {
        let faulty = Faulty::first(fault).await;
        let got = faulty.streamed().await;
        assert_eq!(got.status, 200, "{fault} {got:?}");
        match got.body.contains("data: [DONE]") {
            // All of it was there, and only the framing was wrong.
            true => got.assert_whole("cheap"),
            false => drop(got.error()),
        }
    }
}

#[tokio::test]
async fn a_plain_answer_with_wrong_framing_is_whole_or_another_routes() {
    for fault in [
        "content-length-over",
        "content-length-under",
        "cut-chunk",
        "bad-chunk",
    ] {
        let faulty = Faulty::first(fault).await;
        let got = faulty.plain().await;
        let body: serde_json::Value = serde_json::from_str(&got.body).expect("JSON");
        let model = body["model"].as_str().expect("a model").to_owned();
        got.assert_whole(&model);
    }
}

/// Its announced end comes 64 bytes too early: all was said, and only the usage is cut off.
#[tokio::test]
async fn a_stream_that_is_announced_too_short_has_all_but_its_usage() {
    let faulty = Faulty::first("content-length-under").await;
    let got = faulty.streamed().await;
    assert_eq!(got.text(), answer_text(&got.prompt, 12), "{got:?}");
    assert!(got.body.contains("\"finish_reason\":\"stop\""), "{got:?}");
    assert!(got.body.ends_with("data: [DONE]\n\n"), "{got:?}");
}

#[tokio::test]
async fn a_line_without_end_is_refused_in_bounded_memory() {
    let faulty = Faulty::first("endless-line").await;
    let got = faulty.ask(true, &[("x-obs-deadline-ms", "20000")]).await;
    match got.status {
        200 if got.body.contains("data: [DONE]") => got.assert_whole("premium"),
        _ => drop(got.error()),
    }
}

#[tokio::test]
async fn odd_spelling_is_understood() {
    let faulty = Faulty::first("odd-events").await;
    faulty.streamed().await.assert_whole("cheap");
    faulty.assert_asked(1, 0);
}

/// It has one choice and a finish reason: a model may have nothing to say.
#[tokio::test]
async fn an_answer_that_says_nothing_is_an_answer() {
    let faulty = Faulty::first("no-content").await;
    for streamed in [false, true] {
        let got = faulty.ask(streamed, &[]).await;
        assert_eq!((got.status, got.text().as_str()), (200, ""), "{got:?}");
    }
}

#[tokio::test]
async fn usage_that_is_never_told_is_unknown_and_no_zero() {
    let faulty = Faulty::first("no-usage").await;
    let got = faulty.plain().await;
    assert_eq!((got.status, got.header("x-obs-cost-usd")), (200, None));
}

/// Who follows it shows prompt and key to a stranger.
#[tokio::test]
async fn a_redirect_is_never_followed() {
    for fault in ["redirect-loop", "redirect-away"] {
        let faulty = Faulty::alone(fault).await;
        let got = faulty.plain().await;
        assert!(got.status >= 500, "{got:?}");
        // And once again as a retry.
        faulty.assert_asked(2, 0);
    }
}

/// A route whose provider cannot be reached, and one that can.
async fn unreachable(base_url: &str) -> Faulty {
    let routes = format!(
        "[[providers]]\nname = \"away\"\nbase_url = \"{base_url}\"\napi_key_env = \"FAULTY_KEY\"\n\
         [[routes]]\nname = \"cheap\"\nprovider = \"away\"\nmodel = \"cheap\"\n\
         [[routes]]\nname = \"premium\"\nmodel = \"premium\"\n"
    );
    Faulty::of("ok", &routes, &[("OBS_TIMEOUT_CONNECT", "500ms")]).await
}

#[tokio::test]
async fn a_failure_of_tls_is_left_for_the_next_route() {
    for fault in [
        TlsFault::Garbage,
        TlsFault::Alert,
        TlsFault::Close,
        TlsFault::Silent,
    ] {
        let away = FaultServer::builder()
            .tls(fault)
            .start()
            .await
            .expect("a free port");
        let faulty = unreachable(&away.base_url().replace("http:", "https:")).await;
        faulty.plain().await.assert_whole("premium");
        assert_eq!(
            away.log().tls_hellos(),
            2,
            "{fault:?}: asked, and once again"
        );
        let got = faulty.ask_for("cheap", false, &[]).await;
        assert_eq!(
            (got.status, &got.error()["code"]),
            (502, &"connect".into()),
            "{fault:?}"
        );
    }
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_left_for_the_next_route() {
    let faulty = unreachable("http://provider.invalid/v1").await;
    let got = faulty.plain().await;
    got.assert_whole("premium");
    got.assert_took(Duration::ZERO, seconds(40));
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_left_for_the_next_route() {
    let gone = FaultServer::start().await.expect("a free port").base_url();
    let faulty = unreachable(&gone).await;
    faulty.streamed().await.assert_whole("premium");
}
