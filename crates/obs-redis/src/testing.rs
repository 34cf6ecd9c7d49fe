//! Real servers for tests: started on a free port, killed when dropped.
//!
//! They need `redis-server` on the `PATH`. Everything here panics when something goes wrong: it is for tests alone.
use std::{
    io::{BufRead, BufReader},
    net::TcpListener,
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

/// A running `redis-server`, or one that was killed and can be [started](Self::start) again on the same port.
#[derive(Debug)]
pub struct Server {
    port: u16,
    args: Vec<String>,
    dir: TempDir,
    child: Option<Child>,
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
        // Another may take the port between the look and the start: then there is another port.
        for _ in 0..20 {
            let mut server = Self::absent(args);
            if server.try_start() {
                return server;
            }
        }
        panic!("no redis-server could be started: is it installed?");
    }

    /// A server that is to be [started](Self::start) later.
    #[must_use]
    pub fn absent(args: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        Self {
            port: listener.local_addr().expect("bound").port(),
            args: args.iter().map(|&arg| arg.to_owned()).collect(),
            dir: TempDir::new().expect("a temporary directory"),
            child: None,
        }
    }

    /// Port of the server.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where a client without a password finds it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
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
        let mut child = self.child.take().expect("it runs");
        child.kill().expect("it was there");
        child.wait().expect("it was a child");
    }

    /// Stops it in its tracks: connections stay open, and nothing is answered.
    pub fn pause(&self) {
        self.signal("-STOP");
    }

    /// Lets it go on after [`pause`](Self::pause).
    pub fn resume(&self) {
        self.signal("-CONT");
    }

    /// Runs `redis-cli` with these arguments, and gives what it prints.
    #[must_use]
    pub fn cli(&self, args: &[&str]) -> String {
        let output = Command::new("redis-cli")
            .args(["-p", &self.port.to_string()])
            .args(args)
            .output()
            .expect("redis-cli is installed");
        let text = String::from_utf8(output.stdout).expect("text");
        text.trim_end().to_owned()
    }

    fn try_start(&mut self) -> bool {
        assert!(self.child.is_none(), "it runs already");
        let mut command = Command::new("redis-server");
        let tls = self.args.iter().any(|arg| arg == "--tls-port");
        if !tls {
            command.args(["--port", &self.port.to_string()]);
        }
        let child = command
            .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .args(["--daemonize", "no", "--dir"])
            .arg(self.dir.path())
            .args(self.args.iter().map(|arg| match &**arg {
                "{port}" => self.port.to_string(),
                other => other.to_owned(),
            }))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut child = child.expect("redis-server is installed");
        let out = child.stdout.take().expect("piped");
        let mut lines = BufReader::new(out).lines().map_while(Result::ok);
        let ready = lines.any(|line| line.contains("Ready to accept connections"));
        if ready {
            // It writes on, and must not run into a closed or a full pipe.
            std::thread::spawn(move || lines.for_each(drop));
            self.child = Some(child);
        } else {
            let _ = child.wait();
        }
        ready
    }

    fn signal(&self, signal: &str) {
        let id = self.child.as_ref().expect("it runs").id();
        let status = Command::new("kill")
            .args([signal, &id.to_string()])
            .status();
        assert!(status.expect("kill is installed").success());
    }
}

impl Default for Server {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
