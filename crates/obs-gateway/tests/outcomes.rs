//! The log of calls, feedback on them, and a model that learns from it in traffic.
mod common;

use std::{fs, path::Path, time::Duration};

use common::{ask, ask_stream, client, error, header, settings, start};
use obs_gateway::{Gateway, settings::Settings};
use obs_learn::{Dataset, Trainer};
use obs_ledger::{Entry, Feedback, Outcome, Reader, Record};
use serde_json::{Value, json};
use tempfile::TempDir;

struct Log {
    dir: TempDir,
}

impl Log {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { dir }
    }

    fn file(&self) -> String {
        self.dir.path().join("calls.jsonl").display().to_string()
    }

    fn settings(&self, more: &[(&str, &str)]) -> Settings {
        let file = self.file();
        let mut all = vec![("OBS_LOG_FILE", file.as_str())];
        all.extend(more);
        settings(&all)
    }

    /// After the gateway has ended.
    fn read(&self) -> (Vec<Entry>, Vec<Feedback>) {
        let (mut entries, mut said) = (Vec::new(), Vec::new());
        for record in Reader::open(self.file()).unwrap() {
            match record.unwrap() {
                Record::Call(entry) => entries.push(*entry),
                Record::Feedback(feedback) => said.push(feedback),
            }
        }
        (entries, said)
    }

    fn text(&self) -> String {
        fs::read_to_string(self.file()).unwrap()
    }
}

async fn stop(mut running: common::Running) {
    running.stop();
    assert!(running.stopped().await);
}

#[tokio::test]
async fn each_call_has_an_entry_that_says_what_its_headers_said() {
    let log = Log::new();
    let running = start(log.settings(&[])).await;
    let mut told = Vec::new();
    for _ in 0..2 {
        let body = ask("auto", "What is a swordfish?");
        let response = running.chat(&body).send().await.unwrap();
        let of = |name: &str| header(&response, name).map(str::to_owned);
        told.push((of("x-obs-call-id"), of("x-obs-cost-usd"), of("x-obs-cache")));
        response.bytes().await.unwrap();
    }
    let body = ask_stream("premium", "What is a stream?");
    running
        .chat(&body)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    let body = json!({"model": "sim-embedding", "input": "a"});
    running.post("/v1/embeddings", &body).send().await.unwrap();
    stop(running).await;

    let (entries, _) = log.read();
    assert_eq!(entries.len(), 4);
    for (entry, (call, cost, cache)) in entries.iter().zip(&told) {
        assert_eq!(Some(&*entry.call), call.as_deref());
        assert_eq!(
            format!("${}", cost.as_deref().unwrap()),
            entry.paid.to_string()
        );
        assert_eq!(entry.cache.as_ref().map(|c| &*c.status), cache.as_deref());
        let (paid, saved) = (
            entry.paid().exact().unwrap(),
            entry.saved().unwrap_or_default(),
        );
        assert_eq!(entry.baseline, Some(paid + saved));
        assert_eq!(entry.format.as_deref(), Some("openai"));
        assert_eq!(entry.outcome, Outcome::Answered);
    }
    assert_eq!(entries[0].key, entries[1].key, "the same question");
    assert_eq!(&*entries[0].decision().unwrap().reason, "simple");
    assert!(entries[1].attempts.is_empty() && entries[1].saved_by_cache.is_some());
    assert!(entries[2].stream && entries[2].first_token_us.is_some());
    assert_eq!(&*entries[3].operation, "embeddings");
    assert!(
        entries[0]
            .prompt
            .as_ref()
            .is_some_and(|p| p.features.len() == 28)
    );
    assert!(
        !log.text().contains("swordfish"),
        "no text unless it is asked for"
    );
}

