//! Money decides by what a model foresees, and what a model learns in traffic outlives the process.
mod common;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, UNIX_EPOCH},
};

use common::{Provider, Running, SOON, Then, ask, client, from_file, header, says, serve, start};
use obs_gateway::{
    Gateway,
    settings::{Environment, Sources, load},
};
use obs_learn::{Dataset, Trainer};
use serde_json::{Value, json};
use tempfile::TempDir;

const REFUSES: &str = "I'm sorry, but I can't.";

/// What is hard is short here: no rule knows that.
fn prompt(hard: bool, number: usize) -> String {
    match hard {
        true => format!("Prove lemma {number}."),
        false => format!(
            "Write down the word number {number}, and say please and thank you while you do that for me"
        ),
    }
}

/// The file of a model that knows what is hard. Of the easy ones, the cheap route fails at one of thirty.
static MODEL: LazyLock<String> = LazyLock::new(|| trained("2026-11-23"));

fn trained(date: &str) -> String {
    let mut data = Dataset::new();
    for row in 0..600 {
        let hard = row % 3 == 0;
        let group = format!("g{}", row % 7);
        let fails = hard || row % 30 == 1;
        let cheap = if fails { 0.0 } else { 1.0 };
        data.push(Some(&group), prompt(hard, row).as_str(), cheap, 1.0)
            .unwrap();
    }
    let trainer = Trainer::new().folds(3).resamples(100).date(date);
    let model = trainer.train(&data, |_, _| ()).unwrap().model;
    assert!(model.gate().better, "{}", model.gate());
    model.to_json()
}

/// A folder with a model in it.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        fs::write(folder.model(), &*MODEL).unwrap();
        folder
    }

    fn model(&self) -> PathBuf {
        self.0.path().join("router.json")
    }

    fn state(&self) -> PathBuf {
        self.0.path().join("state.json")
    }

    /// `[router]` of this policy, with more of it.
    fn router(&self, policy: &str, more: &str) -> String {
        let model = self.model();
        format!(
            "[cache]\nstore = \"off\"\n[simulated]\nlatency = 0\n[router]\npolicy = \"{policy}\"\nmodel = {:?}\n{more}\n",
            model.display().to_string()
        )
    }
}

/// Routes of one provider by their prices, in dollars a million tokens; an answer is expected to have 300.
async fn gateway(
    folder: &Folder,
    more: &str,
    routes: &[(&str, &str)],
    then: impl IntoIterator<Item = Then>,
) -> (Running, Provider) {
    let (provider, address) = Provider::start(then).await;
    let mut text = folder.router("expected-cost", more);
    text += &format!("[[providers]]\nname = \"p\"\nbase_url = \"http://{address}/v1\"\n");
    for (name, dollars) in routes {
        text += &format!(
            "[[routes]]\nname = \"{name}\"\nmodel = \"m-{name}\"\nprice = {{ input = \"{dollars}\", output = \"{dollars}\" }}\n"
        );
    }
    (start(from_file(&text, &[])).await, provider)
}

const TWO: [(&str, &str); 2] = [("cheap", "1"), ("premium", "10")];

fn answers(count: usize) -> impl Iterator<Item = Then> {
    (0..count).map(|_| says("m", "Done."))
}

/// The route that a question takes.
async fn route(gateway: &Running, text: &str) -> String {
    let response = gateway.chat(&ask("auto", text)).send().await.unwrap();
    assert_eq!(response.status(), 200);
    header(&response, "x-obs-route").unwrap().to_owned()
}

async fn routes(gateway: &Running) -> [String; 2] {
    [
        route(gateway, &prompt(false, 7001)).await,
        route(gateway, &prompt(true, 7002)).await,
    ]
}

#[tokio::test]
async fn what_an_answer_is_worth_decides_where_hard_and_easy_prompts_go() {
    let folder = Folder::new();
    for (worth, expected) in [
        // A premium answer is $0.0027 dearer.
        ("0.001", ["cheap", "cheap"]),
        ("0.02", ["cheap", "premium"]),
        ("5", ["premium", "premium"]),
    ] {
        let more = format!("answer_worth = \"{worth}\"");
        let (gateway, _) = gateway(&folder, &more, &TWO, answers(2)).await;
        assert_eq!(routes(&gateway).await, expected, "{worth}");
    }
}

