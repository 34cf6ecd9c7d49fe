//! What the layers did to one call.
use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use crate::{
    Attempt, Outcome, Paid, Purpose, Usd,
    scope::{Scope, ScopeEntry},
};

/// What happened to one call so far. Entries carry their time.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Report {
    /// How the answer was come by. Under one cache, and with no router around it, only [`CacheStatus::Miss`] and
    /// [`CacheStatus::Bypass`] cost anything.
    pub cache: Option<CacheNote>,
    /// The decisions of routers, outermost first.
    pub decisions: Vec<Decided>,
    /// Since when the call is late.
    pub late: Option<Instant>,
    /// In the order in which they were opened.
    pub attempts: Vec<Attempt>,
    /// Where the call would have gone without a router; the outermost router says where.
    pub baseline: Option<Baseline>,
    /// The span that tells of this call, as a W3C `traceparent`; set by whoever makes spans, for those that are kept.
    pub span: Option<Arc<str>>,
    /// The span of the call that did the work, or for whose sake it is done, where that is another call: of the leader
    /// of a shared call, and of the call that set off a refresh. As a W3C `traceparent`.
    pub origin: Option<Arc<str>>,
    /// The call itself, while nobody looks inside.
    root: ScopeEntry,
    scopes: Vec<ScopeEntry>,
}

/// What a cache did with a call.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CacheNote {
    /// Where the answer came from.
    pub status: CacheStatus,
    /// When that was known.
    pub at: Instant,
    /// How old the stored answer was.
    pub age: Option<Duration>,
    /// The route that gave the stored answer.
    pub route: Option<Arc<str>>,
    /// What the stored or shared answer had cost. `None`: nothing was saved, or it is not known how much.
    pub saved: Option<Usd>,
}

/// Where the answer of a call came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CacheStatus {
    /// It was stored, and fresh.
    Hit,
    /// It was stored, and no longer fresh.
    Stale,
    /// It was asked for, and this call pays for it.
    Miss,
    /// Another call, which waited for the same, pays for it.
    Coalesced,
    /// The cache was not asked.
    Bypass,
    /// It is a refusal that was given to the same call before.
    Negative,
}

/// What a router decided.
#[derive(Clone, Debug, PartialEq)]
pub struct Decided {
    /// The route that the call takes.
    pub route: Arc<str>,
    /// Why, as a short fixed word.
    pub reason: &'static str,
    /// How difficult the request was found, if that decided.
    pub score: Option<f32>,
    /// When.
    pub at: Instant,
}

/// What savings of a router are measured against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Baseline {
    /// The route that would have been taken.
    pub route: Arc<str>,
    /// Its model; `None`: the route does not change the model that the caller asks for.
    pub model: Option<Arc<str>>,
}

impl CacheStatus {
    /// Whether the answer cost this call nothing.
    #[must_use]
    pub fn is_hit(self) -> bool {
        matches!(self, Self::Hit | Self::Stale | Self::Coalesced)
    }

    /// A fixed lower-case name, for labels and headers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Stale => "stale",
            Self::Miss => "miss",
            Self::Coalesced => "coalesced",
            Self::Bypass => "bypass",
            Self::Negative => "negative",
        }
    }
}

impl CacheNote {
    /// A note of this status, made now.
    #[must_use]
    pub fn new(status: CacheStatus) -> Self {
        Self {
            status,
            at: Instant::now(),
            age: None,
            route: None,
            saved: None,
        }
    }
}

impl Report {
    /// What all attempts cost, those included whose answer was not used.
    #[must_use]
    pub fn paid(&self) -> Paid {
        self.attempts.iter().map(|attempt| attempt.cost).sum()
    }

    /// What a cache saved; `None`: nothing, or it is not known how much.
    #[must_use]
    pub fn saved_by_cache(&self) -> Option<Usd> {
        self.cache.as_ref()?.saved
    }

    /// The attempt whose answer the caller got; `None` for a hit.
    #[must_use]
    pub fn chosen(&self) -> Option<&Attempt> {
        self.attempts.iter().rev().find(|attempt| {
            attempt.outcome == Some(Outcome::Answered)
                && attempt.purpose != Purpose::Judge
                && !self.is(attempt.scope, |entry| entry.rejected)
        })
    }

    /// What the baseline would have cost less everything paid, negative for a loss.
    ///
    /// `None` without an answer of a model, without a baseline, and while a part of it is unknown.
    #[must_use]
    pub fn saved_by_route(&self) -> Option<Usd> {
        let baseline = self.chosen()?.cost_with(self.baseline.as_ref()?)?;
        Some(baseline - self.paid().exact()?)
    }

    /// What the call would have cost with neither cache nor router: paid, and saved by the one and by the other.
    #[must_use]
    pub fn baseline_cost(&self) -> Option<Usd> {
        match &self.cache {
            Some(note) if note.status.is_hit() => Some(note.saved? + self.paid().exact()?),
            _ => match &self.baseline {
                Some(baseline) => self.chosen()?.cost_with(baseline),
                None => self.paid().exact(),
            },
        }
    }

    pub(crate) fn open_scope(&mut self, parent: Scope) -> Scope {
        self.scopes.push(ScopeEntry {
            parent,
            ..ScopeEntry::default()
        });
        Scope::at(self.scopes.len() - 1)
    }

    pub(crate) fn scope_mut(&mut self, scope: Scope) -> &mut ScopeEntry {
        match scope.index() {
            Some(index) => &mut self.scopes[index],
            None => &mut self.root,
        }
    }

    /// Whether it holds for this scope or for one around it.
    pub(crate) fn is(&self, mut scope: Scope, what: impl Fn(&ScopeEntry) -> bool) -> bool {
        while let Some(entry) = scope.index().map(|index| &self.scopes[index]) {
            if what(entry) {
                return true;
            }
            scope = entry.parent;
        }
        what(&self.root)
    }

    /// Takes over the attempts and scopes of another report, inside of the scope `here`.
    pub(crate) fn absorb(&mut self, other: &Self, here: Scope) {
        let base = self.scopes.len();
        let moved = |scope: Scope| scope.moved(base, here);
        self.scopes
            .extend(other.scopes.iter().map(|entry| ScopeEntry {
                parent: moved(entry.parent),
                ..*entry
            }));
        self.attempts.extend(other.attempts.iter().map(|attempt| {
            let mut attempt = attempt.clone();
            attempt.scope = moved(attempt.scope);
            attempt
        }));
        if self.baseline.is_none() {
            self.baseline.clone_from(&other.baseline);
        }
    }
}
