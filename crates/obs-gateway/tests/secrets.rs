//! What nobody may read anywhere: keys, credentials, questions and answers.
mod common;

use std::{
    io::{self, Write},
    net::SocketAddr,
    sync::{Arc, Mutex, OnceLock},
};

use common::{Provider, Running, Seen, Then, client, json_answer, says, serve, streams};
use obs_apm::{Config, Telemetry};
use obs_gateway::{
    Gateway,
    settings::{Loaded, Sources, load},
};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tracing_subscriber::fmt::{MakeWriter, format::FmtSpan};

/// It is in all that is secret, and in nothing else.
const SECRET: &str = "sesame";
const KEYS: [(&str, &str); 3] = [
    ("FIRST_KEY", "sk-sesame-first"),
    ("THIRD_KEY", "sk-ant-sesame-third"),
    ("NOWHERE_KEY", "sk-sesame-nowhere"),
];
const CALLER: &str = "sk-sesame-caller";
const VIRTUAL: &str = "obs-sesame-mobile";

/// All that this process logs.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    fn of_this_process() -> Self {
        static ALL: OnceLock<Lines> = OnceLock::new();
        let started = ALL.get_or_init(|| {
            let lines = Self::default();
            let log = tracing_subscriber::fmt()
                .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
                .with_span_events(FmtSpan::FULL)
                .with_ansi(false)
                .with_writer(lines.clone())
                .finish();
            tracing::subscriber::set_global_default(log).unwrap();
            lines
        });
        started.clone()
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[track_caller]
fn assert_silent(place: &str, text: &str) {
    // Bytes may be shown as numbers.
    let numbers = format!("{:?}", SECRET.as_bytes());
    let numbers = numbers.trim_matches(['[', ']']);
    let lower = text.to_lowercase();
    for secret in [SECRET, numbers] {
        let line = lower.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{place}");
    }
}

fn failure(status: u16, message: &str) -> Then {
    let error = json!({"message": message, "type": "t", "param": null, "code": "c"});
    json_answer(status, &json!({"type": "error", "error": error}))
}

/// What each provider answers, in order: as wished, as a stream, and two failures that say again what they were told.
fn then(key: &str) -> [Then; 4] {
    [
        says("m", "sesame is the answer"),
        streams("m", &["ses", "sesame", "ame"]),
        failure(401, &format!("Incorrect API key provided: {key}.")),
        failure(500, "cannot answer \"what opens sesame?\""),
    ]
}

fn message(text: &str) -> Then {
    json_answer(
        200,
        &json!({
            "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn",
            "content": [{"type": "text", "text": text}], "usage": {"input_tokens": 1, "output_tokens": 1},
        }),
    )
}

/// Where nobody listens.
async fn nowhere() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}

/// A gateway before three providers that are there, and one that is not.
struct Asked {
    gateway: Running,
    loaded: Loaded,
    page: String,
    first: Provider,
    second: Provider,
    third: Provider,
}

impl Asked {
    async fn start(keys: &str) -> Self {
        let (first, first_at) = Provider::start(then(KEYS[0].1)).await;
        let (second, second_at) = Provider::start(then(CALLER)).await;
        let third = [
            message("sesame is the answer"),
            failure(401, &format!("invalid x-api-key: {}", KEYS[1].1)),
        ];
        let (third, third_at) = Provider::start(third).await;
        let nowhere = nowhere().await;
        let provider = |name: &str, more: &str| {
            format!(
                "[[providers]]\nname = \"{name}\"\n{more}\n[[routes]]\nname = \"{name}\"\nprovider = \"{name}\"\nmodel = \"m\"\n"
            )
        };
        let mut file = String::from("[router]\nretries = 0\n");
        for (name, more) in [
            (
                "first",
                format!("base_url = \"http://{first_at}/v1\"\napi_key_env = \"FIRST_KEY\""),
            ),
            ("second", format!("base_url = \"http://{second_at}/v1\"")),
            (
                "third",
                format!(
                    "format = \"anthropic\"\nbase_url = \"http://{third_at}\"\napi_key_env = \"THIRD_KEY\""
                ),
            ),
            (
                "nowhere",
                format!("base_url = \"http://{nowhere}/v1\"\napi_key_env = \"NOWHERE_KEY\""),
            ),
        ] {
            file.push_str(&provider(name, &more));
        }
        file.push_str(keys);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("gateway.toml");
        std::fs::write(&path, file).unwrap();
        let loaded = load(&Sources {
            file: Some(path),
            environment: KEYS.into_iter().collect(),
            flags: Vec::new(),
        });
        let loaded = loaded.unwrap_or_else(|problems| panic!("{problems}"));
        let config = Config::new().no_console().variables(|_| None);
        let telemetry = Telemetry::build(config.listen(([127, 0, 0, 1], 0).into()));
        let page = format!("http://{}", telemetry.address().expect("it listens"));
        let builder = Gateway::builder(loaded.settings.clone()).telemetry(telemetry);
        Self {
            gateway: serve(builder.build().unwrap()).await,
            loaded,
            page,
            first,
            second,
            third,
        }
    }

