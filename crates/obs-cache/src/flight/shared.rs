//! The call that several share, and how it is polled.
use std::{
    mem,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker, ready},
};

use bytes::Bytes;
use futures_core::Stream;
use obs_core::{CacheNote, CacheStatus, CallContext, ChunkStream, Key, Replay};

use super::{
    bell::Bell,
    flights::Flights,
    ground::Ground,
    lock::lock,
    passenger::Passenger,
    plan::{Giver, Plan},
    state::{Member, Phase, State},
};
use crate::stored::Stored;

pub(super) struct Flight<T: Replay> {
    pub(super) state: Mutex<State<T>>,
    pub(super) bell: Arc<Bell>,
    /// The bell, as the waker that the upstream call gets.
    pub(super) waker: Waker,
    pub(super) context: CallContext,
    pub(super) capacity: usize,
    given: Option<Giver>,
    ground: Ground,
    flights: Flights,
    key: Key,
}

impl<T: Replay> Flight<T> {
    pub(super) fn new(plan: Plan<T>, flights: Flights, key: Key) -> Self {
        let bell = Arc::new(Bell::default());
        Self {
            state: Mutex::new(State::new(plan.call, plan.keep)),
            waker: Waker::from(bell.clone()),
            bell,
            context: plan.context,
            capacity: plan.capacity,
            given: plan.given,
            ground: Ground::here(),
            flights,
            key,
        }
    }

    /// What is known of the answer, if another process asked for it.
    pub(super) fn given(&self) -> Option<Stored> {
        self.given.as_ref().and_then(|given| given())
    }

    /// Whether others may join.
    pub(super) fn is_open(&self) -> bool {
        lock(&self.state).open
    }

    /// `None`: it takes nobody any more.
    pub(super) fn join(&self, passenger: &mut Option<Passenger>) -> Option<u64> {
        let mut state = lock(&self.state);
        if !state.open {
            return None;
        }
        let passenger = passenger.take()?;
        let id = state.joined;
        state.joined += 1;
        let status = match id {
            0 => passenger.status,
            _ => CacheStatus::Coalesced,
        };
        let note = CacheNote::new(status);
        let context = &passenger.context;
        context.journal.with(|report| report.cache = Some(note));
        self.context.deadline.extend(&context.deadline);
        let mut member = Member::new(passenger);
        if id > 0 {
            member.inform(&self.context.journal.read());
        }
        state.members.insert(id, member);
        Some(id)
    }

    /// Polls the call once, for all.
    pub(super) fn poll_call(&self, by: u64) -> Poll<()> {
        let mut state = lock(&self.state);
        let phase = mem::replace(&mut state.phase, Phase::Polled { streaming: false });
        let mut call = match phase {
            Phase::Calling(call) => call,
            other => {
                let wait = matches!(other, Phase::Polled { streaming: false });
                state.phase = other;
                return if wait { Poll::Pending } else { Poll::Ready(()) };
            }
        };
        drop(state);
        let rung = self.bell.rung();
        let mut cx = Context::from_waker(&self.waker);
        let polled = self.run(by, || {
            Poll::Ready(ready!(call.as_mut().poll(&mut cx)).map(|mut answer| {
                let chunks = answer.stream_mut().map(mem::take);
                let bytes = if chunks.is_none() {
                    answer.encode()
                } else {
                    None
                };
                (answer, chunks, bytes)
            }))
        });
        if let Ok(Poll::Pending) = polled {
            lock(&self.state).phase = Phase::Calling(call);
            self.bell.ring_if_rung_since(rung);
            return Poll::Pending;
        }
        drop(call); // with the permits and the attempt that it holds, before its end is told
        match polled {
            Ok(Poll::Ready(Ok((answer, chunks, bytes)))) => self.answer(answer, chunks, bytes),
            Ok(Poll::Ready(Err(error))) => self.land(false, Err(error)),
            Ok(Poll::Pending) => unreachable!("returned above"),
            Err(panic) => self.crash(false, panic),
        }
        Poll::Ready(())
    }

    /// A whole answer, which is the end, or the head of a streamed one.
    fn answer(&self, answer: T, chunks: Option<ChunkStream<T::Chunk>>, bytes: Option<Bytes>) {
        let (report, given) = (self.context.journal.read(), self.given());
        let mut state = lock(&self.state);
        state.usage = answer.usage();
        state.finish = answer.finish().map(|finish| (finish, 0));
        state.original = Some(answer);
        match chunks {
            Some(chunks) => {
                state.phase = Phase::Streaming(chunks);
                for member in state.members.values_mut() {
                    member.inform(&report);
                    if let Some(given) = &given {
                        member.note(given.clone().note(CacheStatus::Coalesced));
                    }
                }
                drop(state);
                self.bell.ring();
            }
            None => {
                drop(state);
                self.land(false, Ok(bytes));
            }
        }
    }

    /// Polls the stream once, for all. `Ready` when there is something new, or an end; `by` sees it anyway, and is
    /// not woken.
    pub(super) fn poll_stream(&self, by: u64, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = lock(&self.state);
        let phase = mem::replace(&mut state.phase, Phase::Polled { streaming: true });
        let mut chunks = match phase {
            Phase::Streaming(chunks) => chunks,
            other => {
                let landed = matches!(other, Phase::Landed { .. });
                state.phase = other;
                return if landed {
                    Poll::Ready(())
                } else {
                    Poll::Pending
                };
            }
        };
        drop(state);
        let rung = self.bell.rung();
        let polled = self.run(by, || {
            Poll::Ready(match ready!(Pin::new(&mut chunks).poll_next(cx)) {
                Some(Ok(chunk)) => {
                    lock(&self.state).push(chunk, self.capacity);
                    None
                }
                Some(Err(error)) => Some(Err(error)),
                None => Some(Ok(lock(&self.state).recorded())),
            })
        });
        match polled {
            Ok(Poll::Pending) => {
                lock(&self.state).phase = Phase::Streaming(chunks);
                self.bell.ring_if_rung_since(rung);
                return Poll::Pending;
            }
            Ok(Poll::Ready(None)) => {
                lock(&self.state).phase = Phase::Streaming(chunks);
                // Also if upstream has more ready and wakes nobody for it.
                self.bell.ring_for(Some(by));
            }
            Ok(Poll::Ready(Some(end))) => self.land(true, end),
            Err(panic) => {
                drop(chunks);
                self.crash(true, panic);
            }
        }
        Poll::Ready(())
    }

    /// Polls where the flight began, and catches a panic: the others must not wait for ever. The leader is there
    /// already.
    fn run<P>(&self, by: u64, poll: impl FnOnce() -> P) -> std::thread::Result<P> {
        let _guards = (by != 0).then(|| self.ground.enter());
        catch_unwind(AssertUnwindSafe(poll))
    }
}

impl<T: Replay> Drop for Flight<T> {
    fn drop(&mut self) {
        self.flights.forget(&self.key, std::ptr::from_ref(self));
    }
}