#[tokio::test]
async fn a_cheaper_and_better_route_wins_whatever_its_place() {
    let folder = Folder::new();
    let more = "answer_worth = \"0.02\"";
    let (one, _) = gateway(&folder, more, &[("old", "10"), ("new", "1")], answers(2)).await;
    assert_eq!(routes(&one).await, ["new", "new"]);
    // Half the way to the last one for a seventh of its price, or dearer than it.
    for (middle, expected) in [("1.5", ["a", "b"]), ("11", ["a", "c"])] {
        let three = [("a", "1"), ("b", middle), ("c", "10")];
        let worth = "answer_worth = \"0.004\"";
        let (gateway, _) = gateway(&folder, worth, &three, answers(2)).await;
        assert_eq!(routes(&gateway).await, expected, "{middle}");
    }
}

const JUDGES: &str = "cascade = \"refusal\"\njudge_detection = 0.9\njudge_false_alarms = 0.05\n";

#[tokio::test]
async fn a_cascade_is_chosen_where_it_costs_least_and_its_answer_is_judged() {
    let folder = Folder::new();
    let more = format!("{JUDGES}answer_worth = \"2\"");
    // Good enough to ask first, and too often bad to be sent unseen.
    let routes = [("cheap", "1"), ("premium", "100")];
    let then = [
        says("m", REFUSES),
        says("m", "Done."),
        says("m", "Done."),
        says("m", "Proved."),
    ];
    let (gateway, provider) = gateway(&folder, &more, &routes, then).await;
    let easy = ask("auto", &prompt(false, 1));
    let explained = gateway.chat(&easy).header("x-obs-explain", "1");
    let response = explained.send().await.unwrap();
    assert_eq!(header(&response, "x-obs-route"), Some("premium"));
    let told = header(&response, "x-obs-explain").unwrap();
    let told: Value = serde_json::from_str(told).unwrap();
    assert_eq!(told["policy"], "expected_cost");
    let parts = told["parts"].as_array().unwrap();
    assert!(parts.iter().any(|part| part["name"] == "cascade"), "{told}");
    assert_eq!(told["inner"]["policy"], "learned");
    assert_eq!(route(&gateway, &prompt(false, 2)).await, "cheap");
    assert_eq!(provider.seen().len(), 3);
    // Hardly ever good: straight to the other one.
    assert_eq!(route(&gateway, &prompt(true, 3)).await, "premium");
    assert_eq!(provider.seen().len(), 4);
}

#[tokio::test]
async fn a_decision_is_explained_by_the_routes_of_its_interface() {
    let folder = Folder::new();
    let mut text = folder.router("expected-cost", "answer_worth = \"0.02\"");
    let mut providers = Vec::new();
    for (format, routes) in [("openai", ["a", "b"]), ("anthropic", ["c", "d"])] {
        let (provider, address) = Provider::start(answers(1)).await;
        providers.push(provider);
        text += &format!(
            "[[providers]]\nname = \"{format}\"\nformat = \"{format}\"\nbase_url = \"http://{address}\"\n"
        );
        for (route, dollars) in routes.iter().zip([1, 10]) {
            text += &format!(
                "[[routes]]\nname = \"{route}\"\nprovider = \"{format}\"\nmodel = \"m-{route}\"\nprice = {{ input = \"{dollars}\", output = \"{dollars}\" }}\n"
            );
        }
    }
    let gateway = start(from_file(&text, &[])).await;
    let mut question = ask("auto", &prompt(false, 1));
    question["max_tokens"] = 9.into();
    for (path, among) in [
        ("/v1/chat/completions", [true, true, false, false]),
        ("/v1/messages", [false, false, true, true]),
    ] {
        let asked = gateway.post(path, &question).header("x-obs-explain", "1");
        let response = asked.send().await.unwrap();
        let told = header(&response, "x-obs-explain").unwrap();
        let told: Value = serde_json::from_str(told).unwrap();
        let parts = told["parts"].as_array().unwrap();
        let has = |route: &str| {
            parts
                .iter()
                .any(|part| part["name"] == format!("cost_{route}"))
        };
        assert_eq!(["a", "b", "c", "d"].map(has), among, "{path}");
    }
}

