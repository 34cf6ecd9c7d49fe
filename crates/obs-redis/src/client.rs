//! The handle on the server.
use std::{
    fmt,
    hash::{DefaultHasher, Hasher},
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use bytes::Bytes;
use fred::{
    clients::{Client, WithOptions},
    interfaces::{ClientLike, KeysInterface},
    types::config::Options,
};
use tokio::time::timeout;

use crate::{
    Builder, Fault, State, Stats,
    breaker::{Admission, Breaker, Ticket},
    lane::{Lane, Lanes},
    probe::{Found, PATIENCE, Probe},
    stats::Faults,
};

/// How soon to look again whether there is a connection.
const SOON: Duration = Duration::from_millis(50);

/// A connection to Redis, made and remade in the background. Clones share it; the last one that is dropped ends it.
#[derive(Clone)]
pub struct Redis {
    link: Arc<Link>,
    budget: Duration,
}

struct Link {
    lanes: Vec<Lane>,
    breaker: Arc<Breaker>,
    probe: Probe,
    faults: Faults,
    max_value_bytes: usize,
}

impl Redis {
    /// Settings for the server at this URL: `redis://`, `rediss://` (TLS), `redis-cluster://`, `redis-sentinel://`
    /// and their `rediss-` forms; `valkey` in place of `redis` is the same. It is checked by
    /// [`connect`](Builder::connect).
    #[must_use]
    pub fn builder(url: &str) -> Builder {
        Builder::new(url)
    }

    pub(crate) fn open(clients: &[Client], server: String, settings: &Builder) -> Self {
        let breaker = Arc::new(Breaker::new(server));
        let all = Arc::new(Lanes::default());
        let lanes = clients
            .iter()
            .map(|client| Lane::open(client.clone(), &breaker, &all));
        Self {
            budget: settings.budget,
            link: Arc::new(Link {
                lanes: lanes.collect(),
                breaker,
                probe: Probe::default(),
                faults: Faults::default(),
                max_value_bytes: settings.max_value_bytes,
            }),
        }
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
        self.link.breaker.server()
    }

    /// What the breaker lets through at the moment.
    #[must_use]
    pub fn state(&self) -> State {
        self.link.breaker.state()
    }

    /// What happened so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let (breaker, faults) = (&self.link.breaker, &self.link.faults);
        Stats {
            state: breaker.state(),
            opened: breaker.opened(),
            answered: breaker.answers(),
            refused: faults.refused.load(Relaxed),
            unavailable: faults.unavailable.load(Relaxed),
            timeouts: faults.timeouts.load(Relaxed),
            server_errors: faults.server_errors.load(Relaxed),
            too_large: faults.too_large.load(Relaxed),
            busy: faults.busy.load(Relaxed),
        }
    }

    /// Completes when the breaker is in this state. Meanwhile it looks at the server as a caller would. It waits
    /// for ever if need be: bound it from outside.
    pub async fn wait_for(&self, state: State) {
        let mut states = self.link.breaker.watch();
        while *states.borrow_and_update() != state {
            if matches!(self.link.breaker.admit(), Admission::Look) {
                self.link.look(&Bytes::from_static(b"obs"));
            }
            // Changes wake it; a probe that is under way does not.
            let _ = timeout(SOON / 10, states.changed()).await;
        }
    }

    /// Runs one command on one key under the breaker, within the budget.
    pub(crate) async fn run<T>(
        &self,
        key: &Bytes,
        command: impl AsyncFnOnce(WithOptions<Client>) -> Result<T, fred::error::Error>,
    ) -> Result<T, Fault> {
        let link = &*self.link;
        let Some(ticket) = link.admit(key) else {
            link.faults.count(&Fault::Refused);
            return Err(Fault::Refused);
        };
        let lane = link.lane(key);
        match command(lane.client.with_options(&options(self.budget))).await {
            Ok(value) => {
                link.breaker.answered();
                Ok(value)
            }
            Err(error) => Err(link.fault(Fault::new(&error, self.budget), ticket)),
        }
    }

    /// Refuses what is too large for the server.
    pub(crate) fn fits(&self, value: &Bytes) -> Result<(), Fault> {
        let (bytes, limit) = (value.len(), self.link.max_value_bytes);
        if bytes <= limit {
            return Ok(());
        }
        let fault = Fault::TooLarge { bytes, limit };
        self.link.faults.count(&fault);
        Err(fault)
    }
}

impl Link {
    /// `None`: the server is not to be asked.
    fn admit(&self, key: &Bytes) -> Option<Ticket> {
        match self.breaker.admit() {
            Admission::Ask(ticket) => Some(ticket),
            Admission::Refuse => None,
            Admission::Look => {
                self.look(key);
                match self.breaker.admit() {
                    Admission::Ask(ticket) => Some(ticket),
                    _ => None,
                }
            }
        }
    }

    /// Sends a probe, or looks whether the last one was answered. It asks for the key that is wanted: in a cluster,
    /// that goes to the node that matters.
    fn look(&self, key: &Bytes) {
        let mut lane = None;
        let found = self.probe.look(|| {
            let connected = |lane: &&Lane| lane.client.is_connected();
            lane = Some(self.lanes.iter().find(connected)?);
            // The probe has a patience of its own.
            let client = lane?.client.with_options(&options(PATIENCE));
            let key = key.clone();
            self.breaker.probe().then_some(async move {
                let answer = client.exists::<u32, _>(key).await;
                let fault = answer.map_err(|error| Fault::new(&error, PATIENCE));
                match fault {
                    Ok(_) => true,
                    // Also who refuses is alive.
                    Err(fault) => matches!(fault, Fault::Server { .. }) && !fault.is_outage(),
                }
            })
        });
        match found {
            Found::Answered => self.breaker.close(),
            Found::Failed => self.breaker.probe_failed(),
            Found::Nothing if lane.is_none() && self.breaker.state() != State::HalfOpen => {
                self.lanes.iter().for_each(Lane::revive);
                self.breaker.look_after(SOON);
            }
            Found::Nothing => {}
        }
    }

    /// The lane of this key, or another while that one does not work. So commands on one key that come one after
    /// the other stay in this order, while there is no fault.
    fn lane(&self, key: &Bytes) -> &Lane {
        let mut hasher = DefaultHasher::new();
        hasher.write(key);
        let count = self.lanes.len();
        let first = hasher.finish() as usize % count;
        let lane = |offset| &self.lanes[(first + offset) % count];
        let working = (0..count).map(lane).find(|lane| lane.is_up());
        working.unwrap_or_else(|| lane(0))
    }

    fn fault(&self, fault: Fault, ticket: Ticket) -> Fault {
        self.faults.count(&fault);
        match &fault {
            Fault::Server { message, .. } => {
                self.breaker.answered();
                if fault.is_outage() {
                    self.breaker.trip(message);
                }
            }
            Fault::Timeout(budget) => self.breaker.timed_out(ticket, *budget),
            // What is lost with one connection says nothing of the others.
            Fault::Unavailable(cause) if !self.lanes.iter().any(Lane::is_up) => {
                self.breaker.trip(cause);
            }
            _ => {}
        }
        fault
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

/// Nothing waits for a connection, and nothing is sent twice.
fn options(timeout: Duration) -> Options {
    Options {
        timeout: Some(timeout),
        max_attempts: Some(1),
        fail_fast: true,
        ..Options::default()
    }
}
