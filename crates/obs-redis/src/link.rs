//! What all handles on the server share.
use std::sync::Arc;

use bytes::Bytes;

use crate::{State, breaker::Told, cluster::Cluster, node::Node, stats::Ledger, watch::Watch};

/// A connection, and what is known of it.
pub(crate) struct Link {
    pub(crate) servers: Servers,
    /// Where it connects to, without the password.
    pub(crate) masked: String,
    pub(crate) told: Arc<Told>,
    pub(crate) watch: Option<Arc<Watch>>,
    pub(crate) ledger: Ledger,
    pub(crate) max_value_bytes: usize,
}

/// Whom to ask.
pub(crate) enum Servers {
    One(Node),
    Cluster(Cluster),
}

impl Servers {
    pub(crate) fn state(&self) -> State {
        match self {
            Self::One(node) => node.state(),
            Self::Cluster(cluster) => cluster.state(),
        }
    }

    /// Looks at the servers as a caller would who wants this key.
    pub(crate) fn look_if_due(&self, key: &Bytes) {
        match self {
            Self::One(node) => node.look_if_due(key),
            Self::Cluster(cluster) => cluster.look_if_due(key),
        }
    }

    /// Whether changes of this key are told.
    pub(crate) fn sees_changes(&self, key: &[u8]) -> bool {
        match self {
            Self::One(node) => node.sees_changes(),
            Self::Cluster(cluster) => cluster.sees_changes(key),
        }
    }
}
