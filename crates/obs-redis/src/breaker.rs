//! Whether the server is asked at all.
use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU8, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{sync::watch, time::Instant};

/// Pause before the first look at a server that failed.
const SHORTEST: Duration = Duration::from_millis(50);
/// Longest pause between two looks.
const LONGEST: Duration = Duration::from_secs(2);
/// Who opens again sooner than this after closing goes on with longer pauses, so that a server that comes and goes
/// does not make the breaker flap.
const CALM: Duration = Duration::from_secs(10);
/// So many timeouts within [`WINDOW`] open the breaker although others were answered meanwhile.
const STRIKES: u32 = 10;
const WINDOW: Duration = Duration::from_secs(1);

/// What the breaker lets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Not connected yet, and no attempt has failed so far. Commands are refused.
    Connecting,
    /// The server answers, and is asked.
    Closed,
    /// The server does not answer. Commands are refused at once.
    Open,
    /// A probe is on its way. Commands are refused until it is answered.
    HalfOpen,
}

/// Closed, open or half open, and when to look at the server again. It knows no connection: it is told.
pub(crate) struct Breaker {
    server: String,
    epoch: Instant,
    /// The state, for the many who only read it.
    phase: AtomicU8,
    told: Arc<Told>,
    /// Microseconds after `epoch` from which on an open breaker wants a look at the server.
    look_at: AtomicU64,
    /// Number of commands that were answered.
    answered: AtomicU64,
    /// How often it has closed.
    closed: AtomicU64,
    trouble: Mutex<Trouble>,
}

/// What all breakers of one connection tell together.
#[derive(Debug, Default)]
pub(crate) struct Told {
    opened: AtomicU64,
    changes: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct Trouble {
    pause: Duration,
    opened_at: Option<Instant>,
    closed_at: Option<Instant>,
    /// It is connected, but does not serve: only an answer closes.
    refuses: bool,
    strikes: u32,
    struck_at: Option<Instant>,
}

/// What becomes of a command.
#[derive(Debug)]
pub(crate) enum Admission {
    Ask(Ticket),
    /// Refused, unless a look at the server says otherwise.
    Look,
    Refuse,
}

/// Remembers how many commands had been answered when one was sent, and how often the breaker had closed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ticket {
    answered: u64,
    closed: u64,
}

impl Breaker {
    pub(crate) fn new(server: String, told: Arc<Told>) -> Self {
        Self {
            server,
            epoch: Instant::now(),
            phase: AtomicU8::new(State::Connecting as u8),
            told,
            look_at: AtomicU64::new(0),
            answered: AtomicU64::new(0),
            closed: AtomicU64::new(0),
            trouble: Mutex::default(),
        }
    }

    pub(crate) fn state(&self) -> State {
        State::of(self.phase.load(Relaxed))
    }

    pub(crate) fn told(&self) -> &Arc<Told> {
        &self.told
    }

    fn ticket(&self) -> Ticket {
        Ticket {
            answered: self.answered.load(Relaxed),
            closed: self.closed.load(Relaxed),
        }
    }

    pub(crate) fn admit(&self) -> Admission {
        match self.state() {
            State::Closed => Admission::Ask(self.ticket()),
            _ if self.micros(Instant::now()) >= self.look_at.load(Relaxed) => Admission::Look,
            _ => Admission::Refuse,
        }
    }

    /// A command was answered, be it with an error: the server is alive.
    pub(crate) fn answered(&self) {
        self.answered.fetch_add(1, Relaxed);
    }

    /// A command was not answered in time. A server that answered others meanwhile is not dead, and is given some
    /// more chances: one slow value must not shut out all.
    pub(crate) fn timed_out(&self, ticket: Ticket, limit: Duration) {
        let now = self.ticket();
        if now.closed != ticket.closed {
            // It was sent before the breaker opened, and says nothing of the server as it is since.
            return;
        }
        if now.answered == ticket.answered || self.strike() {
            self.trip(&format!("no answer within {limit:?}"));
        }
    }

    /// The server cannot be reached. Tells the log once, until it closes again.
    pub(crate) fn trip(&self, cause: &str) {
        self.open(cause, false);
    }