#[tokio::test]
async fn prompts_are_in_the_log_only_where_that_is_set() {
    let log = Log::new();
    let running = start(log.settings(&[("OBS_LOG_PROMPTS", "true")])).await;
    let request = running.chat(&ask("auto", "What is a swordfish?"));
    let secret = request.bearer_auth("sk-very-secret").send().await.unwrap();
    let call = header(&secret, "x-obs-call-id").unwrap().to_owned();
    secret.bytes().await.unwrap();
    let note = json!({"id": call, "verdict": "good", "note": "a fish"});
    let note = running
        .post("/v1/feedback", &note)
        .bearer_auth("sk-very-secret");
    let told: Value = note.send().await.unwrap().json().await.unwrap();
    assert_eq!(told, json!({"status": "accepted"}));
    stop(running).await;
    let text = log.text();
    assert!(text.contains("What is a swordfish?"));
    assert!(text.contains("a fish"), "nor are notes");
    assert!(!text.contains("very-secret"), "and a secret never is");
}

#[tokio::test]
async fn answers_are_in_the_log_only_where_that_is_set_whether_plain_streamed_or_kept() {
    for set in ["true", "false"] {
        let log = Log::new();
        let running = start(log.settings(&[("OBS_LOG_ANSWERS", set)])).await;
        for stream in [false, true, true] {
            let mut question = ask("auto", &format!("What is a swordfish? {stream}"));
            question["stream"] = stream.into();
            let answer = running.chat(&question).send().await.unwrap();
            answer.bytes().await.unwrap();
        }
        stop(running).await;
        let (entries, _) = log.read();
        let texts: Vec<_> = entries.iter().flat_map(|entry| &entry.answer).collect();
        match set {
            "true" => {
                assert_eq!(texts.len(), 3);
                assert!(texts.iter().all(|text| text.contains("[simulated by")));
                assert_eq!(texts[1], texts[2], "a hit has the text of what was kept");
            }
            _ => assert!(texts.is_empty() && !log.text().contains("simulated by")),
        }
        assert!(
            entries
                .iter()
                .all(|entry| entry.prompt.as_ref().is_some_and(|p| p.pieces.is_none())),
            "prompts have a setting of their own"
        );
    }
}

#[tokio::test]
async fn feedback_is_taken_from_those_whose_call_it_was() {
    let log = Log::new();
    let running = start(log.settings(&[])).await;
    let give = |body: &Value, key: &str| running.post("/v1/feedback", body).bearer_auth(key);
    let request = running.chat(&ask("auto", "Who?")).bearer_auth("anna");
    let response = request.send().await.unwrap();
    let call = header(&response, "x-obs-call-id").unwrap().to_owned();
    response.bytes().await.unwrap();

    let good = json!({"id": call, "score": 0.5, "note": "well"});
    let taken = give(&good, "anna").send().await.unwrap();
    assert_eq!(taken.status(), 202);
    let told: Value = taken.json().await.unwrap();
    assert_eq!(told["note"], "not kept: log.prompts is off");
    let bad = json!({"id": call, "verdict": "bad"});
    assert_eq!(give(&bad, "anna").send().await.unwrap().status(), 202);
    let (status, told) = error(give(&bad, "eve")).await;
    assert_eq!((status, &told["code"]), (404, &json!("unknown_call")));
    // Of a call that another gateway made, or that was long ago, nobody here can say whose it is: the log says who judged it.
    let elsewhere = json!({"id": "call-00112233445566aa-7", "verdict": "good"});
    assert_eq!(give(&elsewhere, "eve").send().await.unwrap().status(), 202);

    for (body, param) in [
        (json!({"id": call}), json!("score")),
        (json!({"id": call, "score": 1.5}), json!("score")),
        (
            json!({"id": call, "score": 0.5, "verdict": "good"}),
            json!("score"),
        ),
        (json!({"id": call, "verdict": "fine"}), Value::Null),
        (json!({"score": 1}), Value::Null),
        (json!({"id": call, "score": 1, "more": 1}), Value::Null),
        (
            json!({"id": call, "score": 1, "note": "x".repeat(5000)}),
            json!("note"),
        ),
    ] {
        let (status, told) = error(give(&body, "anna")).await;
        assert_eq!((status, &told["param"]), (400, &param), "{body}");
        assert_eq!(told["code"], "invalid_feedback");
    }
    let (status, _) = error(give(&json!({"id": "nonsense", "score": 1}), "anna")).await;
    assert_eq!(status, 404);
    stop(running).await;

    let (entries, said) = log.read();
    assert_eq!(said.len(), 3);
    assert_eq!(said[0].note, None);
    assert!(said[0].is_of(&entries[0]) && said[1].is_of(&entries[0]));
    assert_eq!(
        (said[0].quality(), said[1].quality()),
        (Some(0.5), Some(0.0))
    );
    assert!(!said[2].is_of(&entries[0]));
}

