//! The end of a flight.
use std::{
    any::Any,
    mem,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
};

use bytes::Bytes;
use obs_core::{CacheNote, CacheStatus, Error, ErrorKind, Replay, Report};

use super::{
    landed::Landed,
    lock::lock,
    shared::Flight,
    state::{Member, Phase, State},
};
use crate::{ledger::Ended, stored::Stored};

type End = Result<Option<Bytes>, Error>;

impl<T: Replay> Flight<T> {
    /// The panic is its poller's; the others get an error.
    pub(super) fn crash(&self, streamed: bool, panic: Box<dyn Any + Send>) -> ! {
        let error = Error::new(ErrorKind::Unknown, "the shared call panicked");
        self.land(streamed, Err(error));
        resume_unwind(panic)
    }

    /// The end: stores, tells the journals, takes nobody any more: newcomers start anew. What was polled is dropped already, so that
    /// the flight's journal is complete.
    pub(super) fn land(&self, streamed: bool, end: End) {
        let report = self.context.journal.read();
        if let Ok(Some(body)) = &end {
            // First, and outside the lock: who comes after the flight finds it in the store.
            self.keep(body, &report);
        }
        let mut state = lock(&self.state);
        settle(&mut state, streamed, &end, &report, self.given());
        state.open = false;
        let keep = state.keep.take();
        let before = mem::replace(&mut state.phase, Phase::Landed { streamed, end });
        drop(state);
        // Also what the flight had of other processes, however long somebody still reads.
        drop((before, keep));
        self.bell.ring();
    }

    fn keep(&self, body: &Bytes, report: &Report) {
        let mut state = lock(&self.state);
        let landed = Landed {
            body,
            usage: state.usage,
            is_complete: state.finish.is_none_or(|(finish, _)| finish.is_complete()),
            report,
        };
        let keep = state.keep.take();
        drop(state);
        if let Some(keep) = keep {
            // A fault of the store is not the call's.
            let kept = catch_unwind(AssertUnwindSafe(|| keep(landed)));
            if kept.is_err() {
                tracing::warn!("the store panicked when it was given an answer; the call goes on");
            }
        }
    }
}

/// The oldest pays, the others have it for nothing; and so has the oldest, where another process has paid.
fn settle<T: Replay>(
    state: &mut State<T>,
    streamed: bool,
    end: &End,
    report: &Report,
    given: Option<Stored>,
) {
    let is_too_long = state.is_too_long;
    let mut members = state.members.values_mut();
    if let (Some(given), Ok(_)) = (given, end) {
        return members.for_each(|member| {
            let saved = given.saved;
            member.note(given.clone().note(CacheStatus::Coalesced));
            member.passenger.tally.end_saving(Ended::Coalesced, saved);
        });
    }
    if let Some(payer) = members.next() {
        payer.inform(report);
        payer.passenger.context.absorb(report);
        payer.pay(streamed, end);
    }
    for other in members {
        other.inform(report);
        if other.is_rescued(streamed, end) {
            continue;
        }
        match end {
            Err(_) => other.passenger.tally.end(Ended::Failed),
            // A stream goes to those who read it, whether or not it can be kept; and who wants it whole has gathered
            // it, unless it cannot be gathered.
            Ok(None) if streamed && (other.passenger.streams || is_too_long) => {
                other.coalesce(report);
            }
            // It will ask for itself.
            Ok(None) => other.passenger.tally.end(Ended::Miss),
            Ok(Some(_)) => other.coalesce(report),
        }
    }
}

impl Member {
    /// It takes the attempts over, and has no answer of another's: only then does `Coalesced` always mean that
    /// nothing was paid.
    fn pay(&mut self, streamed: bool, end: &End) {
        if self.is_rescued(streamed, end) {
            return;
        }
        let passenger = &mut self.passenger;
        passenger.tally.end(Ended::Miss);
        let status = passenger.status;
        self.note(CacheNote::new(status));
    }

    /// Whether it takes the answer that it has, in the place of this error. Who has the beginning of a stream does
    /// not.
    fn is_rescued(&mut self, streamed: bool, end: &End) -> bool {
        let passenger = &mut self.passenger;
        let (Err(error), Some(spare)) = (end, &passenger.spare) else {
            return false;
        };
        let is_used = !(streamed && passenger.streams) && spare.is_for(error.kind());
        if is_used {
            spare.take();
            passenger.tally.end_saving(Ended::Stale, spare.saved());
            let note = spare.note();
            self.note(note);
        }
        is_used
    }

    fn coalesce(&mut self, report: &Report) {
        let saved = report.paid().exact();
        let mut note = CacheNote::new(CacheStatus::Coalesced);
        note.saved = saved;
        note.route = report.chosen().and_then(|attempt| attempt.route.clone());
        self.note(note);
        self.passenger.tally.end_saving(Ended::Coalesced, saved);
    }
}
