//! One server.
use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

use super::{Authority, free_port, process::Process};

/// A running `redis-server`, or one that was killed and can be [started](Self::start) again on the same port.
#[derive(Debug)]
pub struct Server {
    port: u16,
    args: Vec<String>,
    dir: TempDir,
    /// Whose certificate it shows.
    ca_file: Option<PathBuf>,
    process: Option<Process>,
}

impl Server {
    /// Starts a server on a free port of the loopback address. It keeps nothing on disk.
    #[must_use]
    pub fn new() -> Self {
        Self::with_args(&[])
    }

    /// Starts a server with further arguments, such as `["--requirepass", "secret"]`.
    #[must_use]
    pub fn with_args(args: &[&str]) -> Self {
        Self::started(|| Self::absent(args))
    }

    /// Starts a server that speaks TLS alone, with a certificate of this authority.
    #[must_use]
    pub fn with_tls(authority: &Authority, args: &[&str]) -> Self {
        Self::started(|| {
            let mut server = Self::absent(args);
            server.encrypted(authority);
            server
        })
    }

    /// A server that is to be [started](Self::start) later.
    #[must_use]
    pub fn absent(args: &[&str]) -> Self {
        Self {
            port: free_port(),
            args: args.iter().map(|&arg| arg.to_owned()).collect(),
            dir: TempDir::new().expect("a temporary directory"),
            ca_file: None,
            process: None,
        }
    }

    /// Another may take the port between the look and the start: then there is another port.
    fn started(server: impl Fn() -> Self) -> Self {
        for _ in 0..20 {
            let mut server = server();
            if server.try_start() {
                return server;
            }
        }
        panic!("no redis-server could be started: is it installed?");
    }

    pub(super) fn encrypted(&mut self, authority: &Authority) {
        self.args.extend(authority.server_args());
        self.ca_file = Some(authority.ca_file().to_owned());
    }

    /// Port of the server.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where a client without a password finds it.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = match self.ca_file {
            Some(_) => "rediss",
            None => "redis",
        };
        format!("{scheme}://127.0.0.1:{}", self.port)
    }

    /// Starts it, or starts it again, on its port.
    ///
    /// # Panics
    ///
    /// If it does not start: another process may have taken the port.
    pub fn start(&mut self) {
        let started = (0..20).any(|_| self.try_start());
        assert!(started, "port {} is taken", self.port);
    }

    /// Starts it with other arguments than before.
    ///
    /// # Panics
    ///
    /// As [`start`](Self::start) does.
    pub fn start_with(&mut self, args: &[&str]) {
        self.args = args.iter().map(|&arg| arg.to_owned()).collect();
        self.start();
    }

    /// Kills it, as a crash would.
    ///
    /// # Panics
    ///
    /// If it does not run.
    pub fn kill(&mut self) {
        drop(self.process.take().expect("it runs"));
    }

    /// Whether it was started, and not killed since.
    #[must_use]
    pub fn runs(&self) -> bool {
        self.process.is_some()
    }

    /// Stops it in its tracks: connections stay open, and nothing is answered.
    pub fn pause(&self) {
        self.signal("-STOP");
    }

    /// Lets it go on after [`pause`](Self::pause).
    pub fn resume(&self) {
        self.signal("-CONT");
    }

    /// Runs `redis-cli` with these arguments, and gives what it prints. It knows the password that the server was
    /// started with.
    #[must_use]
    pub fn cli(&self, args: &[&str]) -> String {
        let mut command = Command::new("redis-cli");
        command.args(["-p", &self.port.to_string()]);
        if let Some(ca_file) = &self.ca_file {
            command.arg("--tls").arg("--cacert").arg(ca_file);
        }
        let mut pairs = self.args.iter().zip(self.args.iter().skip(1));
        if let Some((_, password)) = pairs.find(|(name, _)| *name == "--requirepass") {
            command.env("REDISCLI_AUTH", password);
        }
        let output = command.args(args).output();
        let output = output.expect("redis-cli is installed").stdout;
        let text = String::from_utf8(output).expect("text");
        text.trim_end().to_owned()
    }

    /// One section of what it says of itself.
    pub(super) fn info(&self, section: &str) -> String {
        self.cli(&["INFO", section])
    }

    pub(super) fn extend(&mut self, args: &[&str]) {
        self.args.extend(args.iter().map(|&arg| arg.to_owned()));
    }

    /// Where it runs.
    pub(super) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Runs it by this configuration file, which it may change, in place of arguments.
    pub(super) fn try_start_by(&mut self, file: &Path, ready: &str) -> bool {
        let mut command = Command::new(program());
        command.arg(file).args(&self.args);
        self.process = Process::start(&mut command, ready);
        self.runs()
    }

    pub(super) fn try_start(&mut self) -> bool {
        assert!(!self.runs(), "it runs already");
        let mut command = Command::new(program());
        let port = self.port.to_string();
        match self.args.iter().any(|arg| arg == "--tls-port") {
            true => command.args(["--port", "0"]),
            false => command.args(["--port", &port]),
        };
        command
            .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .args(["--daemonize", "no", "--dir"])
            .arg(self.dir.path())
            .args(self.args.iter().map(|arg| match &**arg {
                "{port}" => &port,
                other => other,
            }));
        self.process = Process::start(&mut command, "Ready to accept connections");
        self.runs()
    }

    fn signal(&self, signal: &str) {
        self.process.as_ref().expect("it runs").signal(signal);
    }
}

/// What is started.
fn program() -> OsString {
    std::env::var_os("OBS_TEST_REDIS_SERVER").unwrap_or_else(|| "redis-server".into())
}

impl Default for Server {
    fn default() -> Self {
        Self::new()
    }
}
