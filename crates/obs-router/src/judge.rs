//! Whether an answer will do.
mod both;
mod check;
mod checked;
mod consistency;
mod margin;
mod number;
mod parses;
mod refusals;
#[cfg(feature = "json-schema")]
mod schema;
mod seen;

use std::future::{self, Future};

use obs_core::{Call, Commit};

pub use self::{
    both::{Both, BothFuture},
    check::{AllOf, AnyOf, Check},
    checked::Checked,
    consistency::{Consistency, ConsistencyFuture, agree},
    margin::Margin,
    number::Number,
    parses::Parses,
    refusals::Refusals,
    seen::Seen,
};

#[cfg(feature = "json-schema")]
pub use self::schema::{AskedSchema, InvalidSchema, Schema, SchemaStats};

/// Says whether an answer will do, or a better route is to be asked: ask the cheap one first, and pay for the good one only
/// where the answer is not good enough.
///
/// It is asked about the answers of routes that a policy chose and that have a route after them, while there is time; what it has
/// not judged in time goes out, and so does an answer over which the judge panicked. The cost of a rejected answer is part of what the
/// call paid.
///
/// A rejected answer is nobody's answer: where the routes after it are asked and fail, the call fails, with the error of the last of
/// them. Where each of them is left out by its [`Breaker`](crate::Breaker), there is nowhere to go on to, and the answer goes out.
///
/// A closure `|call: &Call<R>, answer: &Res| async { .. }` is one, with its arguments annotated; it sees the answer
/// [complete](Commit::Complete), so that a stream is held back to its end: its caller waits for the last token before it gets the
/// first. The judges that are built in do the same.
///
/// | judge | accepts |
/// |---|---|
/// | [`Checked`] | what a [`Check`] accepts: [`Refusals`], [`Parses`], [`Number`], [`Margin`], `Schema`, a closure, and what [`AllOf`] and [`AnyOf`] make of them |
/// | `AskedSchema` | what obeys the JSON Schema that the request asks for; with `Schema` behind the feature `json-schema` |
/// | [`Consistency`] | what a second answer of the same route agrees with |
/// | [`Both`] | what two judges accept, the second one asked where the first does |
///
/// What is not there to be judged is accepted: an answer whose type shows nothing of itself, a stream that is longer than
/// [may be held](obs_core::ChunkStream::hold_at_most), the call of a tool where text is judged. Dropping the call drops the verdict
/// to come, and with it whatever was asked for it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not judge answers of the type `{Res}`",
    note = "a judge is a `Judge<{R}, {Res}>`, or a closure `|call: &Call<{R}>, answer: &{Res}| async {{ verdict }}`"
)]
pub trait Judge<R, Res> {
    /// How much of a stream it must see. The later one of this and of [`RouterLayer::commit`](crate::RouterLayer::commit) holds;
    /// of a time and a number of tokens, which cannot be compared, all of it.
    const COMMIT: Commit;

    /// How much of the stream that this call asks for it must see: as much as [of any](Self::COMMIT), unless it can tell that it will
    /// accept the answer with less.
    fn commit(&self, _call: &Call<R>) -> Commit {
        Self::COMMIT
    }

    /// The verdict to come. What it needs of the answer it takes along.
    type Future: Future<Output = Verdict>;

    /// Judges one answer. A streamed one shows its chunks in [`read_ahead`](obs_core::ChunkStream::read_ahead) of its
    /// [`stream`](obs_core::LlmResponse::stream).
    fn judge(&self, call: &Call<R>, answer: &Res) -> Self::Future;
}

/// What becomes of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It goes to the caller.
    Accept,
    /// The next better route is asked.
    Escalate,
}

/// Accepts every answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NoJudge;

impl Verdict {
    /// Of whether it will do.
    #[must_use]
    pub const fn of(will_do: bool) -> Self {
        if will_do {
            Self::Accept
        } else {
            Self::Escalate
        }
    }
}

impl<R, Res> Judge<R, Res> for NoJudge {
    const COMMIT: Commit = Commit::Head;

    type Future = future::Ready<Verdict>;

    fn judge(&self, _: &Call<R>, _: &Res) -> Self::Future {
        future::ready(Verdict::Accept)
    }
}

impl<R, Res, F, Fut> Judge<R, Res> for F
where
    F: Fn(&Call<R>, &Res) -> Fut,
    Fut: Future<Output = Verdict>,
{
    const COMMIT: Commit = Commit::Complete;

    type Future = Fut;

    fn judge(&self, call: &Call<R>, answer: &Res) -> Fut {
        self(call, answer)
    }
}
