//! The envelope in which a request travels through the layers.
use std::sync::Arc;

use crate::{CacheDirectives, CallContext, Deadline, Journal};

/// A request on its way to a model, and the circumstances of the call.
///
/// As `http::Request` has extensions, a call has a [`CallContext`]: the layers talk to each other through it, and no
/// request type needs a field for it. It is not `Clone`, because a clone would share the journal unseen: a layer
/// that asks more than once clones the request and takes [`CallContext::child`].
#[derive(Debug)]
#[non_exhaustive]
pub struct Call<R> {
    /// What is asked.
    pub request: R,
    /// The circumstances in which it is asked.
    pub context: CallContext,
}

impl<R> Call<R> {
    /// A call in no particular circumstances: no tenant, no deadline, a journal of its own.
    #[must_use]
    pub fn new(request: R) -> Self {
        Self::with_context(request, CallContext::default())
    }

    /// A call in these circumstances.
    #[must_use]
    pub fn with_context(request: R, context: CallContext) -> Self {
        Self { request, context }
    }

    /// On whose behalf it is made. Tenants never see each other's cached answers.
    #[must_use]
    pub fn tenant(mut self, tenant: impl Into<Arc<str>>) -> Self {
        self.context.tenant = Some(tenant.into());
        self
    }

    /// To which conversation it belongs.
    #[must_use]
    pub fn session(mut self, session: impl Into<Arc<str>>) -> Self {
        self.context.session = Some(session.into());
        self
    }

    /// In which part of a cache its answer is looked for and kept.
    #[must_use]
    pub fn namespace(mut self, namespace: impl Into<Arc<str>>) -> Self {
        self.context.namespace = Some(namespace.into());
        self
    }

    /// What the caller asks of a cache.
    #[must_use]
    pub fn cache(mut self, directives: CacheDirectives) -> Self {
        self.context.cache = directives;
        self
    }

    /// Until when the answer is wanted.
    #[must_use]
    pub fn deadline(mut self, deadline: Deadline) -> Self {
        self.context.deadline = deadline;
        self
    }

    /// The request, without its envelope.
    #[must_use]
    pub fn into_inner(self) -> R {
        self.request
    }

    /// To be kept by the caller, who reads in it what happened: also after an error or a cancellation.
    #[must_use]
    pub fn journal(&self) -> Journal {
        self.context.journal.clone()
    }
}
