//! A gateway in front of a provider that misbehaves, and what its caller got.
use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use fault_server::{FaultServer, Script, Tempo, answer_text};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::common::{self, Running, client, events, from_file};

/// How many times faster time passes.
pub(crate) const TEMPO: Tempo = Tempo::faster(10);

/// Chunks of a healthy answer.
const CHUNKS: u32 = 12;

/// A gateway, and the provider behind it. The routes `cheap` and `premium` are models of the same names.
pub(crate) struct Faulty {
    pub(crate) server: FaultServer,
    pub(crate) gateway: Running,
}

/// What a caller got.
#[derive(Debug)]
pub(crate) struct Got {
    pub(crate) status: u16,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: String,
    pub(crate) took: Duration,
    pub(crate) prompt: String,
    pub(crate) streamed: bool,
}

/// So many seconds of the faults, in real time.
pub(crate) fn seconds(nominal: u64) -> Duration {
    TEMPO.scale(Duration::from_secs(nominal))
}

pub(crate) fn script(fault: &str) -> Script {
    fault.parse().expect("is a fault")
}

/// The settings as they are by default, faster, and more of them. `$server` is the address of the provider.
fn settings(
    server: &FaultServer,
    routes: &str,
    variables: &[(&str, &str)],
) -> obs_gateway::settings::Settings {
    let file = format!(
        "[[providers]]\nname = \"faulty\"\nbase_url = \"$server\"\napi_key_env = \"FAULTY_KEY\"\n{routes}"
    );
    let file = file.replace("$server", &server.base_url());
    let faster = [
        ("FAULTY_KEY", "sk-operator"),
        ("OBS_TIMEOUT_TOTAL", "30s"),
        ("OBS_TIMEOUT_GRACE", "500ms"),
        ("OBS_TIMEOUT_FIRST_TOKEN", "6s"),
        ("OBS_TIMEOUT_FIRST_TOKEN_WITH_FALLBACK", "1s"),
        ("OBS_TIMEOUT_IDLE", "2s"),
        ("OBS_SERVER_KEEP_ALIVE", "1500ms"),
        ("OBS_ROUTER_BREAKER_REST", "500ms"),
        // Questions go to the cheap route first, whatever they are.
        ("OBS_ROUTER_POLICY", "default"),
        ("OBS_ROUTER_DEFAULT", "cheap"),
    ];
    let all: Vec<_> = faster.iter().chain(variables).copied().collect();
    from_file(&file, &all)
}

const CHEAP: &str =
    "[[routes]]\nname = \"cheap\"\nmodel = \"cheap\"\nprice = { input = \"1\", output = \"2\" }\n";
const PREMIUM: &str = "[[routes]]\nname = \"premium\"\nmodel = \"premium\"\nprice = { input = \"10\", output = \"20\" }\n";

impl Faulty {
    /// The cheap route does this, and the premium one is there for its calls.
    pub(crate) async fn first(fault: &str) -> Self {
        Self::with(fault, &[]).await
    }

    /// As [`first`](Self::first), with more settings.
    pub(crate) async fn with(fault: &str, variables: &[(&str, &str)]) -> Self {
        Self::of(fault, &format!("{CHEAP}{PREMIUM}"), variables).await
    }

    /// There is no other route.
    pub(crate) async fn alone(fault: &str) -> Self {
        Self::of(fault, CHEAP, &[]).await
    }

    /// Nothing goes out before all of it is there.
    pub(crate) async fn complete(fault: &str) -> Self {
        Self::with(fault, &[("OBS_ROUTER_COMMIT", "complete")]).await
    }

    pub(crate) async fn of(fault: &str, routes: &str, variables: &[(&str, &str)]) -> Self {
        let server = FaultServer::builder()
            .tempo(TEMPO)
            .start()
            .await
            .expect("a free port");
        server.script("cheap", script(fault));
        let gateway = common::start(settings(&server, routes, variables)).await;
        Self { server, gateway }
    }

    /// A provider that is reached in another way, with one route.
    pub(crate) async fn at(server: FaultServer, fault: &str, provider: &str) -> Self {
        server.script("cheap", script(fault));
        let file = format!(
            "[[providers]]\nname = \"faulty\"\n{provider}\n[[routes]]\nname = \"cheap\"\nmodel = \"cheap\"\n"
        );
        let gateway = common::start(from_file(&file, &[])).await;
        Self { server, gateway }
    }

    /// Other settings for two routes of the same server.
    pub(crate) fn settings(&self, variables: &[(&str, &str)]) -> obs_gateway::settings::Settings {
        settings(&self.server, &format!("{CHEAP}{PREMIUM}"), variables)
    }

    /// A plain answer to a new question.
    pub(crate) async fn plain(&self) -> Got {
        self.ask(false, &[]).await
    }

    /// A streamed answer to a new question.
    pub(crate) async fn streamed(&self) -> Got {
        self.ask(true, &[]).await
    }

    pub(crate) async fn ask(&self, streamed: bool, headers: &[(&str, &str)]) -> Got {
        self.ask_for("auto", streamed, headers).await
    }

    pub(crate) async fn ask_for(
        &self,
        model: &str,
        streamed: bool,
        headers: &[(&str, &str)],
    ) -> Got {
        let prompt = new_prompt();
        let question = question(model, &prompt, streamed);
        self.send(question, prompt, streamed, headers).await
    }