#[tokio::test]
async fn where_a_verdict_does_not_pay_nobody_is_asked_for_one() {
    let folder = Folder::new();
    let more = format!("{JUDGES}answer_worth = \"0.001\"");
    let (gateway, provider) = gateway(&folder, &more, &TWO, [says("m", REFUSES)]).await;
    let response = gateway.chat(&ask("auto", &prompt(false, 1))).send().await;
    let response = response.unwrap();
    assert_eq!(header(&response, "x-obs-route"), Some("cheap"));
    assert!(response.text().await.unwrap().contains("can't"));
    assert_eq!(provider.seen().len(), 1);
}

#[tokio::test]
async fn a_budget_that_is_spent_makes_everything_cheap_and_nothing_is_judged() {
    let folder = Folder::new();
    let more = format!(
        "{JUDGES}answer_worth = \"0.02\"\n[budget]\nusd_per_day = \"0.02\"\ndegrade_from = 0"
    );
    let then = [says("m", "Proved."), says("m", REFUSES), says("m", REFUSES)];
    let (gateway, provider) = gateway(&folder, &more, &TWO, then).await;
    assert_eq!(route(&gateway, &prompt(true, 1)).await, "premium");
    // Two thousand tokens were $0.02.
    assert_eq!(routes(&gateway).await, ["cheap", "cheap"]);
    assert_eq!(provider.seen().len(), 3);
}

#[test]
fn what_makes_no_sense_is_refused_by_name() {
    let folder = Folder::new();
    let model = folder.model().display().to_string();
    let refused = |more: &[(&str, &str)]| {
        let variables = [
            ("OBS_ROUTER_POLICY", "expected-cost"),
            ("OBS_ROUTER_MODEL", &*model),
        ];
        let variables = variables.iter().chain(more).copied();
        let sources = Sources {
            environment: variables.collect::<Environment>(),
            ..Sources::default()
        };
        load(&sources).map(|loaded| loaded.warnings.join("\n"))
    };
    let problem = |more: &[(&str, &str)]| refused(more).unwrap_err().to_string();
    let worth = ("OBS_ROUTER_ANSWER_WORTH", "0.02");
    let judge = ("OBS_ROUTER_CASCADE", "refusal");
    let detection = ("OBS_ROUTER_JUDGE_DETECTION", "0.5");
    let told = problem(&[]);
    assert!(told.contains("router.answer_worth: is unset"), "{told}");
    for worth in ["0", "-1", "much"] {
        let told = problem(&[("OBS_ROUTER_ANSWER_WORTH", worth)]);
        assert!(told.contains("dollars above zero"), "{told}");
    }
    let told = problem(&[worth, judge, detection]);
    assert!(
        told.contains("router.judge_false_alarms: is unset") && !told.contains("judge_detection:"),
        "{told}"
    );
    let told = problem(&[
        worth,
        judge,
        detection,
        ("OBS_ROUTER_JUDGE_FALSE_ALARMS", "0.5"),
    ]);
    assert!(told.contains("router.judge_detection: is 0.5"), "{told}");
    let told = problem(&[("OBS_ROUTER_JUDGE_DETECTION", "90%")]);
    assert!(told.contains("from 0 to 1"), "{told}");
    assert_eq!(refused(&[worth]).unwrap(), "");
    // And what plays no part is said.
    let told = refused(&[worth, detection]).unwrap();
    assert!(
        told.contains("router.judge_detection has no effect"),
        "{told}"
    );
    let rules = ("OBS_ROUTER_POLICY", "complexity");
    let told = refused(&[worth, rules, ("OBS_ROUTER_STATE", "state.json")]).unwrap();
    for name in ["router.answer_worth", "router.state"] {
        assert!(told.contains(&format!("{name} has no effect")), "{told}");
    }
}

