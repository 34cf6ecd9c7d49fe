//! A timer whose moment may move.
use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep_until};

pin_project! {
    /// A timer for a moment that may move away while it runs, as that of a [`Deadline`](crate::Deadline) does.
    #[derive(Debug)]
    pub struct Alarm {
        #[pin]
        sleep: Option<Sleep>,
    }
}

impl Alarm {
    /// For this moment. `None` never goes off, makes no timer and needs no runtime.
    ///
    /// # Panics
    /// With a moment, outside of a tokio runtime that has time enabled.
    #[inline]
    #[must_use]
    pub fn new(moment: Option<Instant>) -> Self {
        Self {
            sleep: moment.map(sleep_until),
        }
    }

    /// Ready when the moment has come. It is asked for when the timer fires: until then it costs nothing.
    #[inline]
    pub fn poll(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        moment: impl Fn() -> Option<Instant>,
    ) -> Poll<()> {
        let Some(mut sleep) = self.project().sleep.as_pin_mut() else {
            return Poll::Pending;
        };
        loop {
            ready!(sleep.as_mut().poll(cx));
            match moment() {
                Some(at) if at > Instant::now() => sleep.as_mut().reset(at),
                Some(_) => return Poll::Ready(()),
                None => return Poll::Pending,
            }
        }
    }

    /// Whether the timer has fired, as far as the runtime has noticed: no clock is looked at. The moment may have moved.
    #[inline]
    #[must_use]
    pub fn has_fired(&self) -> bool {
        self.sleep.as_ref().is_some_and(Sleep::is_elapsed)
    }

    /// From now on for another moment; panics as [`new`](Self::new) does.
    #[inline]
    pub fn set(self: Pin<&mut Self>, moment: Option<Instant>) {
        let mut sleep = self.project().sleep;
        match (sleep.as_mut().as_pin_mut(), moment) {
            (Some(sleep), Some(at)) => sleep.reset(at),
            (None, Some(at)) => sleep.set(Some(sleep_until(at))),
            (_, None) => sleep.set(None),
        }
    }
}
