//! Which route made the responses that providers keep: who asks for one by its name, or goes on with it, asks there.
use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use obs_core::{Call, End, Error, LlmChunk, LlmResponse, Observe, Observed};
use tower::Service;

/// How many responses are remembered.
const REMEMBERED: usize = 65_536;

/// The responses of late.
#[derive(Clone, Debug, Default)]
pub(crate) struct Made(Arc<Mutex<Parts>>);

#[derive(Debug, Default)]
struct Parts {
    order: VecDeque<Arc<str>>,
    by: HashMap<Arc<str>, Maker>,
}

/// Who made a response, and for whom.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Maker {
    tenant: Option<Arc<str>>,
    /// `None`: the first provider.
    route: Option<Arc<str>>,
}

/// Where a response is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    /// With the provider of this route; `None`: with the first one.
    Own(Option<Arc<str>>),
    /// It is another tenant's.
    Another,
    /// It was made long ago, or elsewhere.
    Unknown,
}

impl Made {
    /// Where the response of this name is, as this tenant may know it.
    pub(crate) fn find(&self, id: &str, tenant: Option<&str>) -> Kept {
        let parts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match parts.by.get(id) {
            None => Kept::Unknown,
            Some(maker) if maker.tenant.as_deref() == tenant => Kept::Own(maker.route.clone()),
            Some(_) => Kept::Another,
        }
    }

    /// Remembers the responses that come from there.
    pub(crate) fn by<S>(&self, inner: S) -> Noted<S> {
        Noted {
            inner,
            made: self.clone(),
        }
    }

    /// The name that was given first counts: a provider that gives one twice does not take a response from its tenant.
    fn note(&self, id: &str, maker: &Maker) {
        let mut parts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if parts.by.contains_key(id) {
            return;
        }
        if parts.order.len() == REMEMBERED
            && let Some(oldest) = parts.order.pop_front()
        {
            parts.by.remove(&oldest);
        }
        let id: Arc<str> = id.into();
        parts.order.push_back(id.clone());
        parts.by.insert(id, maker.clone());
    }
}

/// The service that [`Made::by`] makes. Readiness is that of the service inside.
#[derive(Clone, Debug)]
pub(crate) struct Noted<S> {
    inner: S,
    made: Made,
}

impl<S, R, Res> Service<Call<R>> for Noted<S>
where
    S: Service<Call<R>, Response = Res, Error = Error>,
    Res: LlmResponse + 'static,
{
    type Response = Res;
    type Error = Error;
    type Future = Observed<S::Future, Noting, Res>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, call: Call<R>) -> Self::Future {
        let noting = Noting {
            made: self.made.clone(),
            maker: Some(Maker {
                tenant: call.context.tenant.clone(),
                route: call.context.route.clone(),
            }),
        };
        Observed::new(self.inner.call(call), noting)
    }
}

/// Waits for the name of one response.
#[derive(Debug)]
pub(crate) struct Noting {
    made: Made,
    /// `None`: it was told.
    maker: Option<Maker>,
}

impl Noting {
    fn name(&mut self, id: Option<&str>) {
        if let (Some(id), Some(maker)) = (id, &self.maker) {
            self.made.note(id, maker);
            self.maker = None;
        }
    }
}

impl<Res: LlmResponse> Observe<Res> for Noting {
    fn answer(&mut self, answer: &Res) {
        self.name(answer.id());
    }

    fn chunk(&mut self, chunk: &Res::Chunk, _first_content: bool) {
        self.name(chunk.id());
    }

    fn end(&mut self, _: End<'_>) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_response_is_forgotten_and_no_name_is_given_twice() {
        let made = Made::default();
        let maker = |tenant: &str, route: Option<&str>| Maker {
            tenant: Some(tenant.into()),
            route: route.map(Into::into),
        };
        for id in 0..=REMEMBERED {
            made.note(&id.to_string(), &maker("t", Some("cheap")));
        }
        made.note("1", &maker("u", None));
        assert_eq!(made.find("0", Some("t")), Kept::Unknown);
        assert_eq!(made.find("1", Some("t")), Kept::Own(Some("cheap".into())));
        assert_eq!(made.find("1", Some("u")), Kept::Another);
        let parts = made.0.lock().unwrap();
        assert_eq!(
            (parts.order.len(), parts.by.len()),
            (REMEMBERED, REMEMBERED)
        );
    }
}
