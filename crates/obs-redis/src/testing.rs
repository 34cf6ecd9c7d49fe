//! Real servers for tests: started on free ports, killed when dropped.
//!
//! They need `redis-server` and `redis-cli` on the `PATH`; the environment variable `OBS_TEST_REDIS_SERVER` names another
//! server in place of the first, such as `valkey-server`. Everything here panics when something goes wrong: it is for
//! tests alone.
mod authority;
mod cluster;
mod process;
mod sentinels;
mod server;

use std::{
    net::TcpListener,
    thread::sleep,
    time::{Duration, SystemTime},
};

pub use self::{authority::Authority, cluster::Cluster, sentinels::Sentinels, server::Server};

/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// A port of the loopback address that is free now. Another may take it before it is used.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("bound").port()
}

/// Looks until something is so. It blocks the thread: clusters do not form faster for being waited for otherwise.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    #[expect(
        clippy::disallowed_methods,
        reason = "processes do not know the paused clock of a test"
    )]
    let now = SystemTime::now;
    let start = now();
    while !is_so() {
        let waited = now().duration_since(start).unwrap_or_default();
        assert!(waited < PATIENCE, "never: {what}");
        sleep(Duration::from_millis(10));
    }
}