#[tokio::test]
async fn without_a_log_there_is_nowhere_for_feedback_to_go() {
    let running = start(settings(&[])).await;
    let body = json!({"id": "call-1-1", "score": 1});
    let (status, told) = error(running.post("/v1/feedback", &body)).await;
    assert_eq!((status, &told["code"]), (404, &json!("no_feedback")));
    let get = running.get("/v1/feedback").send().await.unwrap();
    assert_eq!(get.status(), 405, "and it is not passed on");
}

#[tokio::test]
async fn a_log_that_cannot_be_written_is_refused_at_start() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().display().to_string();
    let built = Gateway::builder(settings(&[("OBS_LOG_FILE", &file)])).build();
    let error = built.unwrap_err().to_string();
    assert!(
        error.starts_with("log.file: ") && error.contains(&file),
        "{error}"
    );
}

#[tokio::test]
async fn a_failed_call_and_one_that_was_left_have_entries_too() {
    let log = Log::new();
    let slow = [("OBS_SIMULATED_LATENCY", "5")];
    let running = start(log.settings(&slow)).await;
    let failed = running.chat(&ask("nobody", "Who?")).send().await.unwrap();
    assert_eq!(failed.status(), 404);
    let mut left = running
        .chat(&ask_stream("auto", "Tell me a long story, please."))
        .send()
        .await
        .unwrap();
    left.chunk().await.unwrap();
    drop(left);
    // Its connection has to be seen to be closed.
    let seen = async {
        while log.text().lines().count() < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), seen)
        .await
        .unwrap();
    stop(running).await;
    let (entries, _) = log.read();
    let outcomes: Vec<_> = entries.iter().map(|entry| entry.outcome).collect();
    assert_eq!(outcomes, [Outcome::Failed, Outcome::Cancelled]);
}

/// What is hard is short here: no rule knows that.
fn prompt(hard: bool, number: usize) -> String {
    match hard {
        true => format!("Prove lemma {number}."),
        false => format!(
            "Write down the word number {number}, and say please and thank you while you do that for me"
        ),
    }
}

fn model(to: &Path) {
    let mut data = Dataset::new();
    for row in 0..600 {
        let hard = row % 3 == 0;
        let group = format!("g{}", row % 7);
        let cheap = if hard { 0.0 } else { 1.0 };
        data.push(Some(&group), prompt(hard, row).as_str(), cheap, 1.0)
            .unwrap();
    }
    let training = Trainer::new()
        .folds(3)
        .resamples(100)
        .train(&data, |_, _| ());
    let model = training.unwrap().model;
    assert!(model.gate().better, "{}", model.gate());
    fs::write(to, model.to_json()).unwrap();
}

