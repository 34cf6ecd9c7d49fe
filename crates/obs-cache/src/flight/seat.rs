//! Membership in a flight.
use std::{
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use obs_core::{Alarm, Deadline, Elapsed, Error, ErrorKind, Replay};
use tokio::time::Instant;

use super::{lock::lock, passenger::Passenger, shared::Flight, state::Phase};
use crate::ledger::Ended;

/// Most chunks that are taken for a reader who stops at the finish reason: usage comes soon after it, or not at all.
const DRAINED: usize = 32;

/// Membership in a flight; dropping it leaves.
pub(super) struct Seat<T: Replay> {
    pub(super) flight: Arc<Flight<T>>,
    pub(super) id: u64,
    /// Whether the member wants a stream.
    pub(super) streams: bool,
    deadline: Deadline,
    /// For the caller's own deadline: the flight's may be later.
    alarm: Option<(Pin<Box<Alarm>>, Instant)>,
    over: bool,
    left: bool,
}

impl<T: Replay> Seat<T> {
    /// `None`: the flight takes nobody any more, and the passenger stays.
    pub(super) fn take(flight: Arc<Flight<T>>, passenger: &mut Option<Passenger>) -> Option<Self> {
        let waiting = passenger.as_ref()?;
        let (deadline, streams) = (waiting.context.deadline.clone(), waiting.streams);
        let id = flight.join(passenger)?;
        let alarm = |end| (Box::pin(Alarm::new(Some(end))), Instant::now());
        Some(Self {
            flight,
            id,
            streams,
            alarm: deadline.end().map(alarm),
            deadline,
            over: false,
            left: false,
        })
    }

    /// Until there is an answer, or its beginning. `Err`: the caller's time is up.
    pub(super) fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        // Before the phase is looked at: whoever changes it rings afterwards.
        self.flight.bell.register(self.id, cx.waker());
        match self.flight.poll_call(self.id) {
            Poll::Ready(()) => Poll::Ready(Ok(())),
            Poll::Pending => self.poll_late(cx).map(Err),
        }
    }

    pub(super) fn poll_chunk(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<T::Chunk, Error>>> {
        while !self.over {
            let flight = &*self.flight;
            let mut guard = lock(&flight.state);
            let state = &mut *guard;
            let me = state.members.get_mut(&self.id).expect("a seat is a member");
            if me.cursor < state.base {
                drop(guard);
                self.over = true;
                // Who was cut off neither pays nor saves.
                self.leave(Ended::Failed);
                let slow = "read too slowly for a shared stream";
                return Poll::Ready(Some(Err(Error::new(ErrorKind::CutOff, slow))));
            }
            if let Some(chunk) = state.buffer.get(me.cursor - state.base) {
                let chunk = chunk.clone();
                me.cursor += 1;
                state.trim(flight.capacity);
                return Poll::Ready(Some(Ok(chunk)));
            }
            if let Phase::Landed { end, .. } = &state.phase {
                self.over = true;
                return Poll::Ready(end.as_ref().err().map(|error| Err(error.clone())));
            }
            flight.bell.register(self.id, cx.waker());
            drop(guard);
            let mut shared = Context::from_waker(&flight.waker);
            if flight.poll_stream(self.id, &mut shared).is_pending() {
                return self.poll_late(cx).map(|error| Some(Err(error)));
            }
        }
        Poll::Ready(None)
    }

    fn poll_late(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        let Some((alarm, start)) = &mut self.alarm else {
            return Poll::Pending;
        };
        let deadline = &self.deadline;
        ready!(alarm.as_mut().poll(cx, || deadline.end()));
        let error = Elapsed::of_deadline(*start);
        // Whoever holds the seat drops it at once: who was cut does not pay for an answer that it never got.
        self.over = true;
        Poll::Ready(error)
    }

    /// For the last reader, who leaves after the finish reason: usage that is ready is not left behind.
    fn drain(&self) {
        // The bell: it wakes nobody, but for one who joins meanwhile.
        let mut cx = Context::from_waker(&self.flight.waker);
        for _ in 0..DRAINED {
            let state = lock(&self.flight.state);
            let streaming = matches!(state.phase, Phase::Streaming(_));
            let last = state.finish.is_some() && streaming && state.members.len() == 1;
            drop(state);
            if !last || self.flight.poll_stream(self.id, &mut cx).is_pending() {
                return;
            }
        }
    }

    /// Gives the seat up; `how` counts, if nothing was counted before.
    fn leave(&mut self, how: Ended) {
        if mem::replace(&mut self.left, true) {
            return;
        }
        let flight = &*self.flight;
        flight.bell.forget(self.id);
        if !std::thread::panicking() {
            // A destructor does not panic; the flight has landed then.
            let _ = catch_unwind(AssertUnwindSafe(|| self.drain()));
        }
        let mut state = lock(&flight.state);
        if state.members.len() == 1 && !state.has_landed() {
            // Nobody joins what is about to be dropped.
            state.open = false;
            let streaming = matches!(state.phase, Phase::Streaming(_));
            let upstream = mem::replace(&mut state.phase, Phase::Polled { streaming });
            let bytes = match state.finish {
                // Many readers never ask for the end: this answer is as complete as one that was read to it.
                Some(_) => catch_unwind(AssertUnwindSafe(|| state.recorded())).unwrap_or(None),
                None => None,
            };
            let is_cut = state.finish.is_none();
            if is_cut && let Some(member) = state.members.get_mut(&self.id) {
                member.passenger.tally.end(how);
            }
            drop(state);
            drop(upstream); // ends its attempts, so that the report has them
            let left = || Err(Error::new(ErrorKind::CutOff, "all callers have left"));
            flight.land(streaming, if is_cut { left() } else { Ok(bytes) });
            state = lock(&flight.state);
        }
        let finish = state.finish;
        let member = state.members.remove(&self.id);
        drop(state);
        if let Some(mut member) = member {
            // Who has read to the finish has had all of the answer, and another pays.
            let is_served = finish.is_some_and(|(_, chunks)| chunks > 0 && member.cursor >= chunks);
            let how = if is_served { Ended::Coalesced } else { how };
            member.passenger.tally.end(how);
        }
    }
}

impl<T: Replay> Drop for Seat<T> {
    fn drop(&mut self) {
        self.leave(Ended::Left);
    }
}
