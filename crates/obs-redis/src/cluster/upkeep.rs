//! Keeps the map of the cluster up to date.
use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use fred::{interfaces::ClientLike, types::config::Server};
use tokio::{
    select,
    time::{sleep, timeout},
};

use super::{map::Slots, view::View};
use crate::{State, fault::describe, node, probe::PATIENCE};

/// How soon the cluster is looked at again while not all is well.
const AGAIN: Duration = Duration::from_millis(250);
/// Redirections come in swarms: one look answers them all.
const SWARM: Duration = Duration::from_millis(10);

/// Runs as long as the cluster is used.
pub(super) async fn keep(view: Arc<View>, seeds: Vec<Server>) {
    let mut changes = view.told.watch();
    let any = Bytes::from_static(b"obs");
    loop {
        changes.borrow_and_update();
        match look(&view, &seeds).await {
            Ok(slots) => view.take(&slots),
            // Once there is a map, each server tells for itself.
            Err(cause) if view.map().is_empty() => view.seen.trip(&cause),
            Err(_) => {}
        }
        sleep(SWARM).await;
        let map = view.map();
        match !map.is_empty() && map.state() == State::Closed {
            true => select! {
                () = view.outdated.notified() => {}
                _ = changes.changed() => {}
            },
            false => {
                // Who refused is asked again although nobody calls.
                map.nodes().for_each(|node| node.look_if_due(&any));
                let _ = timeout(AGAIN, view.outdated.notified()).await;
            }
        }
    }
}

/// Asks one server after the other, until one tells.
async fn look(view: &View, seeds: &[Server]) -> Result<Vec<Slots>, String> {
    let map = view.map();
    for (server, node) in map.servers() {
        if node.state() == State::Closed
            && let Some(Ok(told)) = node.slots().await
            && let Ok(slots) = Slots::read(told, server)
        {
            return Ok(slots);
        }
    }
    let mut cause = String::new();
    for server in map.servers().map(|(server, _)| server).chain(seeds) {
        match timeout(2 * PATIENCE, ask(view, server)).await {
            Ok(Ok(slots)) => return Ok(slots),
            Ok(Err(error)) => cause = error,
            Err(_) => cause = "no answer while connecting".into(),
        }
    }
    Err(cause)
}

/// Asks over a connection that is made for it.
async fn ask(view: &View, server: &Server) -> Result<Vec<Slots>, String> {
    let describe = |error| describe(&error);
    let client = view.clients.scout(server).map_err(describe)?;
    let task = client.init().await.map_err(describe)?;
    let told = node::slots(&client).await;
    task.abort();
    Slots::read(told.map_err(describe)?, server).map_err(Into::into)
}
