//! Errors with a status.
use fault_server::{FaultServer, Reply, Script};
use serde_json::Value;

use crate::client::{ask, seconds};

#[tokio::test(start_paused = true)]
async fn each_has_its_status_and_code_streamed_or_not() {
    let server = FaultServer::in_memory();
    let cases = [
        ("429", 429, Some("rate_limit_exceeded")),
        ("429-long", 429, Some("rate_limit_exceeded")),
        ("429-quota", 429, Some("insufficient_quota")),
        ("401", 401, Some("invalid_api_key")),
        ("404", 404, Some("model_not_found")),
        ("500", 500, None),
        ("503", 503, Some("overloaded")),
    ];
    for (fault, status, code) in cases {
        for stream in [false, true] {
            let got = ask(&server, &format!("fault/{fault}"), stream).await;
            assert_eq!(got.status, status, "{fault}");
            assert_eq!(got.json()["error"]["code"].as_str(), code, "{fault}");
            assert!(
                !got.json()["error"]["message"]
                    .as_str()
                    .expect("is text")
                    .is_empty()
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_passes_says_when_and_one_that_lasts_says_nothing() {
    let server = FaultServer::in_memory();
    let cases = [
        ("429-once", Some("2")),
        ("429-for-60s", Some("2")),
        ("429-forever", None),
        ("429", None),
        ("429-long", Some("3600")),
        ("429-odd", Some("in a while")),
        ("429-past", Some("Wed, 21 Oct 2015 07:28:00 GMT")),
    ];
    for (fault, wanted) in cases {
        let headers = ask(&server, &format!("fault/{fault}"), false).await.headers;
        let told = headers
            .get("retry-after")
            .map(|value| value.to_str().expect("is text"));
        assert_eq!(told, wanted, "{fault}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_limit_for_one_request_is_over_with_the_second() {
    let server = FaultServer::in_memory();
    assert_eq!(ask(&server, "fault/429-once", false).await.status, 429);
    ask(&server, "fault/429-once", true).await.assert_whole();
}

#[tokio::test(start_paused = true)]
async fn proxies_and_other_providers_have_other_bodies() {
    let server = FaultServer::in_memory();
    let got = ask(&server, "fault/502", false).await;
    assert_eq!(
        (got.status.as_u16(), &got.headers["content-type"]),
        (502, &"text/html".parse().expect("is a value"))
    );
    assert!(serde_json::from_str::<Value>(&got.text()).is_err());
    let got = ask(&server, "fault/504", false).await;
    assert_eq!((got.status.as_u16(), got.text().as_str()), (504, ""));
    let got = ask(&server, "fault/529", true).await;
    assert_eq!(
        (got.status.as_u16(), &got.json()["error"]["type"]),
        (529, &"overloaded_error".into())
    );
}

#[tokio::test(start_paused = true)]
async fn a_script_can_answer_with_any_error_after_any_time() {
    let server = FaultServer::in_memory();
    let late = Script::new(|_| {
        Reply::new()
            .wait(seconds(3))
            .then(Reply::error(418, "teapot", None, "short and stout"))
    });
    server.script("kettle", late);
    let got = ask(&server, "kettle", false).await;
    assert_eq!((got.status.as_u16(), got.head), (418, seconds(3)));
}
