//! A look at a server that has not answered of late, at nobody's expense.
use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Mutex,
    task::{Context, Poll, Waker},
    time::Duration,
};

use tokio::time::Instant;

/// Longest that a probe waits for its answer.
pub(crate) const PATIENCE: Duration = Duration::from_millis(250);

/// Sent by one caller, and its answer is found by another: nobody waits for it, and no task is spawned for it.
#[derive(Default)]
pub(crate) struct Probe(Mutex<Option<Flying>>);

struct Flying {
    sent: Instant,
    answer: Pin<Box<dyn Future<Output = bool> + Send>>,
}

/// What a look at the probe says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Another looks, or the probe is still under way.
    Nothing,
    Answered,
    Failed,
}

impl Probe {
    /// Looks at the probe that is under way, or sends the one that `send` makes; `None`: there is nothing to send.
    pub(crate) fn look<F>(&self, send: impl FnOnce() -> Option<F>) -> Found
    where
        F: Future<Output = bool> + Send + 'static,
    {
        let Ok(mut slot) = self.0.try_lock() else {
            return Found::Nothing;
        };
        if slot.is_none() {
            let sent = Instant::now();
            *slot = send().map(|answer| Flying {
                sent,
                answer: Box::pin(answer),
            });
        }
        let Some(flying) = &mut *slot else {
            return Found::Nothing;
        };
        // Nobody is woken: the next caller looks.
        let mut cx = Context::from_waker(Waker::noop());
        let found = match flying.answer.as_mut().poll(&mut cx) {
            Poll::Ready(true) => Found::Answered,
            Poll::Ready(false) => Found::Failed,
            Poll::Pending if flying.sent.elapsed() > PATIENCE => Found::Failed,
            Poll::Pending => return Found::Nothing,
        };
        *slot = None;
        found
    }
}

impl fmt::Debug for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Probe")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_caller_sends_and_another_finds_the_answer() {
        let (tell, answer) = tokio::sync::oneshot::channel();
        let probe = Probe::default();
        let sent = probe.look(|| Some(async move { answer.await.unwrap_or(false) }));
        assert_eq!(sent, Found::Nothing);
        let second = || -> Option<std::future::Ready<bool>> { panic!("one is under way") };
        assert_eq!(probe.look(second), Found::Nothing);
        tell.send(true).expect("listened to");
        assert_eq!(probe.look(second), Found::Answered);
    }

    #[tokio::test(start_paused = true)]
    async fn patience_ends() {
        let probe = Probe::default();
        let never = || Some(std::future::pending());
        assert_eq!(probe.look(never), Found::Nothing);
        tokio::time::advance(PATIENCE).await;
        assert_eq!(probe.look(never), Found::Nothing);
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(probe.look(never), Found::Failed);
    }
}
