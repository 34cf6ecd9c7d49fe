//! What came along with a request.

use std::sync::Arc;

use obs_core::{Call, Deadline};
use opentelemetry::{Context, ContextGuard, trace::FutureExt, trace::WithContext};

/// What came along with a request.
#[derive(Clone, Debug, Default)]
pub struct Incoming {
    context: Context,
    deadline: Deadline,
    tenant: Option<Arc<str>>,
    session: Option<Arc<str>>,
}

impl Incoming {
    pub(super) const fn new(
        context: Context,
        deadline: Deadline,
        tenant: Option<Arc<str>>,
        session: Option<Arc<str>>,
    ) -> Self {
        Self {
            context,
            deadline,
            tenant,
            session,
        }
    }

    /// The span of the sender and its baggage, for spans that are made here.
    #[must_use]
    pub const fn context(&self) -> &Context {
        &self.context
    }

    /// Until when the sender waits.
    #[must_use]
    pub const fn deadline(&self) -> &Deadline {
        &self.deadline
    }

    /// On whose behalf it asks.
    #[must_use]
    pub const fn tenant(&self) -> Option<&Arc<str>> {
        self.tenant.as_ref()
    }

    /// To which conversation it belongs.
    #[must_use]
    pub const fn session(&self) -> Option<&Arc<str>> {
        self.session.as_ref()
    }

    /// A call with what came along: its deadline, tenant and session.
    #[must_use]
    pub fn call<R>(&self, request: R) -> Call<R> {
        let mut call = Call::new(request).deadline(self.deadline.clone());
        call.context.tenant.clone_from(&self.tenant);
        call.context.session.clone_from(&self.session);
        call
    }

    /// Makes the sender's span current on this thread until the guard is dropped. Not across an `await`: there
    /// [`run`](Self::run) is right.
    #[must_use = "it is current until the guard is dropped"]
    pub fn attach(&self) -> ContextGuard {
        self.context.clone().attach()
    }

    /// Runs work with the sender's span as the current one, whenever it is polled.
    pub fn run<F: Future>(&self, work: F) -> WithContext<F> {
        work.with_context(self.context.clone())
    }
}
