//! How it starts, what it refuses, and how it stops.
use std::net::TcpListener;

use crate::gateway::{Gateway, command};

#[tokio::test]
async fn with_no_configuration_it_serves_and_says_that_it_is_simulated() {
    let gateway = Gateway::start(&[]);
    let first = gateway
        .ask("", "What is the capital of France?")
        .await
        .unwrap();
    let second = gateway
        .ask("", "What is the capital of France?")
        .await
        .unwrap();
    let statuses = [&first, &second].map(|answer| answer.header("x-obs-cache"));
    assert_eq!(statuses, ["miss", "hit"]);
    assert_eq!(first.body, second.body);
    let text = first.json()["choices"][0]["message"]["content"].to_string();
    assert!(text.contains("simulated"), "{text}");
    let scrape = gateway.scrape().await;
    assert!(scrape.sum("cache_cost_savings_usd") > 0.0);
    assert!(scrape.sum("router_cost_savings_usd") > 0.0);
}

#[tokio::test]
async fn a_taken_metrics_port_is_said_and_it_serves_and_counts() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let metrics = format!("--metrics-listen={}", taken.local_addr().unwrap());
    let gateway = Gateway::spawn(command(&["--server-listen=127.0.0.1:0", &metrics]));
    assert_eq!(gateway.metrics_address(), None);
    let answer = gateway.ask("", "Are you there?").await.unwrap();
    assert_eq!(answer.status, 200);
    let said = gateway.said();
    let warned = said.iter().find(|line| line.contains("cannot be scraped"));
    let warned = warned.expect("a warning");
    assert!(
        warned.contains("WARN") && warned.contains(&taken.local_addr().unwrap().to_string()),
        "{warned}"
    );
    assert!(
        said.iter().any(|line| line.contains("metrics.listen")),
        "{said:?}"
    );
    let call = gateway.wait_for("\"message\":\"call\"");
    let call: serde_json::Value = serde_json::from_str(&call).unwrap();
    assert_eq!(
        (&call["status"], &call["cache"]),
        (&200.into(), &"miss".into())
    );
    assert!(call["cost_usd"].is_string(), "{call}");
}

#[tokio::test]
async fn asked_to_stop_it_finishes_what_is_in_flight() {
    let mut gateway = Gateway::start(&[]);
    // A hard question, so that the slow model is asked; the stop comes while it is.
    let question = "Prove step by step that there are infinitely many primes p with p = 3 (mod 4), then generalise.";
    let ask = gateway.ask("", question);
    let mut ask = Box::pin(ask);
    let started = async {
        loop {
            if gateway.scrape().await.sum("llm_calls_in_flight") > 0.0 {
                return;
            }
        }
    };
    tokio::select! {
        _ = &mut ask => panic!("it was to be slow"),
        () = started => {}
    }
    gateway.terminate();
    assert_eq!(ask.as_mut().await.unwrap().status, 200);
    drop(ask);
    assert!(gateway.wait().success());
}
