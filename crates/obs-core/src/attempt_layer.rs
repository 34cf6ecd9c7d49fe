//! The innermost layer: takes the envelope off, records and prices each request that a model really gets.
use std::{
    marker::PhantomData,
    task::{Context, Poll},
};

use tower_layer::Layer;
use tower_service::Service;

use crate::{
    BoxError, Call, End, Error, ErrorKind, LlmChunk, LlmRequest, LlmResponse, Observe, Observed,
    Outcome, PriceTable, Usage, guard::AttemptGuard,
};

/// Whatever passes it is an attempt, and whatever does not costs nothing. It alone knows prices.
///
/// The service inside is given the bare request, or the [`Call`] after [`enveloped`](Self::enveloped).
#[derive(Clone, Debug)]
pub struct AttemptLayer<M = Bare> {
    prices: PriceTable,
    pass: PhantomData<M>,
}

/// The service that [`AttemptLayer`] makes. Readiness is that of the service inside.
#[derive(Clone, Debug)]
pub struct Attempts<S, M = Bare> {
    inner: S,
    prices: PriceTable,
    pass: PhantomData<M>,
}

/// The service inside is given the request alone.
#[derive(Clone, Copy, Debug)]
pub struct Bare;

/// The service inside is given the [`Call`].
#[derive(Clone, Copy, Debug)]
pub struct Enveloped;

mod sealed {
    use super::{Bare, Call, Enveloped};

    /// What the service inside is given.
    pub trait Pass<R> {
        type Req;
        fn pass(call: Call<R>) -> Self::Req;
    }

    impl<R> Pass<R> for Bare {
        type Req = R;
        fn pass(call: Call<R>) -> R {
            call.request
        }
    }

    impl<R> Pass<R> for Enveloped {
        type Req = Call<R>;
        fn pass(call: Call<R>) -> Call<R> {
            call
        }
    }
}

impl AttemptLayer {
    /// Prices attempts by this table; what is not in it has an unknown cost.
    #[must_use]
    pub fn new(prices: PriceTable) -> Self {
        Self {
            prices,
            pass: PhantomData,
        }
    }

    /// For a service that takes the [`Call`] itself, because it wants the deadline or the route.
    #[must_use]
    pub fn enveloped(self) -> AttemptLayer<Enveloped> {
        AttemptLayer {
            prices: self.prices,
            pass: PhantomData,
        }
    }
}

impl<S, M> Layer<S> for AttemptLayer<M> {
    type Service = Attempts<S, M>;

    fn layer(&self, inner: S) -> Self::Service {
        Attempts {
            inner,
            prices: self.prices.clone(),
            pass: PhantomData,
        }
    }
}

impl<S, M> Attempts<S, M> {
    /// The service inside.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The service inside.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The service inside.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, R, M> Service<Call<R>> for Attempts<S, M>
where
    R: LlmRequest,
    M: sealed::Pass<R>,
    S: Service<M::Req>,
    S::Response: LlmResponse + 'static,
    S::Error: Into<BoxError>,
{
    type Response = S::Response;
    type Error = Error;
    type Future = Observed<S::Future, Recording, S::Response>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx).map_err(Error::from_any)
    }

    fn call(&mut self, call: Call<R>) -> Self::Future {
        let (model, operation) = (call.request.model(), call.request.operation());
        let guard = AttemptGuard::open(&call.context, model, operation, &self.prices);
        let recording = Recording(Some(guard));
        Observed::new(self.inner.call(M::pass(call)), recording)
    }
}

/// Records one attempt to its last token.
#[derive(Debug)]
pub struct Recording(Option<AttemptGuard>);

impl Recording {
    fn note(&self, usage: Option<Usage>, model: Option<&str>) {
        let Some(guard) = &self.0 else { return };
        if let Some(usage) = usage {
            guard.usage(usage);
        }
        if let Some(model) = model {
            guard.answered_by(model);
        }
    }
}

impl<Res: LlmResponse> Observe<Res> for Recording {
    fn answer(&mut self, answer: &Res) {
        self.note(answer.usage(), answer.model());
    }

    fn chunk(&mut self, chunk: &Res::Chunk, first_content: bool) {
        if let Some(guard) = &mut self.0 {
            guard.begun();
        }
        // The model is named in every chunk: it is noted with the first content and with usage.
        let usage = chunk.usage();
        if first_content || usage.is_some() {
            self.note(usage, chunk.model());
        }
        if let (true, Some(guard)) = (first_content, &self.0) {
            guard.first_token();
        }
    }

    fn end(&mut self, how: End<'_>) {
        let Some(guard) = self.0.take() else { return };
        match how {
            End::Complete => guard.end(Outcome::Answered),
            End::Failed(error) if error.kind() == ErrorKind::Timeout => {
                guard.end(Outcome::TimedOut);
            }
            End::Failed(error) => guard.end(Outcome::Failed(error.kind())),
            End::Dropped => drop(guard),
        }
    }
}
