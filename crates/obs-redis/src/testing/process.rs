//! A process that ends with its handle.
use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

#[derive(Debug)]
pub(super) struct Process(Child);

impl Process {
    /// Starts it, and waits until it prints a line with these words; `None`: it ended before that.
    pub(super) fn start(command: &mut Command, ready: &str) -> Option<Self> {
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut child = child.expect("redis-server is installed");
        let out = child.stdout.take().expect("piped");
        let mut lines = BufReader::new(out).lines().map_while(Result::ok);
        let is_ready = lines.any(|line| line.contains(ready));
        if !is_ready {
            let _ = child.wait();
            return None;
        }
        // It writes on, and must not run into a closed or a full pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Some(Self(child))
    }

    pub(super) fn signal(&self, signal: &str) {
        let id = self.0.id().to_string();
        let status = Command::new("kill").args([signal, &id]).status();
        assert!(status.expect("kill is installed").success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
