//! Several servers, of which each has some of the keys.
//!
//! Each master has connections and a breaker of its own, so that one that is gone takes only its own keys along. Which
//! of them serves what is asked again whenever one of them is not as it should be.
mod map;
mod redirect;
mod upkeep;
mod view;

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use fred::{
    types::{FromValue, config::Server},
    util::redis_keyslot,
};
use tokio::{task::AbortHandle, time::Instant};

use self::{redirect::Redirect, view::View};
use crate::{Fault, State, breaker::Breaker, clients::Clients, command::Command, node::Node};

/// Most servers that one operation is sent on to.
const HOPS: usize = 2;

/// The cluster as it was seen last, and the task that looks after it.
pub(crate) struct Cluster {
    view: Arc<View>,
    upkeep: AbortHandle,
}

impl Cluster {
    /// Begins to look for the cluster, at the servers that were named.
    pub(crate) fn open(clients: Clients, seeds: Vec<Server>, seen: Breaker) -> Self {
        let view = Arc::new(View::new(clients, seen));
        // As the connections are looked after by tasks of the client; it ends with the last handle.
        let upkeep = tokio::spawn(upkeep::keep(view.clone(), seeds));
        Self {
            view,
            upkeep: upkeep.abort_handle(),
        }
    }

    /// That of the worst server.
    pub(crate) fn state(&self) -> State {
        match self.view.seen.state() {
            State::Closed => self.view.map().state(),
            state => state,
        }
    }

    /// Whether changes of this key are told.
    pub(crate) fn sees_changes(&self, key: &[u8]) -> bool {
        let map = self.view.map();
        let node = map.serving(redis_keyslot(key));
        node.is_some_and(Node::sees_changes)
    }

    pub(crate) fn look_if_due(&self, key: &Bytes) {
        let map = self.view.map();
        map.nodes().for_each(|node| node.look_if_due(key));
    }

    /// Runs one command on one key where the key is, within the budget.
    pub(crate) async fn ask<R: FromValue>(
        &self,
        key: &Bytes,
        command: &Command,
        budget: Duration,
    ) -> Result<R, Fault> {
        let view = &*self.view;
        if view.seen.state() != State::Closed {
            return Err(Fault::Refused);
        }
        let map = view.map();
        let Some(node) = map.serving(redis_keyslot(key)) else {
            view.outdated.notify_one();
            return Err(Fault::Unavailable("no server serves this key".into()));
        };
        let start = Instant::now();
        let mut answer = node.ask(key, command, budget).await;
        for _ in 0..HOPS {
            let Some(redirect) = answer.as_ref().err().and_then(Redirect::read) else {
                break;
            };
            if !redirect.is_asking {
                view.outdated.notify_one();
            }
            // Who is new here is found by the upkeep, and not while a caller waits.
            let Some(other) = map.at(&redirect.server) else {
                break;
            };
            let left = budget.saturating_sub(start.elapsed());
            if left.is_zero() {
                return Err(Fault::Timeout(budget));
            }
            answer = match redirect.is_asking {
                true => other.ask_for_migrating(key, command, left).await,
                false => other.ask(key, command, left).await,
            };
        }
        answer
    }
}

/// The connections of servers that are not needed any more end when the last operation there has ended.
impl Drop for Cluster {
    fn drop(&mut self) {
        self.upkeep.abort();
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Cluster").field(&self.view.map()).finish()
    }
}
