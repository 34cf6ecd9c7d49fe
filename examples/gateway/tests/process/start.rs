//! How it starts, what it refuses, and how it stops.
use std::{io::Write, net::TcpListener};

use crate::gateway::{Gateway, command, run};

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

#[test]
fn help_names_every_setting_with_its_default() {
    let help = run(&["--help"]);
    let text = String::from_utf8(help.stdout).unwrap();
    assert!(help.status.success());
    for wanted in [
        "--server-listen",
        "127.0.0.1:8080",
        "--cache-ttl",
        "OBS_CACHE_TTL",
        "--redis",
        "--timeout-total",
        "300s",
    ] {
        assert!(text.contains(wanted), "{wanted} is not in\n{text}");
    }
}

#[test]
fn bad_settings_are_refused_with_their_place_and_what_is_allowed() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    writeln!(file, "[cache]\nttl = \"-5s\"").unwrap();
    let path = file.path().to_str().unwrap();
    let refused = run(&["check-config", "--config", path]);
    let said = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        said.contains(":2") && said.contains("cache.ttl") && said.contains("-5s"),
        "{said}"
    );

    let refused = run(&["--cache-tll", "5s"]);
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(
        !refused.status.success() && said.contains("cache-tll"),
        "{said}"
    );

    let good = run(&["check-config", "--cache-ttl", "5s"]);
    assert!(good.status.success(), "{good:?}");
}

#[test]
fn print_config_masks_secrets() {
    let output = command(&[
        "print-config",
        "--redis",
        "redis://user:hunter2@localhost:6379",
    ])
    .env("OBS_CACHE_KEY", "swordfish swordfish")
    .output()
    .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && text.contains("ttl"), "{text}");
    assert!(
        !text.contains("hunter2") && !text.contains("swordfish swordfish"),
        "{text}"
    );
}
