//! What others change, told by the server.
use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use fred::{
    clients::Client,
    interfaces::{ClientLike, EventInterface, TrackingInterface},
    types::{ClusterHash, CustomCommand, Key},
};
use tokio::{
    select,
    sync::broadcast::error::RecvError,
    task::AbortHandle,
    time::{Instant, MissedTickBehavior, interval_at, sleep, timeout},
};

use crate::probe::PATIENCE;

/// How often the connection is asked whether it is there, and the server whether all was removed. It bounds for how long a
/// change can go unseen.
const BEAT: Duration = Duration::from_secs(1);
/// What removes all values at once. The server tells of it without naming any, which the client takes for nothing; so
/// it is asked how often these were called.
const FLUSHES: [&str; 3] = ["cmdstat_flushall:", "cmdstat_flushdb:", "cmdstat_swapdb:"];
/// Pauses between two attempts to connect.
const SHORTEST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(2);

/// What another has changed, or removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change<'a> {
    /// The value of this key.
    Key(&'a [u8]),
    /// Any number of values: it could not be told which.
    All,
}

type Listener = Box<dyn Fn(Change<'_>) + Send + Sync>;

/// Who is told.
pub(crate) struct Watch {
    prefix: String,
    listeners: RwLock<Vec<Listener>>,
}

/// A connection to one server over which changes are told. This process writes over it too: then it is not told of what it
/// has changed itself.
#[derive(Debug)]
pub(crate) struct Watcher {
    sees: Arc<Sees>,
    task: AbortHandle,
}

/// The connection, while it tells.
#[derive(Default)]
struct Sees(RwLock<Option<Client>>);

/// Ends when it is dropped, however that comes.
struct Blind<'a>(&'a Sees, &'a Watch);

impl Watch {
    pub(crate) fn new(prefix: String) -> Self {
        Self {
            prefix,
            listeners: RwLock::default(),
        }
    }

    pub(crate) fn listen(&self, listener: Listener) {
        let listeners = self.listeners.write();
        listeners
            .unwrap_or_else(PoisonError::into_inner)
            .push(listener);
    }

    fn tell(&self, change: Change<'_>) {
        let listeners = self.listeners.read();
        let listeners = listeners.unwrap_or_else(PoisonError::into_inner);
        listeners.iter().for_each(|listener| listener(change));
    }
}

impl Watcher {
    /// Begins to connect; each client that `connect` gives connects once.
    pub(crate) fn open(
        watch: Arc<Watch>,
        client: impl Fn() -> Option<Client> + Send + 'static,
    ) -> Self {
        let sees = Arc::<Sees>::default();
        let run = keep(watch, sees.clone(), client);
        // As the connections are looked after by tasks of the client; it ends with this handle.
        let task = tokio::spawn(run).abort_handle();
        Self { sees, task }
    }

    /// The connection, if changes are told.
    pub(crate) fn client(&self) -> Option<Client> {
        let client = self.sees.0.read();
        client.unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn sees(&self) -> bool {
        let client = self.sees.0.read();
        client.unwrap_or_else(PoisonError::into_inner).is_some()
    }
}

async fn keep(watch: Arc<Watch>, sees: Arc<Sees>, client: impl Fn() -> Option<Client>) {
    let mut pause = SHORTEST;
    loop {
        if let Some(client) = client() {
            let told = follow(&watch, &sees, client).await;
            pause = if told {
                SHORTEST
            } else {
                (pause * 2).min(LONGEST)
            };
        }
        sleep(pause).await;
    }
}

/// Passes on what is told until the connection is lost; `false`: there was none.
async fn follow(watch: &Watch, sees: &Sees, client: Client) -> bool {
    let mut changes = client.invalidation_rx();
    let mut lost = client.error_rx();
    let Ok(Ok(connection)) = timeout(2 * PATIENCE, client.init()).await else {
        return false;
    };
    let connection = Ends(connection.abort_handle());
    let begin = client.start_tracking(watch.prefix.as_str(), true, false, false, true);
    if !matches!(timeout(PATIENCE, begin).await, Ok(Ok(()))) {
        return false;
    }
    let Some(mut flushes) = beat(&client).await else {
        return false;
    };
    // What was kept before may have changed meanwhile.
    watch.tell(Change::All);
    sees.set(Some(client.clone()));
    let _blind = Blind(sees, watch);
    let mut beats = interval_at(Instant::now() + BEAT, BEAT);
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        select! {
            biased;
            _ = lost.recv() => break,
            _ = beats.tick() => {
                let Some(now) = beat(&client).await else { break };
                if now != flushes {
                    flushes = now;
                    watch.tell(Change::All);
                }
            }
            change = changes.recv() => match change {
                Ok(change) => change.keys.iter().map(Key::as_bytes).for_each(|key| watch.tell(Change::Key(key))),
                // More than are kept for us.
                Err(RecvError::Lagged(_)) => watch.tell(Change::All),
                Err(RecvError::Closed) => break,
            },
        }
    }
    drop(connection);
    true
}

/// How often all values were removed at once, as far as the server says. `None`: it does not answer.
async fn beat(client: &Client) -> Option<u64> {
    let info = CustomCommand::new_static("INFO", ClusterHash::FirstKey, false);
    let info = client.custom::<String, _>(info, vec!["commandstats"]);
    match timeout(PATIENCE, info).await.ok()? {
        Ok(stats) => Some(flushes(&stats)),
        // A user without this right is told of all else.
        Err(_) => {
            let ping = timeout(PATIENCE, client.ping::<()>(None)).await;
            ping.ok()?.ok().map(|()| 0)
        }
    }
}

/// `cmdstat_flushall:calls=1,usec=20,..` in a line of its own.
fn flushes(stats: &str) -> u64 {
    let calls = |line: &str| {
        let of = FLUSHES.iter().find_map(|name| line.strip_prefix(name))?;
        let calls = of.split(',').find_map(|of| of.strip_prefix("calls="))?;
        calls.parse::<u64>().ok()
    };
    stats.lines().filter_map(calls).sum()
}

/// A task that ends with this.
struct Ends(AbortHandle);

impl Sees {
    fn set(&self, client: Option<Client>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = client;
    }
}

impl Drop for Blind<'_> {
    fn drop(&mut self) {
        self.0.set(None);
        self.1.tell(Change::All);
    }
}

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Watch").field(&self.prefix).finish()
    }
}

impl fmt::Debug for Sees {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sees(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_that_remove_all_are_counted_and_others_are_not() {
        let stats = "# Commandstats\r\ncmdstat_get:calls=9,usec=3\r\ncmdstat_flushall:calls=2,usec=26,usec_per_call=13.00\r\n\
                     cmdstat_flushdb:calls=1,usec=9\r\n";
        assert_eq!((flushes(stats), flushes("")), (3, 0));
    }
}