    /// A streamed answer to the question of that one.
    pub(crate) async fn ask_again(&self, got: &Got) -> Got {
        let question = question("auto", &got.prompt, true);
        self.send(question, got.prompt.clone(), true, &[]).await
    }

    /// A streamed answer to a new question with these fields besides.
    pub(crate) async fn ask_with(&self, fields: Value) -> Got {
        let prompt = new_prompt();
        let mut question = question("auto", &prompt, true);
        for (name, value) in fields.as_object().expect("fields") {
            question[name] = value.clone();
        }
        self.send(question, prompt, true, &[]).await
    }

    async fn send(
        &self,
        question: Value,
        prompt: String,
        streamed: bool,
        headers: &[(&str, &str)],
    ) -> Got {
        let mut request = client().post(self.gateway.url("/v1/chat/completions"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let start = Instant::now();
        let answer = request.json(&question).send().await.expect("is answered");
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let body = answer.text().await.expect("a body that ends in good order");
        Got {
            status,
            headers,
            body,
            took: start.elapsed(),
            prompt,
            streamed,
        }
    }

    /// How many requests for each of the two models the provider saw.
    #[track_caller]
    pub(crate) fn assert_asked(&self, cheap: usize, premium: usize) {
        let log = self.server.log();
        assert_eq!((log.count("cheap"), log.count("premium")), (cheap, premium));
    }

    /// The value of a sample, by its name and labels as they are written.
    #[track_caller]
    pub(crate) fn metric(&self, sample: &str) -> f64 {
        let all = self.gateway.gateway.telemetry().render();
        let line = all.lines().find(|line| line.starts_with(sample));
        let value = line.and_then(|line| line.rsplit(' ').next()?.parse().ok());
        value.unwrap_or_else(|| panic!("no {sample} in {all}"))
    }
}

/// No two are alike, so that no answer comes from the cache.
pub(crate) fn new_prompt() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("question {}", NEXT.fetch_add(1, Relaxed))
}

/// The stream is to tell its usage.
pub(crate) fn question(model: &str, prompt: &str, streamed: bool) -> Value {
    let mut question = json!({"model": model, "messages": [{"role": "user", "content": prompt}]});
    if streamed {
        question["stream"] = json!(true);
        question["stream_options"] = json!({"include_usage": true});
    }
    question
}

impl Got {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .get(name)
            .map(|value| value.to_str().expect("text"))
    }

    pub(crate) fn route(&self) -> Option<&str> {
        self.header("x-obs-route")
    }

    /// The data of its events, or its one body.
    fn parts(&self) -> Vec<Value> {
        let json = |text: &str| {
            serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
        };
        if !self.streamed || self.status != 200 {
            return vec![json(&self.body)];
        }
        // What one event says over several lines is one text.
        let joined = |data: &str| json(&data.replace("\ndata: ", "\n"));
        let events = events(&self.body).into_iter();
        events
            .filter(|data| *data != "[DONE]")
            .map(joined)
            .collect()
    }

    /// What it says.
    pub(crate) fn text(&self) -> String {
        let of = |part: &Value| {
            let choice = &part["choices"][0];
            let said = if self.streamed {
                &choice["delta"]
            } else {
                &choice["message"]
            };
            said["content"].as_str().unwrap_or_default().to_owned()
        };
        self.parts().iter().map(of).collect()
    }

    /// What a healthy provider would have said.
    pub(crate) fn healthy_text(&self) -> String {
        answer_text(&self.prompt, CHUNKS)
    }

    /// The names of the answer.
    pub(crate) fn ids(&self) -> std::collections::BTreeSet<String> {
        let id = |part: &Value| part["id"].as_str().map(Into::into);
        self.parts().iter().filter_map(id).collect()
    }

    /// The answer of this model, to its last word, with usage and a price.
    #[track_caller]
    pub(crate) fn assert_whole(&self, model: &str) {
        assert_eq!(self.status, 200, "{self:?}");
        assert_eq!(self.text(), answer_text(&self.prompt, CHUNKS), "{self:?}");
        let parts = self.parts();
        assert!(parts.iter().all(|part| part["model"] == model), "{self:?}");
        assert!(
            parts.iter().all(|part| part.get("error").is_none()),
            "{self:?}"
        );
        let finish = |part: &Value| part["choices"][0]["finish_reason"] == "stop";
        assert!(parts.iter().any(finish), "{self:?}");
        let usage = &parts.last().expect("a part")["usage"];
        assert_eq!(usage["completion_tokens"], CHUNKS, "{self:?}");
        assert!(
            !self.streamed || self.body.ends_with("data: [DONE]\n\n"),
            "{self:?}"
        );
    }

    /// An error object that says what went wrong, as an answer of its own or at the end of a stream.
    #[track_caller]
    pub(crate) fn error(&self) -> Value {
        let last = self.parts().pop().expect("a part");
        let error = &last["error"];
        assert!(
            error["message"]
                .as_str()
                .is_some_and(|message| !message.is_empty()),
            "{self:?}"
        );
        match self.streamed && self.status == 200 {
            true => assert!(
                !self.body.contains("data: [DONE]"),
                "no stump looks like a success: {self:?}"
            ),
            false => assert!(self.status >= 400, "{self:?}"),
        }
        error.clone()
    }

    #[track_caller]
    pub(crate) fn assert_took(&self, at_least: Duration, at_most: Duration) {
        assert!((at_least..=at_most).contains(&self.took), "{self:?}");
    }
}