    /// The server is there, and serves nobody at the moment.
    pub(crate) fn refused(&self, cause: &str) {
        self.open(cause, true);
    }

    fn open(&self, cause: &str, refuses: bool) {
        let mut trouble = self.trouble();
        if !matches!(self.state(), State::Closed | State::Connecting) {
            return;
        }
        let now = Instant::now();
        let calm = trouble.closed_at.is_none_or(|at| now - at > CALM);
        trouble.pause = match calm {
            true => SHORTEST,
            false => (trouble.pause * 2).clamp(SHORTEST, LONGEST),
        };
        trouble.opened_at = Some(now);
        trouble.strikes = 0;
        trouble.refuses = refuses;
        self.look_after(trouble.pause);
        self.told.opened.fetch_add(1, Relaxed);
        self.set(State::Open);
        drop(trouble);
        tracing::warn!(server = %self.server, cause, "redis is unavailable: going on without it until it answers");
    }

    /// There is a connection again. A server that refused is not believed before it has answered.
    pub(crate) fn connected(&self) {
        if !self.trouble().refuses {
            self.close();
        }
    }

    /// The server has answered: commands are let through.
    pub(crate) fn close(&self) {
        let mut trouble = self.trouble();
        if self.state() == State::Closed {
            return;
        }
        trouble.refuses = false;
        self.closed.fetch_add(1, Relaxed);
        let now = Instant::now();
        trouble.closed_at = Some(now);
        let away = trouble.opened_at.take().map(|at| now - at);
        self.set(State::Closed);
        drop(trouble);
        match away {
            Some(away) => tracing::info!(server = %self.server, ?away, "redis answers again"),
            None => tracing::info!(server = %self.server, "redis is connected"),
        }
    }

    /// A probe goes out. `false`: it is not wanted any more.
    pub(crate) fn probe(&self) -> bool {
        let _trouble = self.trouble();
        match self.state() {
            State::Closed => return false,
            State::HalfOpen => {}
            State::Open | State::Connecting => self.set(State::HalfOpen),
        }
        true
    }

    /// The probe was not answered: the next one waits longer.
    pub(crate) fn probe_failed(&self) {
        let mut trouble = self.trouble();
        if self.state() == State::HalfOpen {
            trouble.pause = (trouble.pause * 2).clamp(SHORTEST, LONGEST);
            self.look_after(trouble.pause);
            self.set(State::Open);
        }
    }

    /// Nobody need look before that.
    pub(crate) fn look_after(&self, pause: Duration) {
        self.look_at
            .store(self.micros(Instant::now() + pause), Relaxed);
    }

    /// Counts a timeout; `true`: there were too many of late.
    fn strike(&self) -> bool {
        let mut trouble = self.trouble();
        let now = Instant::now();
        if trouble.struck_at.is_none_or(|at| now - at > WINDOW) {
            trouble.struck_at = Some(now);
            trouble.strikes = 0;
        }
        trouble.strikes += 1;
        trouble.strikes >= STRIKES
    }

    /// Under the lock of `trouble`, so that changes come one after the other.
    fn set(&self, state: State) {
        tracing::debug!(server = %self.server, ?state, "redis breaker");
        self.phase.store(state as u8, Relaxed);
        self.told.changes.send_replace(());
    }

    fn micros(&self, at: Instant) -> u64 {
        u64::try_from((at - self.epoch).as_micros()).unwrap_or(u64::MAX)
    }

    fn trouble(&self) -> MutexGuard<'_, Trouble> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Told {
    /// How often one of them has opened.
    pub(crate) fn opened(&self) -> u64 {
        self.opened.load(Relaxed)
    }

    /// Is told of each change of state.
    pub(crate) fn watch(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }
}

impl fmt::Debug for Breaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Breaker")
            .field("server", &self.server)
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}

