//! One server, or what behaves as one.
use std::{
    hash::{DefaultHasher, Hasher},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use fred::{
    clients::Client,
    error::Error,
    interfaces::ClientLike,
    types::{ClusterHash, CustomCommand, FromValue, Value, config::Options},
};

use crate::{
    Fault, State,
    breaker::{Admission, Breaker, Ticket},
    command::Command,
    lane::{Lane, Lanes, Place},
    probe::{Found, PATIENCE, Probe},
    watch::Watcher,
};

/// How soon to look again whether there is a connection.
const SOON: Duration = Duration::from_millis(50);

/// The connections to one server, and the breaker in front of it.
#[derive(Debug)]
pub(crate) struct Node {
    lanes: Vec<Lane>,
    breaker: Arc<Breaker>,
    probe: Probe,
    watcher: Option<Watcher>,
    /// Number of looks for a lane to send one on.
    probes: AtomicUsize,
    /// Most commands that wait on one lane.
    max_queued: usize,
}

impl Node {
    /// Begins to connect.
    pub(crate) fn open(
        clients: &[Client],
        breaker: Breaker,
        watcher: Option<Watcher>,
        max_queued: usize,
    ) -> Self {
        let breaker = Arc::new(breaker);
        let all = Arc::new(Lanes::default());
        let lanes = clients
            .iter()
            .map(|client| Lane::open(client.clone(), &breaker, &all));
        Self {
            lanes: lanes.collect(),
            breaker,
            probe: Probe::default(),
            watcher,
            probes: AtomicUsize::new(0),
            max_queued,
        }
    }

    pub(crate) fn state(&self) -> State {
        self.breaker.state()
    }

    /// Whether what others change here is told.
    pub(crate) fn sees_changes(&self) -> bool {
        self.watcher.as_ref().is_some_and(Watcher::sees)
    }

    /// Runs one command on one key under the breaker, within the budget.
    pub(crate) async fn ask<R: FromValue>(
        &self,
        key: &Bytes,
        command: &Command,
        budget: Duration,
    ) -> Result<R, Fault> {
        let (ticket, lane, _place) = self.enter(key)?;
        let watcher = self.watcher.as_ref().filter(|_| command.writes());
        let (client, lane) = match watcher.and_then(Watcher::client) {
            Some(client) => (client, None),
            None => (lane.client(), Some(lane)),
        };
        let client = client.with_options(&options(budget));
        let answer = command.send(&client, key.clone()).await;
        self.judge(answer, lane, ticket, budget)
    }

    /// The same for a key that is on its way to this server from another, which has to be said.
    pub(crate) async fn ask_for_migrating<R: FromValue>(
        &self,
        key: &Bytes,
        command: &Command,
        budget: Duration,
    ) -> Result<R, Fault> {
        let (ticket, lane, _place) = self.enter(key)?;
        let both = lane.client().pipeline();
        let both = both.with_options(&options(budget));
        let asking = CustomCommand::new_static("ASKING", ClusterHash::FirstKey, false);
        let queued = async {
            both.custom::<Value, Value>(asking, vec![]).await?;
            command.send::<Value>(&both, key.clone()).await?;
            both.last().await
        };
        let answer = queued.await;
        self.judge(answer, Some(lane), ticket, budget)
    }

    /// Asks about the cluster rather than a key; `None`: there is no connection.
    pub(crate) async fn slots(&self) -> Option<Result<Value, Error>> {
        let lane = self.lanes.iter().find(|lane| lane.is_up())?;
        Some(slots(&lane.client()).await)
    }

    /// Leave to ask, the connection for it, and a place among those that wait there.
    fn enter(&self, key: &Bytes) -> Result<(Ticket, &Lane, Place<'_>), Fault> {
        let ticket = self.admit(key).ok_or(Fault::Refused)?;
        let lane = self.lane(key);
        let place = lane.place(self.max_queued).ok_or(Fault::Busy)?;
        Ok((ticket, lane, place))
    }

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

    /// Looks at the server if it is time to.
    pub(crate) fn look_if_due(&self, key: &Bytes) {
        if matches!(self.breaker.admit(), Admission::Look) {
            self.look(key);
        }
    }

    /// Sends a probe, or looks whether the last one was answered. It asks for the key that is wanted, so that the
    /// server says whether it serves that.
    fn look(&self, key: &Bytes) {
        let mut client = None;
        let found = self.probe.look(|| {
            client = Some(self.connected()?);
            // The probe has a patience of its own.
            let client = client.as_ref()?.with_options(&options(PATIENCE));
            let key = key.clone();
            self.breaker.probe().then_some(async move {
                let answer = Command::Exists.send::<u32>(&client, key).await;
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
            Found::Failed => {
                self.lanes.iter().for_each(Lane::timed_out);
                self.breaker.probe_failed();
            }
            Found::Nothing if client.is_none() && self.breaker.state() != State::HalfOpen => {
                self.lanes.iter().for_each(Lane::revive);
                self.breaker.look_after(SOON);
            }
            Found::Nothing => {}
        }
    }

    /// A client that has a connection, as far as it knows; each time another of those that have.
    fn connected(&self) -> Option<Client> {
        let first = self.probes.fetch_add(1, Relaxed);
        let count = self.lanes.len();
        let mut clients = (0..count).map(|offset| self.lanes[(first + offset) % count].client());
        clients.find(ClientLike::is_connected)
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

    /// Tells the breaker what became of a command.
    fn judge<R>(
        &self,
        answer: Result<R, Error>,
        lane: Option<&Lane>,
        ticket: Ticket,
        budget: Duration,
    ) -> Result<R, Fault> {
        let fault = match answer {
            Ok(answer) => {
                lane.inspect(|lane| lane.answered());
                self.breaker.answered();
                return Ok(answer);
            }
            Err(error) => Fault::new(&error, budget),
        };
        match &fault {
            Fault::Server { message, .. } => {
                lane.inspect(|lane| lane.answered());
                self.breaker.answered();
                if fault.is_outage() {
                    self.breaker.refused(message);
                }
            }
            Fault::Timeout(budget) => {
                lane.inspect(|lane| lane.timed_out());
                self.breaker.timed_out(ticket, *budget);
            }
            // What is lost with one connection says nothing of the others.
            Fault::Unavailable(cause) if !self.lanes.iter().any(Lane::is_up) => {
                self.breaker.trip(cause);
            }
            _ => {}
        }
        Err(fault)
    }
}

/// Which server serves what, as this one sees it.
pub(crate) async fn slots(client: &Client) -> Result<Value, Error> {
    let command = CustomCommand::new_static("CLUSTER", ClusterHash::FirstKey, false);
    let client = client.with_options(&options(PATIENCE));
    client.custom(command, vec!["SLOTS"]).await
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
