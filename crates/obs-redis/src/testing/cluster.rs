//! A cluster of six servers.
use std::fs;

use super::{Authority, Server, free_port, until};

const MASTERS: usize = 3;
const NODES: usize = 2 * MASTERS;
const SLOTS: usize = 16_384;

/// Redis Cluster: three masters, and a replica of each. A master that dies is replaced within three seconds.
#[derive(Debug)]
pub struct Cluster {
    nodes: Vec<Server>,
    scheme: &'static str,
}

/// What one server says of another.
struct Seen {
    id: String,
    port: u16,
    is_serving_master: bool,
    slots: Vec<(u16, u16)>,
}

impl Cluster {
    /// Starts six servers, and waits until they serve.
    ///
    /// # Panics
    ///
    /// If they do not.
    #[must_use]
    pub fn new() -> Self {
        Self::with_args(&[])
    }

    /// The same, with further arguments for each server.
    ///
    /// # Panics
    ///
    /// If they do not serve.
    #[must_use]
    pub fn with_args(args: &[&str]) -> Self {
        Self::start(args, None)
    }

    /// The same, where every server speaks TLS alone.
    ///
    /// # Panics
    ///
    /// If they do not serve.
    #[must_use]
    pub fn with_tls(authority: &Authority, args: &[&str]) -> Self {
        Self::start(args, Some(authority))
    }

    fn start(args: &[&str], authority: Option<&Authority>) -> Self {
        for _ in 0..20 {
            if let Some(cluster) = Self::try_start(args, authority) {
                return cluster;
            }
        }
        panic!("no cluster could be started: is redis-server installed?");
    }

    fn try_start(args: &[&str], authority: Option<&Authority>) -> Option<Self> {
        let mut nodes = vec![];
        let mut buses = vec![];
        for _ in 0..NODES {
            let bus = free_port().to_string();
            let own = [
                "--cluster-enabled yes --cluster-announce-ip 127.0.0.1 --cluster-node-timeout 500",
                "--cluster-replica-validity-factor 0 --cluster-config-file nodes.conf --cluster-port",
                &bus,
                "--repl-diskless-sync yes --repl-diskless-sync-delay 0",
            ];
            let own = own.iter().flat_map(|args| args.split(' '));
            let args: Vec<_> = own.chain(args.iter().copied()).collect();
            let mut node = Server::absent(&args);
            if let Some(authority) = authority {
                node.encrypted(authority);
                node.extend(&["--tls-cluster", "yes"]);
            }
            nodes.push(node);
            buses.push(bus);
        }
        // They know each other from the start, so that nobody has to introduce them.
        for (me, node) in nodes.iter().enumerate() {
            let lines = nodes.iter().zip(&buses).enumerate();
            let lines = lines.map(|(other, (node, bus))| line(me, other, node.port(), bus));
            let vars = format!("vars currentEpoch {MASTERS} lastVoteEpoch 0\n");
            let text = lines.collect::<String>() + &vars;
            fs::write(node.dir().join("nodes.conf"), text).expect("written");
        }
        if !nodes.iter_mut().all(Server::try_start) {
            return None;
        }
        let scheme = match authority {
            Some(_) => "rediss-cluster",
            None => "redis-cluster",
        };
        let cluster = Self { nodes, scheme };
        for (number, node) in cluster.nodes.iter().enumerate() {
            until("the cluster serves", || {
                let is_linked = || node.info("replication").contains("master_link_status:up");
                node.cli(&["CLUSTER", "INFO"]).contains("cluster_state:ok")
                    && (number < MASTERS || is_linked())
            });
        }
        Some(cluster)
    }

    /// Where a client without a password finds it: all six servers are named.
    #[must_use]
    pub fn url(&self) -> String {
        let port = |node: &Server| node.port().to_string();
        let others: Vec<_> = self.nodes[1..].iter().map(port).collect();
        let others = others.join("&node=127.0.0.1:");
        let (scheme, first) = (self.scheme, self.nodes[0].port());
        format!("{scheme}://127.0.0.1:{first}?node=127.0.0.1:{others}")
    }

    /// One of the six: the first three began as masters.
    #[must_use]
    pub fn node(&self, number: usize) -> &Server {
        &self.nodes[number]
    }

    /// One of the six, to be killed or started again.
    #[must_use]
    pub fn node_mut(&mut self, number: usize) -> &mut Server {
        &mut self.nodes[number]
    }

    /// The slot of a key.
    #[must_use]
    pub fn slot(&self, key: &str) -> u16 {
        let slot = self.alive().cli(&["CLUSTER", "KEYSLOT", key]);
        slot.parse().expect("a slot")
    }

