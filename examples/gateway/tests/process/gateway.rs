//! A running gateway.
use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Mutex, mpsc},
    thread,
    time::Duration,
};

use obs_tests::{
    http::{Answer, Client},
    scrape::{self, Scrape},
};

/// Longest that anything may take here, on a slow machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A gateway on free ports, killed when dropped. It sees nothing of the environment but what it is given.
pub(crate) struct Gateway {
    child: Child,
    api: SocketAddr,
    metrics: Option<SocketAddr>,
    /// What it says on standard error, line by line.
    lines: mpsc::Receiver<String>,
    /// Those that were read.
    said: Mutex<Vec<String>>,
    client: Client,
}

/// The program with these arguments, and nothing in its environment.
pub(crate) fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gateway"));
    command.args(args).env_clear();
    command
}

impl Gateway {
    /// Starts one with these further arguments.
    pub(crate) fn start(args: &[&str]) -> Self {
        let free = [
            "--server-listen=127.0.0.1:0",
            "--metrics-listen=127.0.0.1:0",
        ];
        Self::spawn(command(&[&free, args].concat()))
    }

    /// Starts this, and waits until it says where it listens.
    pub(crate) fn spawn(mut command: Command) -> Self {
        let command = command.arg("--log-format=json").stderr(Stdio::piped());
        let mut child = command.stdout(Stdio::null()).spawn().expect("it starts");
        let errors = BufReader::new(child.stderr.take().expect("is piped"));
        let (say, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in errors.lines().map_while(Result::ok) {
                if say.send(line).is_err() {
                    return;
                }
            }
        });
        let mut gateway = Self {
            child,
            api: SocketAddr::from(([0; 4], 0)),
            metrics: None,
            lines,
            said: Mutex::default(),
            client: Client::new(),
        };
        gateway.api = address(&gateway.wait_for("listening on http://")).expect("its address");
        gateway.metrics = address(&gateway.wait_for("\"metrics: "));
        gateway
    }

    /// The next line with this text.
    pub(crate) fn wait_for(&self, text: &str) -> String {
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => {
                    self.said.lock().unwrap().push(line.clone());
                    if line.contains(text) {
                        return line;
                    }
                }
                Err(error) => panic!("it never said {text:?}: {error}"),
            }
        }
    }

    /// All lines that were waited for, and those before them.
    pub(crate) fn said(&self) -> Vec<String> {
        self.said.lock().unwrap().clone()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.api)
    }

    pub(crate) fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics
    }

    /// Asks this, as this caller.
    pub(crate) async fn ask(&self, credential: &str, question: &str) -> Result<Answer, String> {
        let body = serde_json::json!({
            "model": "auto",
            "messages": [{"role": "user", "content": question}],
        });
        let headers = [("authorization", credential)];
        let url = self.url("/v1/chat/completions");
        self.client.post(&url, &headers, body.to_string()).await
    }

    pub(crate) async fn scrape(&self) -> Scrape {
        let address = self.metrics.expect("its metrics are served");
        Scrape::parse(&scrape::get(address).await)
    }

    /// Asks it to stop, as an orchestrator would.
    pub(crate) fn terminate(&self) {
        let pid = self.child.id().to_string();
        let killed = Command::new("kill").args(["-TERM", &pid]).status();
        assert!(killed.expect("kill runs").success());
    }

    /// Asks it to load its settings again.
    pub(crate) fn hang_up(&self) {
        let pid = self.child.id().to_string();
        let told = Command::new("kill").args(["-HUP", &pid]).status();
        assert!(told.expect("kill runs").success());
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        self.child.wait().expect("it was a child")
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The address in a line such as `listening on http://127.0.0.1:8080/v1`.
fn address(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("http://")?;
    rest.split('/').next()?.parse().ok()
}
