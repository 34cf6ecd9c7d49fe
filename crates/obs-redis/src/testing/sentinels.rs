//! A master, its replica, and three Sentinels.
use std::fs;

use super::{Server, until};

/// What the Sentinels call the master.
const NAME: &str = "main";

/// A master and a replica under three Sentinels, which replace a master that dies within three seconds.
#[derive(Debug)]
pub struct Sentinels {
    servers: [Server; 2],
    sentinels: Vec<Server>,
}

impl Sentinels {
    /// Starts five processes, and waits until they know each other.
    ///
    /// # Panics
    ///
    /// If they do not.
    #[must_use]
    pub fn new() -> Self {
        let master = Server::new();
        let port = master.port().to_string();
        let replica = Server::with_args(&["--replicaof", "127.0.0.1", &port]);
        let mut this = Self {
            servers: [master, replica],
            sentinels: vec![],
        };
        for number in 0..3 {
            let sentinel = (0..20).find_map(|_| this.sentinel(number));
            this.sentinels.push(sentinel.expect("a free port"));
        }
        until("the Sentinels know each other", || {
            let ready = |server: &Server| {
                let told = server.cli(&["SENTINEL", "CKQUORUM", NAME]);
                told.starts_with("OK 3")
                    && server.cli(&["SENTINEL", "REPLICAS", NAME]).contains("ok")
            };
            let is_linked = this.servers[1].info("replication");
            is_linked.contains("master_link_status:up") && this.sentinels.iter().all(ready)
        });
        this
    }

    fn sentinel(&self, number: usize) -> Option<Server> {
        let mut server = Server::absent(&["--sentinel"]);
        let file = server.dir().join("sentinel.conf");
        let (master, replica) = (self.servers[0].port(), self.servers[1].port());
        let mut lines = vec![
            format!("port {}", server.port()),
            "bind 127.0.0.1".into(),
            format!("sentinel myid {}", id(number)),
            format!("sentinel monitor {NAME} 127.0.0.1 {master} 2"),
            format!("sentinel down-after-milliseconds {NAME} 500"),
            format!("sentinel failover-timeout {NAME} 1000"),
            format!("sentinel known-replica {NAME} 127.0.0.1 {replica}"),
        ];
        for (number, other) in self.sentinels.iter().enumerate() {
            let (port, id) = (other.port(), id(number));
            lines.push(format!(
                "sentinel known-sentinel {NAME} 127.0.0.1 {port} {id}"
            ));
        }
        fs::write(&file, lines.join("\n") + "\n").expect("written");
        server
            .try_start_by(&file, "+monitor master")
            .then_some(server)
    }

    /// Where a client without a password finds the master.
    #[must_use]
    pub fn url(&self) -> String {
        let ports: Vec<_> = self.sentinels.iter().map(Server::port).collect();
        let (first, second, third) = (ports[0], ports[1], ports[2]);
        format!(
            "redis-sentinel://127.0.0.1:{first}?sentinelServiceName={NAME}\
             &node=127.0.0.1:{second}&node=127.0.0.1:{third}"
        )
    }

    /// The first server began as the master, the second as its replica.
    #[must_use]
    pub fn server_mut(&mut self, number: usize) -> &mut Server {
        &mut self.servers[number]
    }

    /// Number of the server that the Sentinels call the master.
    #[must_use]
    pub fn master(&self) -> usize {
        let told = self.sentinels[0].cli(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME]);
        let port = told.lines().last().and_then(|port| port.parse().ok());
        let master = self.servers.iter();
        let mut master = master.map(Server::port);
        let master = master.position(|it| Some(it) == port);
        master.expect("one of the two")
    }

    /// Waits until the Sentinels call this server the master.
    ///
    /// # Panics
    ///
    /// If they do not.
    pub fn until_master_is(&self, number: usize) {
        until("the Sentinels replace the master", || {
            self.master() == number
        });
    }
}

impl Default for Sentinels {
    fn default() -> Self {
        Self::new()
    }
}

fn id(number: usize) -> String {
    format!("{:040x}", number + 1)
}
