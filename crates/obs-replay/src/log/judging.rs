//! What judges say, as far as a log can tell.
use std::{
    fmt,
    future::{Future, ready},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use obs_core::{Call, Commit, Finish};
use obs_router::{Check, Consistency, Judge, Seen, Verdict};
use serde::Serialize;

use crate::{Answer, Ask, Inside, ModelledJudge};

/// Judges answers as it was recorded; where that is not known, by their text; where there is none, it accepts them, and counts
/// that. A clone is another handle to the same judge and its counts.
#[derive(Clone)]
pub struct Judging {
    checks: Option<Arc<dyn Check + Send + Sync>>,
    inside: Option<Inside>,
    modelled: Option<ModelledJudge>,
    counts: Arc<Counts>,
}

/// How many answers were judged, and by what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Judged {
    /// As a judge had done when they were recorded.
    pub as_recorded: u64,
    /// By their text.
    pub by_text: u64,
    /// By a modelled judge, which knows the verdicts on them.
    pub modelled: u64,
    /// Not at all: they were accepted.
    pub unjudged: u64,
    /// Of all of them: sent on to a better route.
    pub rejected: u64,
}

#[derive(Debug, Default)]
struct Counts {
    as_recorded: AtomicU64,
    by_text: AtomicU64,
    modelled: AtomicU64,
    unjudged: AtomicU64,
    rejected: AtomicU64,
}

impl Judging {
    /// As it was recorded.
    #[must_use]
    pub fn new() -> Self {
        Self {
            checks: None,
            inside: None,
            modelled: None,
            counts: Arc::default(),
        }
    }

    /// By this check, where the text of an answer is known and nothing was recorded.
    #[must_use]
    pub fn checks(mut self, checks: impl Check + Send + Sync + 'static) -> Self {
        self.checks = Some(Arc::new(checks));
        self
    }

    /// Asks for a second answer, too, of the services in there, and pays for it. What it would have said of the first one only
    /// a record can tell.
    #[must_use]
    pub fn asks_again(mut self, inside: Inside) -> Self {
        self.inside = Some(inside);
        self
    }

    /// In the place of all that: as well as this one, by the verdicts on answers.
    #[must_use]
    pub const fn modelled(mut self, judge: ModelledJudge) -> Self {
        self.modelled = Some(judge);
        self
    }

    /// What was judged so far.
    #[must_use]
    pub fn judged(&self) -> Judged {
        let of = |count: &AtomicU64| count.load(Relaxed);
        Judged {
            as_recorded: of(&self.counts.as_recorded),
            by_text: of(&self.counts.by_text),
            modelled: of(&self.counts.modelled),
            unjudged: of(&self.counts.unjudged),
            rejected: of(&self.counts.rejected),
        }
    }

    /// Whether it was accepted, and where that is counted.
    fn verdict(&self, ask: &Ask, answer: &Answer) -> (Verdict, &AtomicU64) {
        let counts = &self.counts;
        if let Some(judge) = &self.modelled {
            let quality = answer.quality();
            let count = match quality {
                Some(_) => &counts.modelled,
                None => &counts.unjudged,
            };
            return (judge.verdict(ask.question().key, quality), count);
        }
        if let Some(accepted) = answer.accepted() {
            return (Verdict::of(accepted), &counts.as_recorded);
        }
        match (answer.text(), &self.checks) {
            (Some(text), Some(checks)) => {
                let mut seen = Seen::default();
                seen.text = text.into();
                seen.finish = Some(Finish::Stop);
                (Verdict::of(checks.accepts(&seen)), &counts.by_text)
            }
            _ => (Verdict::Accept, &counts.unjudged),
        }
    }
}

impl Default for Judging {
    fn default() -> Self {
        Self::new()
    }
}

impl Judge<Ask, Answer> for Judging {
    const COMMIT: Commit = Commit::Complete;

    type Future = Pin<Box<dyn Future<Output = Verdict> + Send>>;

    fn judge(&self, call: &Call<Ask>, answer: &Answer) -> Self::Future {
        let (verdict, count) = self.verdict(&call.request, answer);
        count.fetch_add(1, Relaxed);
        self.counts
            .rejected
            .fetch_add(u64::from(verdict == Verdict::Escalate), Relaxed);
        if !std::ptr::eq(count, &raw const self.counts.unjudged) {
            call.request.mark_judged();
        }
        // Nobody asks again where a check has said no: what was recorded tells whether it had.
        let asks = verdict == Verdict::Accept || answer.was_asked_again();
        let stack = self
            .inside
            .as_ref()
            .filter(|_| asks && self.modelled.is_none());
        match stack.and_then(Inside::stack) {
            Some(stack) => {
                let second = Consistency::new(stack).by(|_, _| true).judge(call, answer);
                Box::pin(async move {
                    second.await;
                    verdict
                })
            }
            None => Box::pin(ready(verdict)),
        }
    }
}

impl fmt::Debug for Judging {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Judging")
            .field("checks", &self.checks.is_some())
            .field("asks_again", &self.inside.is_some())
            .field("modelled", &self.modelled)
            .field("judged", &self.judged())
            .finish()
    }
}
