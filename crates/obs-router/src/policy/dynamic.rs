//! A policy that is chosen while the program runs.
use std::{fmt, sync::Arc};

use obs_core::CallContext;

use crate::{Decision, Explanation, Policy};

/// Any policy, behind one pointer: for programs that choose it by a setting. A clone is the same policy.
pub struct DynPolicy<R>(Arc<dyn Policy<R> + Send + Sync>);

impl<R> DynPolicy<R> {
    /// This policy.
    pub fn new(policy: impl Policy<R> + Send + Sync + 'static) -> Self {
        Self(Arc::new(policy))
    }
}

impl<R> Policy<R> for DynPolicy<R> {
    fn decide(&self, request: &R, context: &CallContext) -> Decision {
        self.0.decide(request, context)
    }

    fn explain(&self, request: &R, context: &CallContext) -> Option<Explanation> {
        self.0.explain(request, context)
    }
}

impl<R> Clone for DynPolicy<R> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<R> fmt::Debug for DynPolicy<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DynPolicy(..)")
    }
}
