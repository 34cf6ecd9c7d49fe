//! What the server saw.
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use bytes::Bytes;
use http::Request;
use tokio::time::Instant;

/// How many requests a log keeps: the last ones.
const KEPT: usize = 10_000;

/// What the server saw, at one moment: the last ten thousand requests, and its connections.
#[derive(Clone, Debug)]
pub struct Log {
    started: Instant,
    seen: Vec<Seen>,
    next: u64,
    opened: usize,
    open: usize,
    most_open: usize,
    tls_hellos: usize,
    loads: BTreeMap<Arc<str>, Load>,
}

/// Requests for a model that are under way.
#[derive(Clone, Copy, Debug, Default)]
struct Load {
    now: usize,
    most: usize,
}

/// One request.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Seen {
    /// Its place among all requests since the server started.
    pub number: u64,
    /// The model it names, empty if none.
    pub model: Arc<str>,
    /// The script that answered it, if the model or a header named one.
    pub script: Option<Arc<str>>,
    /// The request, with headers and body.
    pub request: Arc<Request<Bytes>>,
    /// When its body had come.
    pub at: Instant,
    /// The connection it came by, counted from zero.
    pub connection: usize,
    /// When and how it ended, if it has.
    pub ended: Option<(Instant, Ending)>,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ending {
    /// All was sent that was to be sent, and the body ended in good order.
    Answered,
    /// The server ended it by force, as the fault says: connection closed or reset, stream reset.
    CutOff,
    /// The client left before the end: it closed the connection or reset the stream.
    ClientClosed,
}

impl Log {
    pub(crate) fn new() -> Self {
        Self {
            started: Instant::now(),
            seen: Vec::new(),
            next: 0,
            opened: 0,
            open: 0,
            most_open: 0,
            tls_hellos: 0,
            loads: BTreeMap::new(),
        }
    }

    /// When the server was started.
    #[must_use]
    pub fn started(&self) -> Instant {
        self.started
    }

    /// All requests, the oldest first.
    #[must_use]
    pub fn all(&self) -> &[Seen] {
        &self.seen
    }

    /// The requests for a model, the oldest first.
    pub fn of(&self, model: &str) -> impl Iterator<Item = &Seen> {
        self.seen.iter().filter(move |seen| &*seen.model == model)
    }

    /// How many requests there were for a model.
    #[must_use]
    pub fn count(&self, model: &str) -> usize {
        self.of(model).count()
    }

    /// When the requests for a model came.
    #[must_use]
    pub fn times(&self, model: &str) -> Vec<Instant> {
        self.of(model).map(|seen| seen.at).collect()
    }

    /// How the requests for a model ended; those that have not are left out.
    #[must_use]
    pub fn endings(&self, model: &str) -> Vec<Ending> {
        let ended = self.of(model).filter_map(|seen| seen.ended);
        ended.map(|(_, ending)| ending).collect()
    }

    /// When clients left requests for a model before the end.
    #[must_use]
    pub fn left(&self, model: &str) -> Vec<Instant> {
        let ended = self.of(model).filter_map(|seen| seen.ended);
        let left = ended.filter(|(_, ending)| *ending == Ending::ClientClosed);
        left.map(|(at, _)| at).collect()
    }

    /// How many requests for a model were under way at once, at most.
    #[must_use]
    pub fn most_at_once(&self, model: &str) -> usize {
        self.loads.get(model).map_or(0, |load| load.most)
    }

    /// How many requests for a model are under way.
    #[must_use]
    pub fn under_way(&self, model: &str) -> usize {
        self.loads.get(model).map_or(0, |load| load.now)
    }

    /// How many connections the requests for a model came by.
    #[must_use]
    pub fn connections_of(&self, model: &str) -> usize {
        let used: BTreeSet<usize> = self.of(model).map(|seen| seen.connection).collect();
        used.len()
    }

    /// How many connections were opened.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.opened
    }

    /// How many connections are open.
    #[must_use]
    pub fn open(&self) -> usize {
        self.open
    }

    /// How many connections were open at once, at most.
    #[must_use]
    pub fn most_open(&self) -> usize {
        self.most_open
    }

    /// How many connections began with TLS.
    #[must_use]
    pub fn tls_hellos(&self) -> usize {
        self.tls_hellos
    }

    /// The names of all models that were asked for.
    #[must_use]
    pub fn models(&self) -> BTreeSet<&str> {
        self.seen.iter().map(|seen| &*seen.model).collect()
    }

    pub(crate) fn connected(&mut self) -> usize {
        let connection = self.opened;
        self.opened += 1;
        self.open += 1;
        self.most_open = self.most_open.max(self.open);
        connection
    }

    pub(crate) fn disconnected(&mut self) {
        self.open -= 1;
    }

    pub(crate) fn greeted_by_tls(&mut self) {
        self.tls_hellos += 1;
    }

    /// Gives the request its number.
    pub(crate) fn begin(&mut self, seen: impl FnOnce(u64) -> Seen) -> u64 {
        let number = self.next;
        self.next += 1;
        if self.seen.len() == KEPT {
            self.seen.remove(0);
        }
        let seen = seen(number);
        let load = self.loads.entry(Arc::clone(&seen.model)).or_default();
        load.now += 1;
        load.most = load.most.max(load.now);
        self.seen.push(seen);
        number
    }

    /// The request itself may have been forgotten by now.
    pub(crate) fn end(&mut self, number: u64, model: &str, how: Ending) {
        if let Some(load) = self.loads.get_mut(model) {
            load.now -= 1;
        }
        if let Ok(at) = self.seen.binary_search_by_key(&number, |seen| seen.number) {
            self.seen[at].ended = Some((Instant::now(), how));
        }
    }

    /// Requests are forgotten; what is under way and open is not.
    pub(crate) fn forget(&mut self) {
        self.seen.clear();
        self.opened = self.open;
        self.most_open = self.open;
        self.tls_hellos = 0;
        self.loads.retain(|_, load| load.now > 0);
        for load in self.loads.values_mut() {
            load.most = load.now;
        }
    }
}
