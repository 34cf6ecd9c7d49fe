//! What the limits of a layer have to say while a call is under way.
use obs_core::Error;
use tokio::time::Instant;

/// The limits of one call, or of one attempt. Public in name only: nobody outside can name it.
pub trait Watch {
    /// The moment at which the clock has to be looked at. It is asked again when it has come, for it may have moved away.
    fn next(&self) -> Option<Instant>;

    /// With which moment the timer of a stream is made: not `None` if there may be one later.
    fn arm(&self) -> Option<Instant> {
        self.next()
    }

    /// That moment has come: whether time is up. If not, there is another one.
    fn is_up(&mut self) -> bool;

    /// Whether time was up some while ago: what always has something ready is never waited for.
    fn is_past(&mut self) -> bool;

    /// The timer has fired, but the answer is there before it was looked at.
    fn fired(&mut self) {}

    /// A wait for the next chunk begins, or goes on. `true`: the next moment may be earlier than it was.
    fn wait(&mut self) -> bool {
        false
    }

    /// A chunk came.
    fn chunk(&mut self, content: bool, finish: bool);

    /// Whether all of the answer has come, but perhaps its usage.
    fn is_finished(&self) -> bool;

    /// It ended well. What is inside was dropped before, here and below.
    fn complete(&mut self) {}

    /// It ended with an error from inside; gives that which the caller is told.
    fn failed(&mut self, error: Error) -> Error {
        error
    }

    /// Drops what is inside because time is up, and says so.
    fn cut(&mut self, drop_inner: impl FnOnce()) -> Error;
}

/// Limits that know what is to be done with an answer.
pub trait Guard<Res>: Watch + Sized {
    /// The answer, or its head, has come: goes on in its stream, if it has one, and otherwise ends in its place.
    fn guard(place: &mut Option<Self>, res: &mut Res);
}
