//! Two judges, one after the other.
use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use obs_core::{Call, Commit};
use pin_project_lite::pin_project;

use crate::{Judge, Verdict, commit::later};

/// Accepts what both judges accept. The second one is asked where the first one accepts: put the cheaper one first.
#[derive(Clone, Copy, Debug)]
pub struct Both<J, K> {
    first: J,
    second: K,
}

pin_project! {
    /// The verdict of [`Both`].
    #[must_use = "futures do nothing unless polled"]
    pub struct BothFuture<F, G> {
        #[pin]
        first: F,
        #[pin]
        second: G,
        is_accepted: bool,
    }
}

impl<J, K> Both<J, K> {
    /// These two.
    pub const fn new(first: J, second: K) -> Self {
        Self { first, second }
    }
}

impl<R, Res, J: Judge<R, Res>, K: Judge<R, Res>> Judge<R, Res> for Both<J, K> {
    const COMMIT: Commit = later(J::COMMIT, K::COMMIT);

    type Future = BothFuture<J::Future, K::Future>;

    fn commit(&self, call: &Call<R>) -> Commit {
        later(self.first.commit(call), self.second.commit(call))
    }

    fn judge(&self, call: &Call<R>, answer: &Res) -> Self::Future {
        BothFuture {
            first: self.first.judge(call, answer),
            // Futures do nothing unless polled.
            second: self.second.judge(call, answer),
            is_accepted: false,
        }
    }
}

impl<F, G> Future for BothFuture<F, G>
where
    F: Future<Output = Verdict>,
    G: Future<Output = Verdict>,
{
    type Output = Verdict;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Verdict> {
        let this = self.project();
        if !*this.is_accepted {
            if ready!(this.first.poll(cx)) == Verdict::Escalate {
                return Poll::Ready(Verdict::Escalate);
            }
            *this.is_accepted = true;
        }
        this.second.poll(cx)
    }
}

impl<F, G> fmt::Debug for BothFuture<F, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BothFuture")
            .field("is_accepted", &self.is_accepted)
            .finish_non_exhaustive()
    }
}
