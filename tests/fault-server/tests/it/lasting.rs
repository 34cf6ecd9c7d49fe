//! How long faults last, and for whom.
use std::time::Duration;

use fault_server::{FaultServer, Pace, Reply, Script};
use tokio::time::advance;

use crate::client::{PROMPT, ask, connect, question, request, seconds};

async fn status(server: &FaultServer, model: &str) -> u16 {
    ask(server, model, false).await.status.as_u16()
}

async fn statuses<const N: usize>(server: &FaultServer, model: &str) -> [u16; N] {
    let mut all = [0; N];
    for one in &mut all {
        *one = status(server, model).await;
    }
    all
}

#[tokio::test(start_paused = true)]
async fn for_so_many_requests() {
    let server = FaultServer::in_memory();
    assert_eq!(statuses(&server, "fault/503-once").await, [503, 200, 200]);
    assert_eq!(statuses(&server, "fault/503-twice").await, [503, 503, 200]);
    assert_eq!(
        statuses(&server, "fault/503-x3").await,
        [503, 503, 503, 200]
    );
    assert_eq!(statuses(&server, "fault/503-forever").await, [503; 5]);
    assert_eq!(statuses(&server, "fault/503").await, [503; 5]);
}

#[tokio::test(start_paused = true)]
async fn for_a_time_since_the_first_request() {
    let server = FaultServer::in_memory();
    advance(seconds(100)).await;
    let mut seen = Vec::new();
    for _ in 0..20 {
        seen.push(status(&server, "fault/503-for-60s").await);
        advance(seconds(4)).await;
    }
    assert_eq!(seen, [[503; 15].as_slice(), &[200; 5]].concat());
}

#[tokio::test(start_paused = true)]
async fn models_do_not_disturb_each_other() {
    let server = FaultServer::in_memory();
    assert_eq!(statuses(&server, "fault/503-once").await, [503, 200]);
    assert_eq!(
        statuses(&server, "fault/503-once@another").await,
        [503, 200]
    );
    assert_eq!(
        statuses(&FaultServer::in_memory(), "fault/503-once").await,
        [503, 200]
    );
}

#[tokio::test(start_paused = true)]
async fn a_header_names_a_fault_and_is_stronger_than_the_model() {
    let server = FaultServer::in_memory();
    let mut seen = Vec::new();
    for _ in 0..2 {
        let mut request = request(&question("fault/500", false));
        request
            .headers_mut()
            .insert("x-fault", "503-once".parse().expect("is a value"));
        seen.push(
            connect(&server)
                .await
                .send_request(request)
                .await
                .expect("is answered")
                .status()
                .as_u16(),
        );
    }
    assert_eq!(seen, [503, 200]);
    assert_eq!(status(&server, "fault/500").await, 500);
}

#[tokio::test(start_paused = true)]
async fn a_script_is_for_any_model_and_begins_when_it_is_set() {
    let server = FaultServer::in_memory();
    assert_eq!(status(&server, "small").await, 200);
    server.script("small", "503-once".parse().expect("is a fault"));
    assert_eq!(statuses(&server, "small").await, [503, 200]);
    server.script("small", "503-once".parse().expect("is a fault"));
    assert_eq!(statuses(&server, "small").await, [503, 200]);
    assert_eq!(status(&server, "large").await, 200);
}

#[tokio::test(start_paused = true)]
async fn a_sequence_is_played_one_by_one_and_its_last_for_ever() {
    let server = FaultServer::in_memory();
    let parse = |name: &str| name.parse::<Script>().expect("is a fault");
    server.script(
        "m",
        Script::sequence(["500", "ok", "429", "503-once"].map(parse)),
    );
    assert_eq!(statuses(&server, "m").await, [500, 200, 429, 503, 200, 200]);
}

#[tokio::test(start_paused = true)]
async fn a_closure_sees_the_request() {
    let server = FaultServer::in_memory();
    server.script(
        "m",
        Script::new(
            |visit| match (visit.ask.prompt.as_str(), visit.number, visit.elapsed) {
                (PROMPT, 0, Duration::ZERO)
                    if visit.request.uri().path().ends_with("/chat/completions") =>
                {
                    Reply::healthy(visit)
                }
                (_, number, elapsed) => {
                    Reply::error(400, "seen", None, &format!("{number} {elapsed:?}"))
                }
            },
        ),
    );
    assert_eq!(status(&server, "m").await, 200);
    advance(seconds(7)).await;
    assert_eq!(
        ask(&server, "m", false).await.json()["error"]["message"],
        "1 7s"
    );
}

#[tokio::test(start_paused = true)]
async fn after_a_reset_all_begins_anew_and_scripts_stay() {
    let server = FaultServer::in_memory();
    server.script("m", "500-once".parse().expect("is a fault"));
    assert_eq!(statuses(&server, "m").await, [500, 200]);
    assert_eq!(statuses(&server, "fault/503-once").await, [503, 200]);
    server.reset();
    assert_eq!(server.log().all().len(), 0);
    assert_eq!(statuses(&server, "m").await, [500, 200]);
    assert_eq!(statuses(&server, "fault/503-once").await, [503, 200]);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_name_is_told_with_the_nearest_one() {
    let message = |name: &str| name.parse::<Script>().expect_err("is no fault").to_string();
    assert!(
        message("strem-dies")
            .starts_with("no fault is named `strem-dies`, did you mean `stream-dies`?")
    );
    assert!(message("429-long-sometimes").contains("did you mean `429-long`?"));
    assert!(message("something else").starts_with("no fault is named `something else`; "));
    for name in ["503-x0", "503-for-ages", "503-", "-once", ""] {
        message(name);
    }
    let got = ask(&FaultServer::in_memory(), "fault/strem-dies", true).await;
    assert_eq!(
        (got.status.as_u16(), got.json()["error"]["code"].as_str()),
        (404, Some("unknown_fault"))
    );
}

#[tokio::test(start_paused = true)]
async fn a_model_has_a_pace_of_its_own() {
    let server = FaultServer::in_memory();
    let slow = Pace::new().first_token(seconds(5)).chunks(2);
    server.script(
        "slow",
        "503-once".parse::<Script>().expect("is a fault").pace(slow),
    );
    assert_eq!(status(&server, "slow").await, 503);
    let got = ask(&server, "slow", true).await;
    assert_eq!(got.all, seconds(5));
    assert_eq!(got.said(), fault_server::answer_text(PROMPT, 2));
    assert_eq!(ask(&server, "quick", true).await.all, seconds(0));
}