#[tokio::test]
async fn a_learned_model_decides_learns_from_feedback_and_gives_way_where_it_is_wrong() {
    let log = Log::new();
    let file = log.dir.path().join("router.json");
    model(&file);
    let file = file.display().to_string();
    let running = start(log.settings(&[
        ("OBS_ROUTER_POLICY", "learned"),
        ("OBS_ROUTER_MODEL", &file),
        ("OBS_ROUTER_WISH", "33%"),
    ]))
    .await;
    let http = client();
    let send = async |text: &str| {
        let request = http.post(running.url("/v1/chat/completions"));
        let response = request.json(&ask("auto", text)).send().await.unwrap();
        let of = |name: &str| header(&response, name).unwrap().to_owned();
        let told = (of("x-obs-route"), of("x-obs-call-id"));
        response.bytes().await.unwrap();
        told
    };
    for number in 0..30 {
        let hard = number % 3 == 0;
        let (route, _) = send(&prompt(hard, 10_000 + number)).await;
        assert_eq!(route, if hard { "premium" } else { "cheap" }, "{number}");
    }
    let stands = || {
        let metrics = running.gateway.telemetry().render();
        let line = metrics
            .lines()
            .find(|line| line.starts_with("router_model_stands"))
            .map(str::to_owned);
        line.and_then(|line| line.rsplit(' ').next()?.parse::<i64>().ok())
    };
    assert_eq!(stands(), Some(1));
    // The world turns: whatever was easy fails now, and the model has never seen that.
    let mut calls = 0;
    while stands() == Some(1) {
        let (route, call) = send(&prompt(false, 20_000 + calls)).await;
        let verdict = if route == "cheap" { "bad" } else { "good" };
        let body = json!({"id": call, "verdict": verdict});
        let given = http.post(running.url("/v1/feedback")).json(&body);
        assert_eq!(given.send().await.unwrap().status(), 202);
        calls += 1;
        assert!(calls < 1000, "the model still stands");
    }
    // The length of the prompt decides now, and its threshold follows until the wish is true again.
    let mut lately = std::collections::VecDeque::new();
    for number in 0.. {
        let longer = " please".repeat(number * 7 % 50);
        let (route, _) = send(&(prompt(false, 30_000 + number) + &longer)).await;
        lately.push_back(route == "premium");
        let premium = lately.iter().filter(|premium| **premium).count();
        if lately.len() == 100 {
            if (20..=45).contains(&premium) {
                break;
            }
            lately.pop_front();
        }
        assert!(number < 5000, "{premium} of 100");
    }
    stop(running).await;
    let (entries, _) = log.read();
    assert_eq!(&*entries[0].decision().unwrap().reason, "learned");
    assert!(entries[0].decision().unwrap().score.unwrap() > 0.5);
    let last = entries.last().unwrap().decision().unwrap();
    assert!(["simple", "complex"].contains(&&*last.reason));
}

#[tokio::test]
async fn a_model_that_is_missing_or_broken_is_refused_at_start() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("router.json").display().to_string();
    let refused = |model: Option<&str>| {
        let mut variables = vec![("OBS_ROUTER_POLICY", "learned")];
        variables.extend(model.map(|model| ("OBS_ROUTER_MODEL", model)));
        let built = Gateway::builder(settings(&variables)).build();
        built.unwrap_err().to_string()
    };
    assert!(refused(None).contains("gateway train"));
    assert!(refused(Some(&file)).contains("cannot be read"));
    fs::write(&file, "{}").unwrap();
    assert!(refused(Some(&file)).contains("router.json"));
}

#[tokio::test]
async fn a_comparison_of_routes_is_work_of_its_own_and_judges_both() {
    let log = Log::new();
    let shadows = [("OBS_ROUTER_SHADOW_SHARE", "1")];
    let running = start(log.settings(&shadows)).await;
    let response = running.chat(&ask("auto", "Who?")).send().await.unwrap();
    response.bytes().await.unwrap();
    stop(running).await;
    let (entries, said) = log.read();
    let [call, work] = &entries[..] else {
        panic!("{entries:?}");
    };
    assert!(!call.work && work.work && work.call == call.call);
    assert_eq!(&*work.attempts[0].purpose, "shadow");
    assert!(work.paid().exact().is_some() && work.baseline.is_none());
    let routes: Vec<_> = said.iter().map(|of| of.route.as_deref().unwrap()).collect();
    assert_eq!(routes, ["cheap", "premium"]);
    let is_of_it = |of: &Feedback| of.is_of(call) && of.by.as_deref() == Some("shadow");
    assert!(said.iter().all(is_of_it));
}
