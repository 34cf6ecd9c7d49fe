//! Two answers to one question.
use std::{
    collections::HashSet,
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use obs_core::{BoxError, Call, Commit, Committed, Finish, LlmRequest, LlmResponse, Purpose};
use tower::util::ServiceExt;
use tower_service::Service;

use super::number::last_number;
use crate::{Judge, Seen, Verdict};

/// The words of two answers that have to be the same, as a share of all words of either.
const ALIKE: f64 = 0.6;

/// Accepts an answer that a second answer of the same route agrees with: what a model makes up, it makes up in another way each time.
///
/// The second question is a call of its own, with the purpose [`Judge`](Purpose::Judge), through the service that is given: the one that is
/// inside of the router, with its limits and its [`AttemptLayer`](obs_core::AttemptLayer), so that it is in the call's journal and what it costs
/// is part of what the call paid. It is asked within the deadline of the call, and as soon as the first answer is complete. Where it
/// fails, the first answer is accepted: nothing speaks against it. Dropping the call ends it. An answer that calls tools is accepted
/// without a second one.
///
/// It tells nothing where answers do not differ, at a temperature of zero or through a cache, and little where many answers are right. Whether
/// two answers agree, [`agree`] says, or [a function of the caller's](Self::by).
#[derive(Clone)]
pub struct Consistency<S> {
    service: S,
    agree: Arc<Agree>,
}

/// Whether two texts say the same.
type Agree = dyn Fn(&str, &str) -> bool + Send + Sync;

/// The verdict of [`Consistency`]. Dropping it ends the second call.
#[must_use = "futures do nothing unless polled"]
pub struct ConsistencyFuture(Pin<Box<dyn Future<Output = Verdict> + Send>>);

impl<S> Consistency<S> {
    /// By a second answer of this service.
    pub fn new(service: S) -> Self {
        Self {
            service,
            agree: Arc::new(agree),
        }
    }

    /// Where this function says that two texts agree.
    #[must_use]
    pub fn by(mut self, agree: impl Fn(&str, &str) -> bool + Send + Sync + 'static) -> Self {
        self.agree = Arc::new(agree);
        self
    }
}

impl<S, R, Res> Judge<R, Res> for Consistency<S>
where
    R: LlmRequest + Clone + Send + 'static,
    Res: LlmResponse + Send + 'static,
    S: Service<Call<R>, Response = Res> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Into<BoxError>,
{
    const COMMIT: Commit = Commit::Complete;

    type Future = ConsistencyFuture;

    fn judge(&self, call: &Call<R>, answer: &Res) -> ConsistencyFuture {
        let says = |seen: &Seen| seen.finish != Some(Finish::ToolCalls);
        let Some(first) = Seen::whole(answer).filter(says) else {
            return ConsistencyFuture(Box::pin(std::future::ready(Verdict::Accept)));
        };
        // The route and the model that gave this answer are those that were asked last.
        let asked = call.context.journal.with(|report| {
            let last = report.attempts.last();
            last.map(|attempt| (attempt.route.clone(), attempt.asked.clone()))
        });
        let (service, agree) = (self.service.clone(), self.agree.clone());
        let (mut request, outer) = (call.request.clone(), call.context.clone());
        ConsistencyFuture(Box::pin(async move {
            let mut context = outer.child(Purpose::Judge);
            if let Some((route, model)) = asked {
                context.route = route;
                request.set_model(&model);
            }
            let again = service.oneshot(Call::with_context(request, context));
            let second = match Committed::new(again, Commit::Complete).await {
                Ok(answer) => Seen::whole(&answer),
                Err(_) => None,
            };
            Verdict::of(second.is_none_or(|second| agree(&first.text, &second.text)))
        }))
    }
}

impl Future for ConsistencyFuture {
    type Output = Verdict;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Verdict> {
        self.0.as_mut().poll(cx)
    }
}

impl<S> fmt::Debug for Consistency<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Consistency(..)")
    }
}

impl fmt::Debug for ConsistencyFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ConsistencyFuture(..)")
    }
}

/// Whether two answers agree: where both have numbers, the last ones are the same; where not, three fifths of the words of either are words
/// of both, whatever their order, capitals and punctuation.
#[must_use]
pub fn agree(one: &str, other: &str) -> bool {
    if let (Some(one), Some(other)) = (last_number(one), last_number(other)) {
        return (one - other).abs() <= 1e-9 * one.abs().max(other.abs());
    }
    let words = |text: &str| -> HashSet<String> {
        let words = text.split(|c: char| !c.is_alphanumeric());
        words
            .filter(|word| !word.is_empty())
            .map(str::to_lowercase)
            .collect()
    };
    let (one, other) = (words(one), words(other));
    let all = one.union(&other).count();
    all == 0 || one.intersection(&other).count() as f64 >= ALIKE * all as f64
}
