//! The provider of a replay.
use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use obs_core::{Call, Error, ErrorKind};
use tokio::time::sleep;
use tower_service::Service;

use crate::{Answer, Ask, Outcome};

/// Answers as the question says that the route does, after the time that it says. Always ready: a replay is open-loop, and the
/// provider has no limit of its own.
#[derive(Clone, Debug)]
pub(crate) struct Upstream {
    routes: Arc<[Arc<str>]>,
}

impl Upstream {
    pub(crate) fn new(routes: Arc<[Arc<str>]>) -> Self {
        Self { routes }
    }

    fn outcome<'a>(&self, call: &'a Call<Ask>) -> Option<&'a Outcome> {
        let question = call.request.question();
        match &call.context.route {
            Some(route) => {
                let at = self.routes.iter().position(|name| name == route)?;
                question.outcomes.get(at)
            }
            None => question.unrouted.as_ref(),
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
        let (took, error, answer) = (outcome.took, outcome.error, Answer::from(outcome));
        Box::pin(async move {
            // A timer is made where time passes.
            if !took.is_zero() {
                sleep(took).await;
            }
            match error {
                Some(kind) => Err(Error::new(kind, "as it was recorded")),
                None => Ok(answer),
            }
        })
    }
}
