//! A judge of whom it is known how well it judges.
use std::future::{Ready, ready};

use obs_core::{Call, Commit};
use obs_router::{Judge, Verdict};

use crate::{Answer, Ask, rng::unit};

/// A judge that finds this share of the bad answers, and takes this share of the good ones for bad.
///
/// An answer is bad whose quality is below a half; one of unknown quality passes. Which ones it is wrong about is decided by the
/// question, so that a question that comes again is judged the same. It costs nothing and takes no time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ModelledJudge {
    /// Share of the bad answers that it sends back, from 0 to 1.
    pub detection: f64,
    /// Share of the good answers that it sends back, from 0 to 1.
    pub false_alarm: f64,
    /// Decides which ones.
    pub seed: u64,
}

impl ModelledJudge {
    /// The verdict on an answer of this quality to the question of this key.
    #[must_use]
    pub fn verdict(&self, key: u128, quality: Option<f32>) -> Verdict {
        let Some(quality) = quality else {
            return Verdict::Accept;
        };
        let share = match quality < 0.5 {
            true => self.detection,
            false => self.false_alarm,
        };
        match unit(self.seed, key) < share {
            true => Verdict::Escalate,
            false => Verdict::Accept,
        }
    }
}

impl Judge<Ask, Answer> for ModelledJudge {
    const COMMIT: Commit = Commit::Complete;

    type Future = Ready<Verdict>;

    fn judge(&self, call: &Call<Ask>, answer: &Answer) -> Self::Future {
        call.request.mark_judged();
        ready(self.verdict(call.request.question().key, answer.quality()))
    }
}
