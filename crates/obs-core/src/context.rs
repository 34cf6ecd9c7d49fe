//! The circumstances of a call.
use std::sync::Arc;

use crate::{
    CacheDirectives, Deadline, Journal, Purpose, Report,
    scope::{Scope, ScopeEntry},
};

/// The circumstances of one call, or of one attempt of several.
///
/// The plain fields belong to this scope of the call; the journal is shared by all its scopes.
#[derive(Clone, Debug, Default)]
pub struct CallContext {
    /// A name for the call in logs, spans and headers.
    pub id: Option<Arc<str>>,
    /// On whose behalf the call is made; `None` is a tenant of its own.
    pub tenant: Option<Arc<str>>,
    /// The conversation to which it belongs.
    pub session: Option<Arc<str>>,
    /// The part of a cache in which its answer is looked for and kept.
    pub namespace: Option<Arc<str>>,
    /// Until when the answer is wanted.
    pub deadline: Deadline,
    /// What the caller asks of a cache.
    pub cache: CacheDirectives,
    /// The route that a router chose.
    pub route: Option<Arc<str>>,
    /// The routes that the call may take, by name; `None`: all of them. No other one is asked, whatever a policy, a list of
    /// fallbacks or a judge says.
    pub allowed: Option<Arc<[Arc<str>]>>,
    /// Why this attempt is made.
    pub purpose: Purpose,
    /// What happened to the call so far.
    pub journal: Journal,
    /// Private: whoever wants another one asks for a child.
    scope: Scope,
}

impl CallContext {
    /// A scope of its own for one attempt: same circumstances, same journal.
    #[must_use]
    pub fn child(&self, purpose: Purpose) -> Self {
        let parent = self.scope;
        let scope = self.journal.with(|report| report.open_scope(parent));
        Self {
            purpose,
            scope,
            ..self.clone()
        }
    }

    /// The same circumstances and listeners for another call, with a journal of its own: a call that several share,
    /// a refresh in the background.
    #[must_use]
    pub fn fresh(&self, purpose: Purpose) -> Self {
        Self {
            journal: self.journal.fresh(),
            purpose,
            scope: Scope::default(),
            ..self.clone()
        }
    }

    /// Whether the call may take the route of this name.
    #[must_use]
    pub fn may_take(&self, route: &str) -> bool {
        let allowed = self.allowed.as_ref();
        allowed.is_none_or(|allowed| allowed.iter().any(|name| **name == *route))
    }

    /// The answer that this scope gave is not used: it lost a race, or was judged unfit.
    pub fn reject(&self) {
        self.mark(|entry| entry.rejected = true);
    }

    /// Drops what is inside because its time is up.
    ///
    /// Attempts that are open in this scope end as timed out, also where the deadline in the context is still far
    /// away (first token, idle).
    pub fn cut(&self, drop_inner: impl FnOnce()) {
        self.mark(|entry| entry.cut = true);
        drop_inner();
        // The scope may see another attempt, which may end in another way.
        self.mark(|entry| entry.cut = false);
    }

    /// Notes that the call is late, once.
    pub fn mark_late(&self) {
        self.journal.mark_late();
    }

    /// Tells this call how the shared call that it waits for is doing. `told` counts the decisions told before.
    pub fn inform(&self, shared: &Report, told: &mut usize) {
        self.journal.with(|report| {
            report.late = report.late.or(shared.late);
            if report.origin.is_none() && shared.origin != report.span {
                report.origin.clone_from(&shared.origin);
            }
            let news = shared.decisions.iter().skip(*told);
            report.decisions.extend(news.cloned());
        });
        *told = shared.decisions.len();
    }

    /// Makes the attempts of a shared call this call's own: it pays for them.
    ///
    /// They stay in the other report too, whose guards know them by their place.
    pub fn absorb(&self, shared: &Report) {
        let here = self.scope;
        self.journal.with(|report| report.absorb(shared, here));
    }

    pub(crate) fn scope(&self) -> Scope {
        self.scope
    }

    fn mark(&self, mark: impl FnOnce(&mut ScopeEntry)) {
        self.journal
            .with(|report| mark(report.scope_mut(self.scope)));
    }
}
