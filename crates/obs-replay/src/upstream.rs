//! The provider of a replay.
use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::{Stream, StreamExt, stream};
use obs_core::{Call, Error, ErrorKind, Purpose};
use tokio::time::{Instant, sleep_until};
use tower_service::Service;

use crate::{Answer, Ask, Outcome, Piece, told::Told};

/// Answers as the question says that the route does, after the time that it says. Always ready: a replay is open-loop, and the
/// provider has no limit of its own.
#[derive(Clone, Debug)]
pub(crate) struct Upstream {
    routes: Arc<[Arc<str>]>,
}

/// When something comes of an attempt.
#[derive(Clone, Copy)]
struct Moments {
    /// `None`: there is no token before the end.
    first_token: Option<Duration>,
    end: Duration,
}

impl Upstream {
    pub(crate) fn new(routes: Arc<[Arc<str>]>) -> Self {
        Self { routes }
    }

    fn outcome<'a>(&self, call: &'a Call<Ask>) -> Option<&'a Outcome> {
        let question = call.request.question();
        let outcome = match &call.context.route {
            Some(route) => {
                let at = self.routes.iter().position(|name| name == route)?;
                question.outcomes.get(at)
            }
            None => question.unrouted.as_ref(),
        }?;
        let again = outcome.again.as_deref();
        let again = again.filter(|_| call.context.purpose == Purpose::Judge);
        Some(again.unwrap_or(outcome))
    }
}

impl Moments {
    fn of(outcome: &Outcome, purpose: Purpose) -> Self {
        let first = Self {
            first_token: outcome.first_token.map(|of| of.min(outcome.took)),
            end: outcome.took,
        };
        match outcome.hedged {
            Some(token) if purpose == Purpose::Hedge => {
                let rest = first
                    .first_token
                    .map_or(Duration::ZERO, |of| first.end - of);
                Self {
                    first_token: first.first_token.map(|_| token),
                    end: token + rest,
                }
            }
            _ => first,
        }
    }
}

impl Service<Call<Ask>> for Upstream {
    type Response = Answer;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Answer, Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Call<Ask>) -> Self::Future {
        let Some(outcome) = self.outcome(&call) else {
            let message = "nothing is known of this route for this question";
            return Box::pin(std::future::ready(Err(Error::new(
                ErrorKind::Unknown,
                message,
            ))));
        };
        let moments = Moments::of(outcome, call.context.purpose);
        let (error, told) = (outcome.error, Arc::new(Told::of(outcome)));
        // A stream that failed before its first token failed with its head.
        if call.request.question().stream && (error.is_none() || moments.first_token.is_some()) {
            let answer = Answer::streamed(told.clone(), pieces(moments, error, told));
            return Box::pin(std::future::ready(Ok(answer)));
        }
        let start = Instant::now();
        Box::pin(async move {
            until(start, moments.end).await;
            match error {
                Some(kind) => Err(recorded(kind)),
                None => Ok(Answer::whole(told)),
            }
        })
    }
}

/// The first token, and then the rest or a failure.
fn pieces(
    moments: Moments,
    error: Option<ErrorKind>,
    told: Arc<Told>,
) -> impl Stream<Item = Result<Piece, Error>> + Send + 'static {
    let start = Instant::now();
    let first = stream::once(async move {
        until(start, moments.first_token.unwrap_or(moments.end)).await;
        Ok(Piece::FIRST)
    });
    first.chain(stream::once(async move {
        until(start, moments.end).await;
        match error {
            Some(kind) => Err(recorded(kind)),
            None => Ok(Piece::rest(told)),
        }
    }))
}

/// A timer is made where time passes.
async fn until(start: Instant, time: Duration) {
    if !time.is_zero() {
        sleep_until(start + time).await;
    }
}

fn recorded(kind: ErrorKind) -> Error {
    Error::new(kind, "as it was recorded")
}