impl State {
    /// A short name, for logs and labels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        }
    }

    const fn of(phase: u8) -> Self {
        match phase {
            0 => Self::Connecting,
            1 => Self::Closed,
            2 => Self::Open,
            _ => Self::HalfOpen,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_millis(20);

    fn closed() -> Breaker {
        let breaker = Breaker::new("redis://test".into(), Arc::default());
        breaker.close();
        breaker
    }

    fn ticket(breaker: &Breaker) -> Ticket {
        match breaker.admit() {
            Admission::Ask(ticket) => ticket,
            other => panic!("not admitted: {other:?}"),
        }
    }

    /// How long it takes until somebody may look.
    async fn pause(breaker: &Breaker) -> Duration {
        let start = Instant::now();
        while !matches!(breaker.admit(), Admission::Look) {
            tokio::time::advance(Duration::from_millis(1)).await;
        }
        start.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn a_timeout_with_no_answer_meanwhile_opens() {
        let breaker = closed();
        breaker.timed_out(ticket(&breaker), LIMIT);
        assert_eq!((breaker.state(), breaker.told.opened()), (State::Open, 1));
        assert!(matches!(breaker.admit(), Admission::Refuse));
    }

    #[tokio::test(start_paused = true)]
    async fn a_timeout_of_what_was_sent_before_it_opened_does_not_open_it_again() {
        let breaker = closed();
        let (first, slow) = (ticket(&breaker), ticket(&breaker));
        breaker.timed_out(first, LIMIT);
        breaker.close();
        for _ in 0..=STRIKES {
            breaker.timed_out(slow, 10 * LIMIT);
        }
        assert_eq!(breaker.state(), State::Closed);
        breaker.timed_out(ticket(&breaker), LIMIT);
        assert_eq!(breaker.state(), State::Open);
    }

    #[tokio::test(start_paused = true)]
    async fn one_slow_command_among_others_does_not_open_and_many_do() {
        let breaker = closed();
        for strike in 1..=STRIKES {
            let ticket = ticket(&breaker);
            breaker.answered();
            assert_eq!(breaker.state(), State::Closed, "{strike}");
            breaker.timed_out(ticket, LIMIT);
        }
        assert_eq!(breaker.state(), State::Open);
    }

    #[tokio::test(start_paused = true)]
    async fn old_strikes_are_forgiven() {
        let breaker = closed();
        for _ in 0..3 * STRIKES {
            let ticket = ticket(&breaker);
            breaker.answered();
            breaker.timed_out(ticket, LIMIT);
            tokio::time::advance(WINDOW / 5).await;
        }
        assert_eq!(breaker.state(), State::Closed);
    }

    #[tokio::test(start_paused = true)]
    async fn each_failed_probe_doubles_the_pause_up_to_a_limit() {
        let breaker = closed();
        breaker.trip("test");
        let mut pauses = vec![];
        for _ in 0..8 {
            pauses.push(pause(&breaker).await.as_millis());
            assert!(breaker.probe());
            assert_eq!(breaker.state(), State::HalfOpen);
            breaker.probe_failed();
        }
        assert_eq!(pauses, [50, 100, 200, 400, 800, 1600, 2000, 2000]);
    }

    #[tokio::test(start_paused = true)]
    async fn who_opens_again_soon_pauses_longer_and_who_was_calm_does_not() {
        let breaker = closed();
        tokio::time::advance(2 * CALM).await;
        let mut pauses = vec![];
        for calm in [Duration::ZERO, CALM / 2, CALM / 2, 2 * CALM] {
            tokio::time::advance(calm).await;
            breaker.trip("test");
            pauses.push(pause(&breaker).await.as_millis());
            breaker.close();
        }
        assert_eq!(pauses, [50, 100, 200, 50]);
        assert_eq!(breaker.told.opened(), 4);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_does_not_close_what_a_refusal_has_opened() {
        let breaker = closed();
        breaker.refused("test");
        breaker.connected();
        assert_eq!(breaker.state(), State::Open);
        breaker.close();
        breaker.trip("test");
        breaker.connected();
        assert_eq!(breaker.state(), State::Closed);
    }

    #[tokio::test(start_paused = true)]
    async fn an_open_breaker_does_not_open_again() {
        let breaker = closed();
        breaker.trip("first");
        breaker.trip("second");
        assert!(breaker.probe());
        breaker.trip("third");
        assert_eq!(
            (breaker.state(), breaker.told.opened()),
            (State::HalfOpen, 1)
        );
    }
}
