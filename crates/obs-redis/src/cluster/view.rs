//! The cluster as it was seen last.
use std::sync::{Arc, PoisonError, RwLock};

use fred::types::config::Server;
use tokio::sync::Notify;

use super::map::{Map, Slots};
use crate::{
    breaker::{Breaker, Told},
    clients::Clients,
    node::Node,
};

/// What is known of the cluster, and by what it is looked for.
pub(super) struct View {
    map: RwLock<Arc<Map>>,
    /// Closed from when the first server has told what the cluster looks like.
    pub(super) seen: Breaker,
    /// Somebody was sent on: the map is old.
    pub(super) outdated: Notify,
    pub(super) clients: Clients,
    pub(super) told: Arc<Told>,
}

impl View {
    pub(super) fn new(clients: Clients, seen: Breaker) -> Self {
        let told = seen.told().clone();
        Self {
            map: RwLock::default(),
            seen,
            outdated: Notify::new(),
            clients,
            told,
        }
    }

    pub(super) fn map(&self) -> Arc<Map> {
        self.map
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Takes what a server has told. Connections to servers that stay are kept.
    pub(super) fn take(&self, slots: &[Slots]) {
        let map = self.map().next(slots, |server| self.open_node(server));
        *self.map.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(map);
        self.seen.close();
    }

    fn open_node(&self, server: &Server) -> Option<Node> {
        let clients = self.clients.of(server).ok()?;
        let name = format!("{}:{} of the cluster", server.host, server.port);
        let breaker = Breaker::new(name, self.told.clone());
        let watcher = self.clients.watcher_of(server);
        let limit = self.clients.max_queued;
        Some(Node::open(&clients, breaker, watcher, limit))
    }
}