    /// The number of the server that serves this slot, as a living one sees it; `None`: nobody does.
    #[must_use]
    pub fn owner(&self, slot: u16) -> Option<usize> {
        let owns = |node: &Seen| {
            let is_in = |range: &(u16, u16)| (range.0..=range.1).contains(&slot);
            node.is_serving_master && node.slots.iter().any(is_in)
        };
        let port = self.seen().into_iter().find(owns)?.port;
        self.nodes.iter().position(|node| node.port() == port)
    }

    /// Moves a slot with its keys to another master, as an operator does.
    ///
    /// # Panics
    ///
    /// If a server refuses.
    pub fn move_slot(&self, slot: u16, to: usize) {
        self.begin_to_move(slot, to);
        let from = self.owner(slot).expect("somebody serves it");
        let text = slot.to_string();
        let port = self.nodes[to].port().to_string();
        loop {
            let keys = self.nodes[from].cli(&["CLUSTER", "GETKEYSINSLOT", &text, "100"]);
            if keys.is_empty() {
                break;
            }
            for key in keys.lines() {
                let migrate = ["MIGRATE", "127.0.0.1", &port, key, "0", "1000"];
                let moved = self.nodes[from].cli(&migrate);
                assert!(["OK", "NOKEY"].contains(&&*moved), "{moved}");
            }
        }
        let id = self.id(to);
        for node in [to, from] {
            let set = self.nodes[node].cli(&["CLUSTER", "SETSLOT", &text, "NODE", &id]);
            assert_eq!(set, "OK");
        }
    }

    /// Leaves a slot between two masters: what the one has not any more, the other is to be asked for.
    ///
    /// # Panics
    ///
    /// If a server refuses.
    pub fn begin_to_move(&self, slot: u16, to: usize) {
        let from = self.owner(slot).expect("somebody serves it");
        for (node, word, other) in [(to, "IMPORTING", from), (from, "MIGRATING", to)] {
            let id = self.id(other);
            let set = ["CLUSTER", "SETSLOT", &slot.to_string(), word, &id];
            assert_eq!(self.nodes[node].cli(&set), "OK");
        }
    }

    /// Waits until somebody serves this slot again.
    ///
    /// # Panics
    ///
    /// If nobody does.
    pub fn until_served(&self, slot: u16) {
        until("somebody serves the slot", || {
            let owner = self.owner(slot).filter(|owner| self.nodes[*owner].runs());
            owner.is_some_and(|owner| {
                let info = self.nodes[owner].cli(&["CLUSTER", "INFO"]);
                info.contains("cluster_state:ok")
            })
        });
    }

    fn id(&self, number: usize) -> String {
        let port = self.nodes[number].port();
        let node = self.seen().into_iter().find(|node| node.port == port);
        node.expect("it is one of the cluster").id
    }

    fn alive(&self) -> &Server {
        let alive = self.nodes.iter().find(|node| node.runs());
        alive.expect("not all are dead")
    }

    fn seen(&self) -> Vec<Seen> {
        let text = self.alive().cli(&["CLUSTER", "NODES"]);
        text.lines().filter_map(Seen::read).collect()
    }
}

impl Default for Cluster {
    fn default() -> Self {
        Self::new()
    }
}

impl Seen {
    fn read(line: &str) -> Option<Self> {
        let words: Vec<_> = line.split(' ').collect();
        let [id, address, flags, ..] = words[..] else {
            return None;
        };
        let port = address.split([':', '@', ',']).nth(1)?;
        let flags: Vec<_> = flags.split(',').collect();
        let is_ill = |flag: &&str| flag.contains("fail") || *flag == "noaddr";
        let slots = words.iter().skip(8).filter_map(|range| {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            Some((first.parse().ok()?, last.parse().ok()?))
        });
        Some(Self {
            id: id.to_owned(),
            port: port.parse().ok()?,
            is_serving_master: flags.contains(&"master") && !flags.iter().any(is_ill),
            slots: slots.collect(),
        })
    }
}

/// What `me` knows of `other`, as it stands in its configuration file.
fn line(me: usize, other: usize, port: u16, bus: &str) -> String {
    let id = |number: usize| format!("{:040x}", number + 1);
    let myself = if me == other { "myself," } else { "" };
    let master = other % MASTERS;
    let (role, slots) = match other < MASTERS {
        true => {
            let first = SLOTS * other / MASTERS;
            let last = SLOTS * (other + 1) / MASTERS - 1;
            ("master -".to_owned(), format!(" {first}-{last}"))
        }
        false => (format!("slave {}", id(master)), String::new()),
    };
    let (id, epoch) = (id(other), master + 1);
    format!("{id} 127.0.0.1:{port}@{bus} {myself}{role} 0 0 {epoch} connected{slots}\n")
}
