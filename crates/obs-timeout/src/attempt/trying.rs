//! An attempt under way.
use std::time::Duration;

use obs_core::{CallContext, Elapsed, Error, Limit, LlmResponse};
use tokio::time::Instant;

use super::{learning::Lesson, limits::AttemptLimits};
use crate::{
    stream,
    watch::{Guard, Watch},
};

/// One attempt under its limits.
#[derive(Debug)]
pub struct Trying {
    limits: AttemptLimits,
    start: Instant,
    /// With the deadline of the attempt.
    context: CallContext,
    phase: Phase,
    finished: bool,
    lesson: Lesson,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    /// A plain answer is waited for: it has no phases.
    Plain,
    /// The head of a stream is waited for.
    Head,
    /// The first content is waited for.
    FirstToken,
    /// Between chunks, of which `armed` says whether any was waited for.
    Between { since: Option<Instant>, armed: bool },
}

impl Trying {
    pub(super) const fn new(
        limits: AttemptLimits,
        start: Instant,
        context: CallContext,
        streams: bool,
        lesson: Lesson,
    ) -> Self {
        let phase = if streams { Phase::Head } else { Phase::Plain };
        Self {
            limits,
            start,
            context,
            phase,
            finished: false,
            lesson,
        }
    }

    /// Whether there was no time left when it came.
    pub(super) fn is_expired(&self) -> bool {
        let end = self.context.deadline.end();
        end.is_some_and(|end| end <= self.start)
    }

    /// The limit that will be reached first, and when.
    fn earliest(&self) -> Option<(Instant, Limit)> {
        let AttemptLimits {
            connect,
            first_token,
            idle,
            ..
        } = self.limits;
        let at = |from: Instant, after: Option<Duration>, limit| {
            Some((from.checked_add(after?)?, limit))
        };
        let first_token = at(self.start, first_token, Limit::FirstToken);
        let of_phase = match self.phase {
            Phase::Plain => [None, None],
            Phase::Head => [at(self.start, connect, Limit::Connect), first_token],
            Phase::FirstToken => [first_token, None],
            Phase::Between { since, .. } => {
                [since.and_then(|since| at(since, idle, Limit::Idle)), None]
            }
        };
        let end = self.context.deadline.end();
        let whole = end.map(|end| (end, Limit::Deadline));
        of_phase
            .into_iter()
            .flatten()
            .chain(whole)
            .min_by_key(|(at, _)| *at)
    }

    /// Which limit has been reached, and how long it was; `None`: the deadline was not set here.
    fn reached(&self) -> (Limit, Option<Duration>) {
        let limits = &self.limits;
        match self.earliest().map(|(_, limit)| limit) {
            Some(limit @ Limit::Connect) => (limit, limits.connect),
            Some(limit @ Limit::FirstToken) => (limit, limits.first_token),
            Some(limit @ Limit::Idle) => (limit, limits.idle),
            _ => {
                let passed = self.start.elapsed();
                match limits.attempt.filter(|own| *own <= passed) {
                    None => (Limit::Deadline, None),
                    own => (Limit::Attempt, own),
                }
            }
        }
    }
}

impl Watch for Trying {
    fn next(&self) -> Option<Instant> {
        self.earliest().map(|(at, _)| at)
    }

    fn arm(&self) -> Option<Instant> {
        // The limit between chunks comes into force later, and a timer that fires too early does no harm.
        self.next().or_else(|| self.limits.idle.map(|_| self.start))
    }

    fn is_up(&mut self) -> bool {
        true
    }

    fn is_past(&mut self) -> bool {
        let end = self.context.deadline.end();
        end.is_some_and(|end| end < Instant::now())
    }

    fn wait(&mut self) -> bool {
        match &mut self.phase {
            Phase::Between { since, armed } if self.limits.idle.is_some() => {
                since.get_or_insert_with(Instant::now);
                // Later ones are only ever later: the timer finds that out by itself.
                !std::mem::replace(armed, true)
            }
            _ => false,
        }
    }

    fn chunk(&mut self, content: bool, finish: bool) {
        if content {
            self.lesson.first_token();
        }
        if finish {
            self.finished = true;
            self.lesson.whole();
        }
        match &mut self.phase {
            Phase::Between { since, .. } => *since = None,
            phase if content => {
                *phase = Phase::Between {
                    since: None,
                    armed: false,
                };
            }
            _ => {}
        }
    }

    fn is_finished(&self) -> bool {
        self.finished
    }

    fn complete(&mut self) {
        self.lesson.whole();
    }

    fn cut(&mut self, drop_inner: impl FnOnce()) -> Error {
        let (limit, own) = self.reached();
        self.context.cut(drop_inner);
        self.lesson.cut(limit);
        match own {
            Some(own) => Elapsed::error(limit, own, Duration::ZERO),
            None => Elapsed::of_deadline(self.start),
        }
    }
}

impl<Res: LlmResponse> Guard<Res> for Trying {
    fn guard(place: &mut Option<Self>, res: &mut Res) {
        if let Some(trying) = place {
            trying.phase = Phase::FirstToken;
        }
        stream::guard(place, res);
    }
}
