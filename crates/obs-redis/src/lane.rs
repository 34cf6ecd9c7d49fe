//! One connection of several.
use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use fred::{
    clients::Client,
    interfaces::{ClientLike, EventInterface},
    types::ConnectHandle,
};
use tokio::{task::AbortHandle, time::Instant};

use crate::{Fault, breaker::Breaker, fault::describe};

/// A connection of its own, and whether it works.
#[derive(Debug)]
pub(crate) struct Lane {
    running: RwLock<Running>,
    breaker: Arc<Breaker>,
    all: Arc<Lanes>,
    up: Arc<AtomicBool>,
    /// Whether commands are without an answer, and how many since when.
    is_struck: AtomicBool,
    strikes: Mutex<Option<(Instant, u32)>>,
    waiting: AtomicUsize,
}

/// A client, and what it runs in the background.
///
/// The client makes its connection anew by itself, but says that it is connected until it has begun to do so; in
/// between, commands would wait. So its events are listened to.
#[derive(Debug)]
struct Running {
    client: Client,
    task: ConnectHandle,
    listeners: [AbortHandle; 2],
}

/// After so many commands in a row without an answer, in this time at least, a connection is given up.
const STRIKES: u32 = 3;
const SILENCE: Duration = Duration::from_secs(1);

/// A command that waits.
#[derive(Debug)]
pub(crate) struct Place<'a>(&'a AtomicUsize);

impl Lane {
    /// Begins to connect.
    pub(crate) fn open(client: Client, breaker: &Arc<Breaker>, all: &Arc<Lanes>) -> Self {
        let up = all.add();
        Self {
            running: RwLock::new(Running::begin(client, breaker, all, &up)),
            breaker: breaker.clone(),
            all: all.clone(),
            up,
            is_struck: AtomicBool::new(false),
            strikes: Mutex::default(),
            waiting: AtomicUsize::new(0),
        }
    }

    pub(crate) fn client(&self) -> Client {
        let running = self.running.read();
        running
            .unwrap_or_else(PoisonError::into_inner)
            .client
            .clone()
    }

    /// A place among the commands that wait for an answer; `None`: there is none free. The client's own bound is not
    /// used: once it was reached, what is sent later stays in its buffer.
    pub(crate) fn place(&self, limit: usize) -> Option<Place<'_>> {
        let place = Place(&self.waiting);
        (self.waiting.fetch_add(1, Relaxed) < limit).then_some(place)
    }

    pub(crate) fn answered(&self) {
        if self.is_struck.load(Relaxed) {
            self.is_struck.store(false, Relaxed);
            *self.strikes() = None;
        }
    }

    /// A command got no answer. A client that waits for room to write into a connection that hangs does nothing else, for
    /// as long as the system keeps that connection; so it is begun anew, which also ends what is in its queue.
    pub(crate) fn timed_out(&self) {
        let now = Instant::now();
        let mut strikes = self.strikes();
        let (since, count) = strikes.get_or_insert((now, 0));
        *count += 1;
        self.is_struck.store(true, Relaxed);
        if *count >= STRIKES && now - *since >= SILENCE {
            *strikes = None;
            drop(strikes);
            self.begin_anew(|_| true);
        }
    }

    fn strikes(&self) -> MutexGuard<'_, Option<(Instant, u32)>> {
        self.strikes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn is_up(&self) -> bool {
        self.up.load(Relaxed)
    }

    /// A client gives up for good after some errors (an answer that nobody waits for). Another takes its place.
    pub(crate) fn revive(&self) {
        self.begin_anew(|running| running.task.is_finished());
    }

    /// Another client, and not the same: what the old one remembers of its queue may be wrong.
    fn begin_anew(&self, is_due: impl FnOnce(&Running) -> bool) {
        let running = self.running.write();
        let mut running = running.unwrap_or_else(PoisonError::into_inner);
        if is_due(&running) {
            let client = running.client.clone_new();
            self.up.store(false, Relaxed);
            *running = Running::begin(client, &self.breaker, &self.all, &self.up);
        }
    }
}

impl Running {
    fn begin(
        client: Client,
        breaker: &Arc<Breaker>,
        all: &Arc<Lanes>,
        up: &Arc<AtomicBool>,
    ) -> Self {
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
            task: client.connect(),
            client,
        }
    }
}

/// Ends what the client runs in the background, and with it the connection.
impl Drop for Running {
    fn drop(&mut self) {
        self.listeners.iter().for_each(AbortHandle::abort);
        self.task.abort();
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
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
    use tokio::task::{Id, yield_now};

    use super::*;

    fn lane() -> Lane {
        let nowhere = Config::from_url("redis://127.0.0.1:1").expect("a url");
        let client = Builder::from_config(nowhere).build().expect("settings");
        let breaker = Arc::new(Breaker::new("nowhere".into(), Arc::default()));
        Lane::open(client, &breaker, &Arc::default())
    }

    fn task(lane: &Lane) -> Id {
        lane.running.read().expect("no panic").task.id()
    }

    #[tokio::test]
    async fn a_client_that_has_given_up_is_replaced_and_one_that_has_not_is_not() {
        let lane = lane();
        let first = task(&lane);
        lane.revive();
        assert_eq!(task(&lane), first);
        let is_finished = || lane.running.read().expect("no panic").task.is_finished();
        lane.running.read().expect("no panic").task.abort();
        while !is_finished() {
            yield_now().await;
        }
        lane.revive();
        assert!(!is_finished());
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_answers_nothing_for_a_while_is_replaced_and_others_are_not() {
        let lane = lane();
        let first = task(&lane);
        // Many at once, then some that are answered among others that are not.
        (0..9).for_each(|_| lane.timed_out());
        for _ in 0..9 {
            lane.answered();
            lane.timed_out();
            tokio::time::advance(SILENCE * 2 / 3).await;
            lane.timed_out();
        }
        lane.answered();
        for _ in 1..STRIKES {
            lane.timed_out();
        }
        tokio::time::advance(SILENCE).await;
        assert_eq!(task(&lane), first);
        lane.timed_out();
        assert_ne!(task(&lane), first);
    }

    #[tokio::test]
    async fn places_are_bounded_and_given_back() {
        let lane = lane();
        let (first, second) = (lane.place(2), lane.place(2));
        assert!(first.is_some() && second.is_some());
        for _ in 0..3 {
            assert!(lane.place(2).is_none());
        }
        drop(first);
        assert!(lane.place(2).is_some());
    }
}
