//! What all connections of a server share.
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use http::Request;
use tokio::{sync::watch, time::Instant};

use crate::{
    ask::Ask,
    control,
    log::{Ending, Log, Seen},
    pace::Pace,
    reply::Reply,
    script::{Script, UnknownFault},
    tempo::Tempo,
    tls::TlsFault,
    visit::Visit,
};

/// Names a fault, over all that the model's name says.
pub(crate) const HEADER: &str = "x-fault";

/// What begins the name of a model that names a fault.
pub(crate) const PREFIX: &str = "fault/";

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) tempo: Tempo,
    pub(crate) pace: Pace,
    pub(crate) tls: TlsFault,
    pub(crate) log: watch::Sender<Log>,
    memory: Mutex<Memory>,
}

#[derive(Debug, Default)]
struct Memory {
    scripts: HashMap<String, Script>,
    /// Of a model and a script.
    tallies: HashMap<(String, String), Tally>,
}

#[derive(Debug)]
struct Tally {
    requests: usize,
    first: Instant,
}

/// A connection, as long as it is open.
#[derive(Debug)]
pub(crate) struct Peer {
    shared: Arc<Shared>,
    number: usize,
    requests: usize,
}

/// A request that is under way.
#[derive(Debug)]
#[must_use]
pub(crate) struct Seat {
    shared: Arc<Shared>,
    /// Its number and model, none for the server's own pages.
    seen: Option<(u64, Arc<str>)>,
}

impl Shared {
    pub(crate) fn new(tempo: Tempo, pace: Pace, tls: TlsFault) -> Self {
        Self {
            tempo,
            pace,
            tls,
            log: watch::Sender::new(Log::new()),
            memory: Mutex::default(),
        }
    }

    pub(crate) fn script(&self, model: &str, script: Script) {
        let mut memory = self.memory();
        memory.tallies.retain(|(of, _), _| of != model);
        memory.scripts.insert(model.into(), script);
    }

    pub(crate) fn reset(&self) {
        self.memory().tallies.clear();
        self.log.send_modify(Log::forget);
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        // Nothing is left half done here by a panic.
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memory {
    /// The header is stronger than a script that was set, and this is stronger than the model's name.
    fn choose(
        &self,
        request: &Request<Bytes>,
        model: &str,
    ) -> Result<Option<Script>, UnknownFault> {
        if let Some(name) = request.headers().get(HEADER) {
            return String::from_utf8_lossy(name.as_bytes()).parse().map(Some);
        }
        if let Some(script) = self.scripts.get(model) {
            return Ok(Some(script.clone()));
        }
        model.strip_prefix(PREFIX).map(str::parse).transpose()
    }

    /// How many came before, and when the first of them came.
    fn count(&mut self, model: &str, script: &str, now: Instant) -> (usize, Instant) {
        let key = (model.to_owned(), script.to_owned());
        let tally = self.tallies.entry(key).or_insert(Tally {
            requests: 0,
            first: now,
        });
        let before = tally.requests;
        tally.requests += 1;
        (before, tally.first)
    }
}

impl Peer {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let mut number = 0;
        shared.log.send_modify(|log| number = log.connected());
        Self {
            shared,
            number,
            requests: 0,
        }
    }

    /// What to do with a request.
    pub(crate) fn receive(&mut self, request: Request<Bytes>) -> (Seat, Reply) {
        let shared = &self.shared;
        let version = request.version();
        let on_connection = self.requests;
        self.requests += 1;
        if let Some(reply) = control::reply(shared, &request) {
            let seat = Seat {
                shared: Arc::clone(shared),
                seen: None,
            };
            return (seat, reply);
        }
        let ask = Ask::read(&request);
        let at = Instant::now();
        let (script, (number, first)) = {
            let mut memory = shared.memory();
            let script = memory.choose(&request, &ask.model);
            let label = script
                .as_ref()
                .ok()
                .and_then(Option::as_ref)
                .map_or("", Script::label);
            (script.clone(), memory.count(&ask.model, label, at))
        };
        let visit = Visit {
            request: &request,
            ask: &ask,
            number,
            elapsed: shared.tempo.nominal(at.duration_since(first)),
            on_connection,
            pace: shared.pace,
            passes: false,
        };
        let reply = match &script {
            Ok(Some(script)) => script.play(&visit),
            Ok(None) => Reply::healthy(&visit),
            Err(unknown) => {
                let kind = "fault_server_error";
                Reply::error(404, kind, Some("unknown_fault"), &unknown.to_string())
            }
        };
        let label = script.ok().flatten().map(|script| script.label().into());
        let model: Arc<str> = ask.model.into();
        let mut number = 0;
        shared.log.send_modify(|log| {
            number = log.begin(|number| Seen {
                number,
                model: Arc::clone(&model),
                script: label,
                request: request.into(),
                at,
                connection: self.number,
                ended: None,
            });
        });
        let seat = Seat {
            shared: Arc::clone(shared),
            seen: Some((number, model)),
        };
        (seat, reply.fit(version))
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.shared.log.send_modify(Log::disconnected);
    }
}

impl Seat {
    pub(crate) fn end(self, how: Ending) {
        if let Some((number, model)) = &self.seen {
            self.shared
                .log
                .send_modify(|log| log.end(*number, model, how));
        }
    }
}
