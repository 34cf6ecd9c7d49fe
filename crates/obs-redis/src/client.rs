//! The handle on the server.
use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use fred::types::FromValue;
use tokio::time::timeout;

use crate::{
    Change, Fault, State, Stats,
    command::Command,
    link::{Link, Servers},
};

/// How soon whoever waits for a state looks again.
const AGAIN: Duration = Duration::from_millis(5);

/// A connection to Redis, made and remade in the background. Clones share it; the last one that is dropped ends it.
#[derive(Clone)]
pub struct Redis {
    link: Arc<Link>,
    budget: Duration,
}

impl Redis {
    pub(crate) fn open(link: Link, budget: Duration) -> Self {
        let link = Arc::new(link);
        Self { link, budget }
    }

    /// The same connection with another budget for each operation, for example a longer one for writes that nobody
    /// waits for.
    ///
    /// # Panics
    ///
    /// If the budget is zero.
    #[must_use]
    pub fn within(&self, budget: Duration) -> Self {
        assert!(!budget.is_zero(), "a budget of zero lets nothing through");
        Self {
            link: self.link.clone(),
            budget,
        }
    }

    /// Longest that one operation takes.
    #[must_use]
    pub fn budget(&self) -> Duration {
        self.budget
    }

    /// Where it connects to, without the password.
    #[must_use]
    pub fn server(&self) -> &str {
        &self.link.masked
    }

    /// What the breaker lets through at the moment. In a cluster each master has a breaker of its own, and this is the
    /// worst of them: as long as one is open, keys of the others are served all the same.
    #[must_use]
    pub fn state(&self) -> State {
        self.link.servers.state()
    }

    /// What happened so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.link.ledger.read(self.state(), self.link.told.opened())
    }

    /// Completes when the breaker is in this state. Meanwhile it looks at the server as a caller would. It waits
    /// for ever if need be: bound it from outside.
    pub async fn wait_for(&self, state: State) {
        let mut changes = self.link.told.watch();
        let any = Bytes::from_static(b"obs");
        loop {
            changes.borrow_and_update();
            if self.state() == state {
                return;
            }
            self.link.servers.look_if_due(&any);
            // Changes wake it; a probe that is under way does not.
            let _ = timeout(AGAIN, changes.changed()).await;
        }
    }

    /// From now on this is told of changes that others make to keys that begin as [`Builder::watch`](crate::Builder::watch) says; `false`: that was
    /// not set, and nothing is told. What this connection changes itself is not told. `FLUSHALL` and `FLUSHDB` are told within a
    /// second, as [`Change::All`], also its own.
    ///
    /// It is called by the task that reads from the server, and has to be quick. It must not hold this `Redis`, which would
    /// then never end.
    pub fn on_change(&self, listener: impl Fn(Change<'_>) + Send + Sync + 'static) -> bool {
        let watch = self.link.watch.as_ref();
        watch
            .inspect(|watch| watch.listen(Box::new(listener)))
            .is_some()
    }

    /// Whether changes of this key are told at the moment. When that ends, and when it begins again,
    /// [`Change::All`] is told. A connection that is lost without a word is found within 1.25 s.
    #[must_use]
    pub fn sees_changes(&self, key: &[u8]) -> bool {
        self.link.servers.sees_changes(key)
    }

    /// Runs one command on one key, and counts what becomes of it.
    pub(crate) async fn run<R: FromValue>(&self, key: Bytes, command: Command) -> Result<R, Fault> {
        let link = &*self.link;
        // Not a method of `Servers`: that would be one more future around each command.
        let answer = match &link.servers {
            Servers::One(node) => node.ask(&key, &command, self.budget).await,
            Servers::Cluster(cluster) => cluster.ask(&key, &command, self.budget).await,
        };
        link.ledger.count(answer.as_ref().err());
        answer
    }

    /// Refuses what is too large for the server.
    pub(crate) fn fits(&self, value: &Bytes) -> Result<(), Fault> {
        let (bytes, limit) = (value.len(), self.link.max_value_bytes);
        if bytes <= limit {
            return Ok(());
        }
        let fault = Fault::TooLarge { bytes, limit };
        self.link.ledger.count(Some(&fault));
        Err(fault)
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis")
            .field("server", &self.server())
            .field("state", &self.state())
            .field("budget", &self.budget)
            .finish_non_exhaustive()
    }
}