    /// The status of each call, in order.
    async fn ask_all(&self, credential: &str) -> Vec<u16> {
        const CHAT: &str = "/v1/chat/completions";
        const MESSAGES: &str = "/v1/messages";
        client();
        let http2 = reqwest::Client::builder().no_proxy();
        let http2 = http2.http2_prior_knowledge().build().unwrap();
        let mut statuses = Vec::new();
        for (n, (path, route, stream)) in [
            (CHAT, "first", false),
            (CHAT, "first", true),
            (CHAT, "first", false),
            (CHAT, "first", true),
            (CHAT, "second", false),
            (CHAT, "second", true),
            (CHAT, "second", true),
            (CHAT, "second", false),
            (MESSAGES, "third", false),
            (MESSAGES, "third", true),
            (CHAT, "nowhere", false),
            (CHAT, "nowhere", true),
        ]
        .into_iter()
        .enumerate()
        {
            let question = format!("{n}: what opens sesame?");
            let body = json!({
                "model": route, "stream": stream, "max_tokens": 10, "user": "sesame-user",
                "messages": [{"role": "user", "content": question}],
            });
            let request = http2.post(self.gateway.url(path)).json(&body);
            let request = request.bearer_auth(credential);
            let request = request.header("x-api-key", credential);
            let response = request.send().await.unwrap();
            statuses.push(response.status().as_u16());
            response.bytes().await.unwrap();
        }
        statuses
    }

    async fn assert_nothing_told(&self) {
        let page = async |path: &str| {
            let got = client().get(format!("{}{path}", self.page)).send().await;
            let got = got.unwrap();
            assert_eq!(got.status(), 200);
            got.text().await.unwrap()
        };
        let metrics = page("/metrics").await;
        assert!(metrics.contains("route=\"nowhere\""), "{metrics}");
        assert_silent("/metrics", &metrics);
        let live = page("/live.json").await;
        assert!(live.contains("\"nowhere\""), "{live}");
        assert_silent("/live.json", &live);
        let printed = self.loaded.print();
        assert!(printed.contains("api_key_env = \"FIRST_KEY\""), "{printed}");
        assert_silent("print-config", &printed);
        assert_silent("settings", &format!("{:?}", self.loaded.settings));
        assert_silent("gateway", &format!("{:?}", self.gateway.gateway));
        let log = Lines::of_this_process().text();
        // All that was to be found is there: each call, what went wrong below, and what libraries say of themselves.
        for expected in ["model=\"nowhere\"", "no answer", "TRACE", "h2::"] {
            assert!(log.contains(expected), "{expected} is not in the log");
        }
        assert_silent("the log", &log);
    }
}

/// Whatever of these a provider got.
fn credentials(seen: &Seen) -> [Option<&str>; 2] {
    ["authorization", "x-api-key"].map(|name| Some(seen.headers.get(name)?.to_str().unwrap()))
}

fn question(seen: &Seen) -> String {
    let body: Value = serde_json::from_slice(&seen.body).unwrap();
    body["messages"][0]["content"].as_str().unwrap().to_owned()
}

/// The questions with these numbers, each with these credentials.
#[track_caller]
fn assert_got(provider: &Provider, numbers: std::ops::Range<usize>, expected: [Option<&str>; 2]) {
    let seen = provider.seen();
    let questions: Vec<_> = numbers
        .map(|n| format!("{n}: what opens sesame?"))
        .collect();
    assert_eq!(seen.iter().map(question).collect::<Vec<_>>(), questions);
    for seen in &seen {
        assert_eq!(credentials(seen), expected);
    }
}

const STATUSES: [u16; 12] = [200, 200, 502, 500, 200, 200, 401, 500, 200, 502, 502, 502];

#[tokio::test]
async fn with_credentials_of_callers_all_is_told_to_its_provider_alone() {
    Lines::of_this_process();
    let asked = Asked::start("").await;
    assert_eq!(asked.ask_all(CALLER).await, STATUSES);
    let first = format!("Bearer {}", KEYS[0].1);
    assert_got(&asked.first, 0..4, [Some(&first), None]);
    let caller = format!("Bearer {CALLER}");
    // As OpenAI's interface wants it, and in no other header.
    assert_got(&asked.second, 4..8, [Some(&caller), None]);
    assert_got(&asked.third, 8..10, [None, Some(KEYS[1].1)]);
    asked.assert_nothing_told().await;
}

#[tokio::test]
async fn with_virtual_keys_all_is_told_to_its_provider_alone() {
    Lines::of_this_process();
    let hash = blake3::hash(VIRTUAL.as_bytes()).to_hex();
    let keys = format!("[[keys]]\nname = \"mobile\"\nhash = \"blake3:{hash}\"\n");
    let asked = Asked::start(&keys).await;
    assert_eq!(asked.ask_all(VIRTUAL).await, STATUSES);
    let first = format!("Bearer {}", KEYS[0].1);
    assert_got(&asked.first, 0..4, [Some(&first), None]);
    // The key is the gateway's own, and nobody else's.
    assert_got(&asked.second, 4..8, [None, None]);
    assert_got(&asked.third, 8..10, [None, Some(KEYS[1].1)]);
    // Who has no key is refused, and nothing of what he has is told either.
    assert_eq!(asked.ask_all(CALLER).await, [401; 12]);
    asked.assert_nothing_told().await;
}
