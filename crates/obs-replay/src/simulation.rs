//! The engine.
use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures_util::{StreamExt, stream::FuturesUnordered};
use obs_core::{Attempt, AttemptListener, Call, Error, Paid, Report};
use obs_router::{Judge, Policy};
use tokio::{
    runtime::Builder,
    time::{Instant, sleep_until},
};
use tower::ServiceExt;

use crate::{Answer, Arrival, Ask, Layers, Stack};

/// Replays calls through real layers, in virtual time.
///
/// Open-loop: calls come when they came, whether those before have ended or not. One thread, and a clock that stands still while
/// anything can be done and jumps to the next moment at which something happens: the same calls and layers give the same figures,
/// and an hour of traffic takes seconds. Time has milliseconds. What the layers themselves cost is not in it: a hit takes no time.
#[derive(Debug)]
pub struct Simulation {
    stack: Stack,
    time: crate::VirtualTime,
}

/// One call that has ended.
#[derive(Debug)]
#[non_exhaustive]
pub struct Ended<'a> {
    /// What was asked, and when.
    pub arrival: &'a Arrival,
    /// How long its caller waited, to the last token.
    pub took: Duration,
    /// How long for the first token of a stream.
    pub first_token: Option<Duration>,
    /// What its caller got.
    pub result: Result<&'a Answer, &'a Error>,
    /// What the layers did.
    pub report: &'a Report,
    /// Whether a judge looked at an answer.
    pub judged: bool,
}

/// All attempts of a replay: those of calls, of shared calls that everybody had left, and of refreshes.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Seen {
    /// How many have ended.
    pub attempts: u64,
    /// What they cost.
    pub paid: Paid,
}

impl Simulation {
    /// Through these layers.
    #[must_use]
    pub fn new<P, J>(layers: &Layers<P, J>) -> Self
    where
        P: Policy<Ask> + Send + Sync + 'static,
        J: Judge<Ask, Answer> + Send + Sync + 'static,
        J::Future: Send,
    {
        Self {
            stack: layers.stack(),
            time: layers.time.clone(),
        }
    }

    /// Replays all arrivals; `sink` hears of each call when it has ended. Nothing is kept of calls but of those under way. What it
    /// gives back is of all attempts, those included that no call paid for.
    ///
    /// # Errors
    /// The first error of the arrivals, at which the replay stops, and none else but that of a thread without a runtime.
    pub fn run<E>(
        self,
        arrivals: impl IntoIterator<Item = Result<Arrival, E>>,
        mut sink: impl FnMut(Ended<'_>),
    ) -> Result<Seen, E>
    where
        E: From<io::Error>,
    {
        let runtime = Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()?;
        runtime.block_on(self.drive(arrivals.into_iter(), &mut sink))
    }

    async fn drive<E>(
        self,
        mut arrivals: impl Iterator<Item = Result<Arrival, E>>,
        sink: &mut impl FnMut(Ended<'_>),
    ) -> Result<Seen, E> {
        let seen = Arc::new(Listening::default());
        let listener: Arc<dyn AttemptListener> = seen.clone();
        let start = self.time.begin();
        let mut flying = FuturesUnordered::new();
        let mut next = arrivals.next().transpose()?;
        loop {
            let Some(arrival) = next.take() else {
                // The last calls.
                while let Some(call) = flying.next().await {
                    sink(Done::told(&call));
                }
                return Ok(seen.told());
            };
            let at = start + Duration::from_millis(millis(arrival.at));
            while at > Instant::now() {
                tokio::select! {
                    biased;
                    Some(call) = flying.next(), if !flying.is_empty() => sink(Done::told(&call)),
                    () = sleep_until(at) => {}
                }
            }
            flying.push(one(self.stack.clone(), arrival, &listener));
            next = arrivals.next().transpose()?;
        }
    }
}

/// A call that has ended, and all that is kept of it until it is told.
struct Done {
    arrival: Arrival,
    took: Duration,
    first_token: Option<Duration>,
    result: Result<Answer, Error>,
    report: Report,
    judged: bool,
}

impl Done {
    fn told(&self) -> Ended<'_> {
        Ended {
            arrival: &self.arrival,
            took: self.took,
            first_token: self.first_token,
            result: self.result.as_ref(),
            report: &self.report,
            judged: self.judged,
        }
    }
}

/// Adds attempts up, whoever pays for them.
#[derive(Debug, Default)]
struct Listening(Mutex<Seen>);

impl Listening {
    fn told(&self) -> Seen {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AttemptListener for Listening {
    fn ended(&self, attempt: &Attempt) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.attempts += 1;
        seen.paid = seen.paid.merge(Paid::from(attempt.cost));
    }
}

/// Listens before anything is polled: the listener is not borrowed by the call.
fn one(
    stack: Stack,
    arrival: Arrival,
    listener: &Arc<dyn AttemptListener>,
) -> impl Future<Output = Done> + use<> {
    let ask = Ask::new(arrival.question.clone());
    let mut call = Call::new(ask.clone());
    call.context.tenant = arrival.question.tenant.clone();
    call.context.session = arrival.question.session.clone();
    call.context.namespace = arrival.question.namespace.clone();
    let journal = call.journal();
    journal.listen(listener);
    async move {
        let start = Instant::now();
        let mut first_token = None;
        let result = match stack.oneshot(call).await {
            Ok(answer) => read(answer, start, &mut first_token).await,
            Err(error) => Err(error),
        };
        Done {
            arrival,
            took: Instant::now() - start,
            first_token,
            result,
            report: journal.with(std::mem::take),
            judged: ask.is_judged(),
        }
    }
}

/// To its end.
async fn read(
    mut answer: Answer,
    start: Instant,
    first_token: &mut Option<Duration>,
) -> Result<Answer, Error> {
    let Some(mut pieces) = answer.take_stream() else {
        return Ok(answer);
    };
    let mut told = None;
    while let Some(piece) = pieces.next().await {
        let piece = piece?;
        first_token.get_or_insert_with(|| Instant::now() - start);
        told = piece.into_told().or(told);
    }
    // A stream that another call reads along tells with its end what is known of it.
    Ok(told.map_or(answer, Answer::whole))
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
