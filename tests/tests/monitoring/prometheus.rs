//! A real Prometheus on a free port, and its HTTP interface.
use std::{
    io::{BufRead, BufReader},
    net::{SocketAddr, TcpListener},
    path::Path,
    process::{Child, Command, Stdio},
};

use obs_tests::http::Client;
use serde_json::Value;
use tempfile::TempDir;

const INSTALL: &str = "install it with: apt-get install prometheus";

/// A running server. It is killed when it is dropped.
pub(crate) struct Prometheus {
    child: Child,
    base: String,
    client: Client,
    _dir: TempDir,
}

/// One rule, as the server knows it.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) name: String,
    pub(crate) query: String,
    pub(crate) alerts: bool,
    pub(crate) health: String,
    pub(crate) problem: String,
}

impl Prometheus {
    /// Scrapes this address, with the configuration and the rules of the repository, only quicker.
    pub(crate) fn start(monitoring: &Path, metrics: SocketAddr) -> Self {
        let config = std::fs::read_to_string(monitoring.join("prometheus.yml")).unwrap();
        let rules = format!("{}/rules/", monitoring.display());
        let config = config
            .replace("localhost:9464", &metrics.to_string())
            .replace(
                "scrape_interval: 5s",
                "scrape_interval: 500ms\n  scrape_timeout: 500ms",
            )
            .replace("evaluation_interval: 15s", "evaluation_interval: 1s")
            .replace("- rules/", &format!("- {rules}"));
        assert!(config.contains("500ms") && config.contains(": 1s") && config.contains(&rules));
        // Another may take the port between the look and the start: then there is another port.
        for _ in 0..20 {
            if let Some(started) = Self::try_start(&config) {
                return started;
            }
        }
        panic!("prometheus does not start; {INSTALL}");
    }

    fn try_start(config: &str) -> Option<Self> {
        let dir = TempDir::new().unwrap();
        let file = dir.path().join("prometheus.yml");
        std::fs::write(&file, config).unwrap();
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", file.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                dir.path().join("data").display()
            ))
            .arg(format!("--web.listen-address={address}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = child.unwrap_or_else(|error| panic!("prometheus: {error}; {INSTALL}"));
        let out = child.stderr.take().expect("is piped");
        let mut lines = BufReader::new(out).lines().map_while(Result::ok);
        if lines.any(|line| line.contains("Server is ready to receive web requests")) {
            // It writes on, and must not run into a closed or a full pipe.
            std::thread::spawn(move || lines.for_each(drop));
            return Some(Self {
                child,
                base: format!("http://{address}"),
                client: Client::new(),
                _dir: dir,
            });
        }
        let _ = child.wait();
        None
    }

    /// Whether a query gives a finite number now.
    ///
    /// # Errors
    /// When it cannot be evaluated at all: no data will mend that.
    pub(crate) async fn has_data(&self, query: &str) -> Result<bool, String> {
        let answer = self.get(&format!("query?query={}", escaped(query))).await;
        if answer["status"] != "success" {
            return Err(format!("{query}: {}", answer["error"]));
        }
        let result = answer["data"]["result"].as_array().expect("a vector");
        Ok(result.iter().any(|sample| {
            let value = sample["value"][1].as_str().expect("is text");
            value.parse::<f64>().expect("a number").is_finite()
        }))
    }

    /// The values of a label of a metric, as variables of dashboards ask for them.
    pub(crate) async fn label_values(&self, metric: &str, label: &str) -> usize {
        let path = format!("label/{label}/values?match[]={metric}");
        let answer = self.get(&path).await;
        answer["data"].as_array().map_or(0, Vec::len)
    }

    /// All rules, once each was evaluated.
    pub(crate) async fn rules(&self) -> Vec<Rule> {
        let answer = self.get("rules").await;
        let groups = answer["data"]["groups"].as_array().expect("groups").iter();
        let rules = groups.flat_map(|group| group["rules"].as_array().expect("rules"));
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        rules
            .map(|rule| Rule {
                name: text(&rule["name"]),
                query: text(&rule["query"]),
                alerts: rule["type"] == "alerting",
                health: text(&rule["health"]),
                problem: text(&rule["lastError"]),
            })
            .collect()
    }

    async fn get(&self, path: &str) -> Value {
        let url = format!("{}/api/v1/{path}", self.base);
        self.client.get(&url).await.json()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs `promtool` in this folder, and demands that it is satisfied.
pub(crate) fn promtool(folder: &Path, arguments: &[&str]) {
    let tool = Command::new("promtool")
        .args(arguments)
        .current_dir(folder)
        .output();
    let output = tool.unwrap_or_else(|error| panic!("promtool: {error}; {INSTALL}"));
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{arguments:?}: {out}{err}");
}

fn escaped(query: &str) -> String {
    let bytes = query.bytes().map(|byte| match byte {
        b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    });
    bytes.collect()
}
