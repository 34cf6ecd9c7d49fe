//! Where calls can go.
use std::{sync::Arc, time::Duration};

/// Most routes of one router.
pub const MAX_ROUTES: usize = 64;

/// The route label of calls that pass through unrouted. No route can have this name.
pub const OTHER: &str = "other";

/// A place where calls can go: a model, or a service of its own (see [`Backends`](crate::Backends)).
///
/// List routes from the cheapest to the best.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    pub(crate) name: Arc<str>,
    pub(crate) model: Option<Arc<str>>,
    pub(crate) context: Option<u64>,
    pub(crate) limit: Option<Duration>,
    pub(crate) fallback: Vec<Arc<str>>,
    pub(crate) weight: Option<u32>,
    pub(crate) prefill: bool,
}

impl Route {
    /// A route of this name: the label `route` of the metrics, [`CallContext::route`](obs_core::CallContext::route) of its
    /// attempts, and the key of a price of its own.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self {
            name: name.into(),
            model: None,
            context: None,
            limit: None,
            fallback: Vec::new(),
            weight: None,
            prefill: false,
        }
    }

    /// The model that is asked on this route. Unset: the one that the request names.
    #[must_use]
    pub fn model(mut self, model: impl Into<Arc<str>>) -> Self {
        self.model = Some(model.into());
        self
    }

    /// The window of its model, in tokens.
    ///
    /// A prompt that [surely does not fit](obs_core::LlmRequest::fits) is not sent here while a route is left whose window is known
    /// to be large enough for all that is known: that one is taken at once, with the reason [`Context`](crate::Reason::Context). If
    /// none is, the route is asked, and says so itself. A prompt that was too long for one route goes on only to routes with a
    /// window that is known to be larger. Unset: nothing is known.
    #[must_use]
    pub fn context(mut self, tokens: u64) -> Self {
        self.context = Some(tokens);
        self
    }

    /// How long one attempt on this route may take: to its answer, or to the commit point of its stream. It stands beside the
    /// route's share of the call's deadline; the shorter one holds. Unset: no limit of its own.
    #[must_use]
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = Some(limit);
        self
    }

    /// The routes that calls fall over to, in this order, when their caller has *named* this route or its model. Unset: none,
    /// for who names a model wants that model. Calls that a policy decided fall over to all other routes.
    #[must_use]
    pub fn fallback<N: Into<Arc<str>>>(mut self, routes: impl IntoIterator<Item = N>) -> Self {
        self.fallback = routes.into_iter().map(Into::into).collect();
        self
    }

    /// Its share of the calls that fall over to routes with a weight: which of these is next is drawn, so that a crowd does not
    /// move on to one route alone. Routes without a weight come after them, in their order. Zero is refused by the layer. Unset:
    /// the order of the routes holds.
    #[must_use]
    pub fn weight(mut self, share: u32) -> Self {
        self.weight = Some(share);
        self
    }

    /// Its model goes on with an answer whose beginning is the last message of the request (*prefill*): streams that break off may
    /// be [gone on with](crate::ContinueLayer) here. Many models refuse such a message, and others begin anew. Unset: it does not.
    #[must_use]
    pub fn prefill(mut self) -> Self {
        self.prefill = true;
        self
    }
}
