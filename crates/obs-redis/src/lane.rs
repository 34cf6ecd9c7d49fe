//! One connection of several.
use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use fred::{
    clients::Client,
    interfaces::{ClientLike, EventInterface},
    types::ConnectHandle,
};
use tokio::task::AbortHandle;

use crate::{Fault, breaker::Breaker, fault::describe};

/// A client with a connection of its own (in a cluster: one to each node), and whether it works.
///
/// The client makes its connection anew by itself, but says that it is connected until it has begun to do so; in
/// between, commands would wait. So its events are listened to.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) client: Client,
    up: Arc<AtomicBool>,
    task: Mutex<ConnectHandle>,
    listeners: [AbortHandle; 2],
}

impl Lane {
    /// Begins to connect.
    pub(crate) fn open(client: Client, breaker: &Arc<Breaker>, all: &Arc<Lanes>) -> Self {
        let up = all.add();
        let lost = {
            let (up, all, breaker) = (up.clone(), all.clone(), breaker.clone());
            client.on_error(move |(error, _)| {
                up.store(false, Relaxed);
                if !all.any_up() {
                    match Fault::new(&error, Duration::ZERO) {
                        // The connection is closed for it, and can be made again at once.
                        Fault::Server {
                            code: "CLUSTERDOWN",
                            message,
                        } => breaker.refused(&message),
                        _ => breaker.trip(&describe(&error)),
                    }
                }
                std::future::ready(Ok(()))
            })
        };
        let found = {
            let (up, breaker) = (up.clone(), breaker.clone());
            client.on_reconnect(move |_| {
                up.store(true, Relaxed);
                breaker.connected();
                std::future::ready(Ok(()))
            })
        };
        Self {
            listeners: [lost.abort_handle(), found.abort_handle()],
            task: Mutex::new(client.connect()),
            client,
            up,
        }
    }

    pub(crate) fn is_up(&self) -> bool {
        self.up.load(Relaxed)
    }

    /// A client gives up for good after some errors (a redirection within a cluster that fails, an answer that
    /// nobody waits for). It is started again.
    pub(crate) fn revive(&self) {
        let mut task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        if task.is_finished() {
            *task = self.client.connect();
        }
    }
}

/// Ends what the client runs in the background, and with it the connection.
impl Drop for Lane {
    fn drop(&mut self) {
        self.listeners.iter().for_each(AbortHandle::abort);
        let task = self.task.get_mut().unwrap_or_else(PoisonError::into_inner);
        task.abort();
    }
}

/// Which of all lanes work.
#[derive(Debug, Default)]
pub(crate) struct Lanes(Mutex<Vec<Arc<AtomicBool>>>);

impl Lanes {
    fn add(&self) -> Arc<AtomicBool> {
        let up = Arc::new(AtomicBool::new(false));
        self.lanes().push(up.clone());
        up
    }

    pub(crate) fn any_up(&self) -> bool {
        self.lanes().iter().any(|up| up.load(Relaxed))
    }

    fn lanes(&self) -> MutexGuard<'_, Vec<Arc<AtomicBool>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use fred::types::{Builder, config::Config};

    use super::*;

    #[tokio::test]
    async fn a_client_that_has_given_up_is_started_again() {
        let nowhere = Config::from_url("redis://127.0.0.1:1").expect("a url");
        let client = Builder::from_config(nowhere).build().expect("settings");
        let breaker = Arc::new(Breaker::new("nowhere".into(), Arc::default()));
        let lane = Lane::open(client, &breaker, &Arc::default());
        let is_finished = || lane.task.lock().expect("no panic").is_finished();
        lane.task.lock().expect("no panic").abort();
        while !is_finished() {
            tokio::task::yield_now().await;
        }
        lane.revive();
        assert!(!is_finished());
    }
}
