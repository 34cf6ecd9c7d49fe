//! Limits on a stream. One that is cut ends with an error.
use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures_core::Stream;
use obs_core::{Alarm, ChunkStream, Error, LlmChunk, LlmResponse, LlmResponseExt};
use pin_project_lite::pin_project;

use crate::watch::Watch;

pin_project! {
    // What is inside ends before it is counted: mind the order of the fields.
    struct GuardedStream<C, W> {
        inner: Option<ChunkStream<C>>,
        #[pin]
        alarm: Alarm,
        watch: W,
    }
}

/// Goes on in the stream of this answer, or ends in its place if the answer is whole.
pub(crate) fn guard<Res, W>(place: &mut Option<W>, res: &mut Res)
where
    Res: LlmResponse,
    W: Watch + Send + 'static,
{
    if res.stream_mut().is_none() {
        if let Some(watch) = place {
            watch.complete();
        }
        return;
    }
    let Some(watch) = place.take() else {
        return;
    };
    res.wrap_stream(|inner| {
        // The timer is made here, where there is a runtime: the last poll may be in a destructor.
        let alarm = Alarm::new(watch.arm());
        let inner = Some(inner);
        ChunkStream::new(GuardedStream {
            inner,
            alarm,
            watch,
        })
    });
}

impl<C: LlmChunk, W: Watch> Stream for GuardedStream<C, W> {
    type Item = Result<C, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        let watch = this.watch;
        let Some(inner) = this.inner else {
            return Poll::Ready(None);
        };
        if !watch.is_past() {
            if let Poll::Ready(item) = Pin::new(inner).poll_next(cx) {
                // At an end, all that is inside is gone already: a `ChunkStream` drops it first.
                return Poll::Ready(match item {
                    Some(Ok(chunk)) => {
                        watch.chunk(chunk.is_content(), chunk.finish().is_some());
                        Some(Ok(chunk))
                    }
                    Some(Err(error)) => Some(Err(watch.failed(error))),
                    None => {
                        if this.alarm.has_fired() {
                            watch.fired();
                        }
                        watch.complete();
                        None
                    }
                });
            }
            if watch.wait() {
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
        if watch.is_finished() {
            *this.inner = None;
            watch.complete();
            return Poll::Ready(None);
        }
        Poll::Ready(Some(Err(watch.cut(|| *this.inner = None))))
    }
}