#[tokio::test]
async fn a_route_without_a_price_and_money_without_a_model_are_refused_at_start() {
    let folder = Folder::new();
    let text = folder.router("expected-cost", "answer_worth = \"0.02\"")
        + "[[routes]]\nname = \"known\"\nmodel = \"sim-small\"\n[[routes]]\nname = \"mine\"\nmodel = \"home-grown\"\n";
    let refused = |text: &str| {
        let built = Gateway::builder(from_file(text, &[])).build();
        built.unwrap_err().to_string()
    };
    let told = refused(&text);
    assert!(
        told.contains("router.policy") && told.contains("\"mine\"") && told.contains("price"),
        "{told}"
    );
    let told = refused("[router]\npolicy = \"expected-cost\"\nanswer_worth = \"0.02\"\n");
    assert!(told.contains("router.model: unset"), "{told}");
}

#[tokio::test]
async fn worth_may_change_while_it_serves_and_what_was_learned_stays() {
    let folder = Folder::new();
    let settings = |policy: &str, worth: &str| {
        let text = folder.router(policy, &format!("answer_worth = \"{worth}\""));
        from_file(&text, &[])
    };
    let gateway = start(settings("expected-cost", "0.000000001")).await;
    assert_eq!(routes(&gateway).await, ["cheap", "cheap"]);
    let stays = gateway
        .gateway
        .reload(settings("expected-cost", "1000"))
        .unwrap();
    assert!(stays.is_empty(), "{stays:?}");
    assert_eq!(routes(&gateway).await, ["premium", "premium"]);
    let stays = gateway.gateway.reload(settings("learned", "1000")).unwrap();
    assert!(stays.is_empty(), "{stays:?}");
    assert_eq!(routes(&gateway).await, ["cheap", "premium"]);
}

/// The value of a metric without labels.
fn metric(gateway: &Running, name: &str) -> Option<u64> {
    let metrics = gateway.gateway.telemetry().render();
    let mut lines = metrics.lines();
    let line = lines.find(|line| line.starts_with(name))?;
    line.rsplit(' ').next()?.parse().ok()
}

/// Asks, and says how good the answer was.
async fn judged(gateway: &Running, text: &str, verdict: &str) {
    let http = client();
    let request = http.post(gateway.url("/v1/chat/completions"));
    let response = request.json(&ask("auto", text)).send().await.unwrap();
    let call = header(&response, "x-obs-call-id").unwrap().to_owned();
    response.bytes().await.unwrap();
    let body = json!({"id": call, "verdict": verdict});
    let given = http.post(gateway.url("/v1/feedback")).json(&body);
    assert_eq!(given.send().await.unwrap().status(), 202);
}

/// Whatever was easy fails now, until the model has given way.
async fn turn(gateway: &Running) {
    let mut calls = 0;
    while metric(gateway, "router_model_stands") == Some(1) {
        judged(gateway, &prompt(false, 20_000 + calls), "bad").await;
        calls += 1;
        assert!(calls < 1000, "the model still stands");
    }
}

async fn stop(mut gateway: Running) {
    gateway.stop();
    assert!(gateway.stopped().await);
}

#[tokio::test]
async fn a_gateway_that_is_started_again_goes_on_with_what_it_knew() {
    let folder = Folder::new();
    let worth = format!(
        "answer_worth = \"0.000000001\"\nstate = {:?}",
        folder.state()
    );
    for policy in ["expected-cost", "learned"] {
        let settings = || from_file(&folder.router(policy, &worth), &[]);
        let first = start(settings()).await;
        assert_eq!(metric(&first, "router_model_stands"), Some(1));
        turn(&first).await;
        let outcomes = metric(&first, "router_model_outcomes_total");
        assert!(outcomes >= Some(1));
        // The rule decides, and not what an answer is worth.
        assert_eq!(route(&first, &prompt(true, 1)).await, "premium");
        stop(first).await;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(folder.state()).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        let second = start(settings()).await;
        assert_eq!(metric(&second, "router_model_stands"), Some(0), "{policy}");
        assert_eq!(metric(&second, "router_model_outcomes_total"), outcomes);
        assert_eq!(metric(&second, "router_model_falls_total"), Some(1));
        stop(second).await;
        let of_folder = fs::read_dir(folder.0.path()).unwrap().count();
        assert_eq!(of_folder, 2, "nothing is left beside it");
        fs::remove_file(folder.state()).unwrap();
    }
}

