//! The service, and the entry that it makes of a call.
use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use obs_core::{
    AttemptListener, BoxError, Call, End, Error, Journal, LlmChunk, LlmRequest, LlmResponse,
    Observe, Observed,
};
use tokio::time::Instant;
use tower_service::Service;

use crate::{asked::Asked, setup::Setup, shared::Shared, text, told::Told, write};

/// The service that [`LedgerLayer`](crate::LedgerLayer) makes. Readiness is that of the service inside.
#[derive(Clone, Debug)]
pub struct Ledgers<S> {
    inner: S,
    setup: Setup,
    shared: Arc<Shared>,
}

/// Makes the entry of one call, at its end.
pub struct Entering {
    told: Arc<Told>,
    journal: Journal,
    shared: Arc<Shared>,
    unmetered: bool,
    answer: Option<String>,
    first_token: Option<Instant>,
}

impl<S> Ledgers<S> {
    pub(crate) const fn new(inner: S, setup: Setup, shared: Arc<Shared>) -> Self {
        Self {
            inner,
            setup,
            shared,
        }
    }

    /// The service inside.
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The service inside.
    pub const fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The service inside.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, R> Service<Call<R>> for Ledgers<S>
where
    R: LlmRequest,
    S: Service<Call<R>>,
    S::Response: LlmResponse + 'static,
    S::Error: Into<BoxError>,
{
    type Response = S::Response;
    type Error = Error;
    type Future = Observed<S::Future, Entering, S::Response>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx).map_err(Error::from_any)
    }

    fn call(&mut self, mut call: Call<R>) -> Self::Future {
        let shared = &self.shared;
        let id = call.context.id.get_or_insert_with(|| shared.name()).clone();
        let asked = Asked::of(&call, id, &self.setup);
        let told = Arc::new(Told::new(asked, shared.clone()));
        let listener: Arc<dyn AttemptListener> = told.clone();
        call.context.journal.listen(&listener);
        let entering = Entering {
            told,
            journal: call.journal(),
            shared: shared.clone(),
            unmetered: self.setup.unmetered,
            answer: self.setup.answers.then(String::new),
            first_token: None,
        };
        Observed::new(self.inner.call(call), entering)
    }
}

impl<Res: LlmResponse> Observe<Res> for Entering {
    fn answer(&mut self, answer: &Res) {
        if let Some(text) = &mut self.answer {
            answer.visit_text(&mut |piece| text::add(text, piece));
        }
    }

    fn chunk(&mut self, chunk: &Res::Chunk, first_content: bool) {
        if first_content {
            self.first_token = Some(Instant::now());
        }
        if let Some(text) = &mut self.answer {
            text::add(text, chunk.text());
        }
    }

    fn end(&mut self, how: End<'_>) {
        let report = self.journal.read();
        self.told.take(&report.attempts);
        let mut entry = write::entry(&self.told.asked, &report, &how, self.first_token);
        if self.unmetered {
            entry.unknown_costs += 1;
            entry.baseline = None;
        }
        entry.answer = self.answer.take().and_then(text::kept);
        self.shared.record(entry);
        self.shared.settle(false);
    }
}

impl fmt::Debug for Entering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entering")
            .field("call", &self.told.asked.entry.call)
            .finish_non_exhaustive()
    }
}
