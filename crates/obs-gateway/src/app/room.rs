//! How many calls are under way at a time, each to its last token.
//!
//! tower's own limit gives its place back with the head of an answer: here that is where the work begins.
use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{
    body::Body,
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use bytes::Bytes;
use http::StatusCode;
use http_body::{Frame, SizeHint};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use super::{App, admit};
use crate::{refusal::Refusal, settings::Settings};

/// How long a call waits for a place.
const PATIENCE: Duration = Duration::from_secs(1);
/// When who was sent away may try again.
const LATER: Duration = Duration::from_secs(1);

/// The places there are. A clone is another handle to the same.
#[derive(Clone, Debug)]
pub(crate) struct Room {
    places: Arc<Semaphore>,
    /// Places to wait for one.
    queue: Arc<Semaphore>,
    of: (usize, usize),
}

impl Room {
    /// The same as before, where as many are wanted: calls that are under way keep their places.
    pub(crate) fn new(settings: &Settings, before: Option<&Self>) -> Self {
        let of = &settings.server;
        let of = (of.max_concurrency, of.max_queue);
        if let Some(before) = before.filter(|before| before.of == of) {
            return before.clone();
        }
        let places = |most: usize| Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS)));
        Self {
            places: places(of.0),
            queue: places(of.1),
            of,
        }
    }

    /// `None`: there is none, and none to wait for.
    async fn place(&self) -> Option<OwnedSemaphorePermit> {
        if let Ok(place) = self.places.clone().try_acquire_owned() {
            return Some(place);
        }
        let _waiting = self.queue.try_acquire().ok()?;
        let place = timeout(PATIENCE, self.places.clone().acquire_owned()).await;
        place.ok()?.ok()
    }
}

/// Sends calls away that there is no room for. Lists of models always have room.
pub(super) async fn bounded(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    if admit::is_list(&request) {
        return next.run(request).await;
    }
    let Some(place) = app.room.place().await else {
        let message = "there are too many calls under way here: try again";
        let refusal = Refusal::new(StatusCode::SERVICE_UNAVAILABLE, message);
        let refusal = refusal.code("overloaded").retry_after(LATER);
        return admit::refuse(&app, &request, &refusal);
    };
    let response = next.run(request).await;
    response.map(|body| {
        let place = Some(place);
        Body::new(Placed { body, place })
    })
}

/// The body of an answer, which has its place until it ends.
struct Placed {
    body: Body,
    place: Option<OwnedSemaphorePermit>,
}

impl http_body::Body for Placed {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if frame.is_none() {
            self.place = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