#[tokio::test]
async fn what_was_learned_is_written_within_a_minute_or_so() {
    static SECONDS: AtomicU64 = AtomicU64::new(1_800_000_000);
    let folder = Folder::new();
    let state = format!("state = {:?}", folder.state());
    let settings = from_file(&folder.router("learned", &state), &[]);
    let clock = || UNIX_EPOCH + Duration::from_secs(SECONDS.load(Relaxed));
    let built = Gateway::builder(settings).wall_clock(clock).build();
    let gateway = serve(built.unwrap()).await;
    judged(&gateway, &prompt(false, 1), "good").await;
    assert!(!folder.state().exists(), "not for every call");
    SECONDS.fetch_add(61, Relaxed);
    judged(&gateway, &prompt(false, 2), "good").await;
    let outcomes = async {
        loop {
            let text = fs::read(folder.state()).unwrap_or_default();
            if let Ok(kept) = serde_json::from_slice::<Value>(&text) {
                return kept["online"]["watch"]["outcomes"].clone();
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let outcomes = tokio::time::timeout(SOON, outcomes).await;
    assert_eq!(outcomes.expect("it is written"), 2);
}

#[tokio::test]
async fn a_state_that_is_of_no_use_stops_nobody_and_is_begun_anew() {
    let folder = Folder::new();
    // Nothing goes to the premium route: verdicts on its answers are no outcomes.
    let state = format!("state = {:?}\nwish = \"0%\"", folder.state());
    let settings = || from_file(&folder.router("learned", &state), &[]);
    let first = start(settings()).await;
    for number in 0..5 {
        judged(&first, &prompt(false, number), "bad").await;
    }
    stop(first).await;
    let good = fs::read_to_string(folder.state()).unwrap();
    let outcomes = async |text: &str| {
        fs::write(folder.state(), text).unwrap();
        let gateway = start(settings()).await;
        let outcomes = metric(&gateway, "router_model_outcomes_total");
        judged(&gateway, &prompt(false, 1), "bad").await;
        stop(gateway).await;
        outcomes
    };
    assert_eq!(outcomes(&good).await, Some(5));
    for bad in [
        "",
        "{}",
        &good[..good.len() / 2],
        &good.replace("gateway-state/1", "gateway-state/2"),
        &good.replace("\"trust\": 0.", "\"trust\": 7."),
    ] {
        assert_eq!(outcomes(bad).await, Some(0), "{bad}");
        let kept: Value = serde_json::from_slice(&fs::read(folder.state()).unwrap()).unwrap();
        assert_eq!(kept["online"]["watch"]["outcomes"], 1, "it is whole again");
    }
    // That of another model is not used either.
    fs::write(folder.model(), trained("2026-11-24")).unwrap();
    assert_eq!(outcomes(&good).await, Some(0));
}

#[tokio::test]
async fn a_state_that_cannot_be_written_is_refused_at_start() {
    let folder = Folder::new();
    let refused = |path: &Path| {
        let state = format!("state = {path:?}");
        let settings = from_file(&folder.router("learned", &state), &[]);
        let told = Gateway::builder(settings).build().unwrap_err().to_string();
        let path = path.display().to_string();
        assert!(
            told.starts_with("router.state: ") && told.contains(&path),
            "{told}"
        );
    };
    refused(&folder.0.path().join("nowhere/state.json"));
    refused(folder.0.path());
}
