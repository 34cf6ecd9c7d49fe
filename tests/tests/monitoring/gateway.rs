//! A gateway on which everything happens that is counted.
use std::{net::SocketAddr, time::Duration};

use fault_server::FaultServer;
use futures_util::future::join_all;
use obs_apm::{Config, Telemetry};
use obs_gateway::settings::{Sources, load};
use obs_redis::testing::Server;
use obs_tests::http::Client;
use serde_json::json;
use tokio::{net::TcpListener, sync::oneshot, time::timeout};

/// Serves until it is dropped.
pub(crate) struct Gateway {
    pub(crate) metrics: SocketAddr,
    telemetry: Telemetry,
    base: String,
    client: Client,
    round: u32,
    _redis: Server,
    _provider: FaultServer,
    _stop: oneshot::Sender<()>,
}

/// Two simulated models, and some at a provider that misbehaves as their names say.
fn settings(redis: &str, provider: &str) -> String {
    format!(
        r#"
        [cache]
        store = "{redis}"
        [budget]
        usd_per_day = 1000
        [router]
        shadow_share = 1
        [simulated]
        latency = 0
        [timeout]
        hedge_after = "20ms"
        [[providers]]
        name = "simulated"
        format = "simulated"
        [[providers]]
        name = "elsewhere"
        base_url = "{provider}"
        [[routes]]
        name = "cheap"
        model = "sim-small"
        [[routes]]
        name = "shaky"
        provider = "elsewhere"
        model = "fault/503"
        fallback = ["premium"]
        [[routes]]
        name = "silent"
        provider = "elsewhere"
        model = "fault/silent"
        [[routes]]
        name = "unpriced"
        provider = "elsewhere"
        model = "mine"
        [[routes]]
        name = "premium"
        model = "sim-large"
        "#
    )
}

impl Gateway {
    /// With these variables of telemetry. Its collector is away.
    pub(crate) async fn start(variables: &'static [(&str, &str)]) -> Self {
        let (redis, provider) = (Server::new(), FaultServer::start().await.unwrap());
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("gateway.toml");
        std::fs::write(&file, settings(&redis.url(), &provider.base_url())).unwrap();
        let sources = Sources {
            file: Some(file),
            ..Sources::default()
        };
        let loaded = load(&sources).unwrap_or_else(|problems| panic!("{problems}"));
        let config = Config::new().listen(([127, 0, 0, 1], 0).into());
        let telemetry = Telemetry::build(config.no_console().variables(move |name| {
            let mut all = variables.iter();
            let value = all.find(|(key, _)| *key == name);
            value.map(|(_, value)| (*value).to_owned())
        }));
        let gateway = obs_gateway::Gateway::builder(loaded.settings)
            .telemetry(telemetry.clone())
            .build()
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let (stop, stopped) = oneshot::channel::<()>();
        tokio::spawn(async move {
            let stopped = async { drop(stopped.await) };
            gateway.serve(listener, stopped).await
        });
        Self {
            metrics: telemetry.address().expect("it listens"),
            telemetry,
            base,
            client: Client::new(),
            round: 0,
            _redis: redis,
            _provider: provider,
            _stop: stop,
        }
    }

    /// Calls of every kind, some of them new and some asked before.
    pub(crate) async fn load(&mut self) {
        self.round += 1;
        let (easy, hard) = (
            format!("What is the capital of country {}?", self.round),
            format!(
                "Prove, step by step, that {} * (n^3 - n) is divisible by 6 for every integer n.",
                self.round
            ),
        );
        let calls = [
            self.chat("auto", "Hello", false, "60000"),
            self.chat("auto", &easy, false, "60000"),
            self.chat("auto", &easy, true, "60000"),
            self.chat("auto", &hard, false, "60000"),
            self.chat("auto", &hard, true, "60000"),
            self.chat("cheap", &hard, true, "60000"),
            self.chat("shaky", &easy, false, "2000"),
            self.chat("silent", &easy, false, "200"),
            self.chat("unpriced", &easy, true, "60000"),
            self.chat("nobody", &easy, false, "60000"),
        ];
        let left = timeout(
            Duration::from_millis(50),
            self.chat("silent", &hard, false, "60000"),
        );
        let (_, left, ()) = tokio::join!(join_all(calls), left, self.embed(&easy));
        assert!(left.is_err(), "a silent provider does not answer");
    }

    async fn chat(&self, model: &str, text: &str, stream: bool, deadline: &str) {
        let message = json!({"role": "user", "content": text});
        let body = json!({"model": model, "messages": [message], "stream": stream});
        let headers = [("x-obs-deadline-ms", deadline)];
        let url = format!("{}/v1/chat/completions", self.base);
        let answer = self.client.post(&url, &headers, body.to_string()).await;
        answer.expect("an answer, of whatever status");
    }

    async fn embed(&self, text: &str) {
        let body = json!({"model": "sim-embed", "input": text}).to_string();
        let url = format!("{}/v1/embeddings", self.base);
        let answer = self.client.post(&url, &[], body).await;
        assert_eq!(answer.expect("an answer").status, 200);
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // There is nobody to flush to.
        let _ = self.telemetry.shutdown_within(Duration::from_millis(100));
    }
}
