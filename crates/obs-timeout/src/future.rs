//! Limits on the way to an answer, or to its head.
use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use obs_core::{Alarm, BoxError, Error};
use pin_project_lite::pin_project;

use crate::watch::Guard;

pin_project! {
    /// The future of [`Timeout`](crate::Timeout) and [`AttemptTimeout`](crate::AttemptTimeout). Dropping it drops the call.
    // What is inside ends before it is counted: mind the order of the fields.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct ResponseFuture<F, W> {
        #[pin]
        inner: Option<F>,
        // Made when there is something to wait for: much of what is fast is ready at once.
        #[pin]
        alarm: Alarm,
        armed: bool,
        watch: Option<W>,
    }
}

impl<F, W> ResponseFuture<F, W> {
    /// `None`: time was up before the call came.
    #[inline]
    pub(crate) fn new(inner: Option<F>, watch: W) -> Self {
        Self {
            inner,
            alarm: Alarm::new(None),
            armed: false,
            watch: Some(watch),
        }
    }
}

impl<F, W, Res, E> Future for ResponseFuture<F, W>
where
    F: Future<Output = Result<Res, E>>,
    E: Into<BoxError>,
    W: Guard<Res>,
{
    type Output = Result<Res, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let watch = this.watch.as_mut().expect("polled after completion");
        let answer = match this.inner.as_mut().as_pin_mut() {
            Some(inner) => inner.poll(cx),
            None => Poll::Pending, // time was up before the call came
        };
        let result = match answer {
            Poll::Ready(result) => {
                this.inner.set(None);
                if this.alarm.has_fired() {
                    watch.fired();
                }
                match result {
                    Ok(mut res) => {
                        W::guard(this.watch, &mut res);
                        Ok(res)
                    }
                    Err(error) => Err(watch.failed(Error::from_any(error))),
                }
            }
            Poll::Pending => {
                if this.inner.is_some() {
                    if !std::mem::replace(this.armed, true) {
                        this.alarm.as_mut().set(watch.next());
                    }
                    loop {
                        ready!(this.alarm.as_mut().poll(cx, || watch.next()));
                        if watch.is_up() {
                            break;
                        }
                        this.alarm.as_mut().set(watch.next());
                    }
                }
                Err(watch.cut(|| this.inner.set(None)))
            }
        };
        *this.watch = None;
        Poll::Ready(result)
    }
}
