//! The calls of late, so that feedback is only taken from those whose call it was.
use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// How many calls are remembered.
const REMEMBERED: usize = 16_384;

/// The calls of late.
#[derive(Debug, Default)]
pub(crate) struct Calls(Mutex<Parts>);

#[derive(Debug, Default)]
struct Parts {
    order: VecDeque<Arc<str>>,
    known: HashMap<Arc<str>, Known>,
}

#[derive(Debug)]
struct Known {
    tenant: Option<Arc<str>>,
    /// What the model foresaw, where one did.
    seen: Option<obs_learn::Decision>,
    /// The route that gave the answer, once there is one.
    route: Option<Arc<str>>,
    /// Whether somebody said how good that was.
    judged: bool,
}

/// Whose call it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    /// The one's who asks.
    Own,
    /// Another's.
    Another,
    /// It was long ago, or elsewhere: nobody here can say.
    Unknown,
}

impl Calls {
    /// A call of this tenant begins.
    pub(super) fn begins(&self, call: &Arc<str>, tenant: Option<&Arc<str>>) {
        let mut parts = self.lock();
        if parts.order.len() == REMEMBERED
            && let Some(oldest) = parts.order.pop_front()
        {
            parts.known.remove(&oldest);
        }
        let known = Known {
            tenant: tenant.cloned(),
            seen: None,
            route: None,
            judged: false,
        };
        parts.order.push_back(call.clone());
        parts.known.insert(call.clone(), known);
    }

    /// This is what the model foresaw of it.
    pub(super) fn foreseen(&self, call: &str, seen: obs_learn::Decision) {
        if let Some(known) = self.lock().known.get_mut(call) {
            known.seen = Some(seen);
        }
    }

    /// What the model foresaw of a call; given out once, so that nobody teaches the same twice.
    pub(super) fn take(&self, call: &str) -> Option<obs_learn::Decision> {
        self.lock().known.get_mut(call)?.seen.take()
    }

    /// This route gave its answer.
    pub(super) fn answered(&self, call: &str, route: &Arc<str>) {
        if let Some(known) = self.lock().known.get_mut(call) {
            known.route = Some(route.clone());
        }
    }

    /// Somebody says how good its answer was: the route that gave it, where that is known and it is the first time.
    pub(super) fn judged(&self, call: &str) -> Option<Arc<str>> {
        let mut parts = self.lock();
        let known = parts.known.get_mut(call)?;
        let route = known.route.clone()?;
        (!std::mem::replace(&mut known.judged, true)).then_some(route)
    }

    pub(super) fn answered_by(&self, call: &str) -> Option<Arc<str>> {
        self.lock().known.get(call)?.route.clone()
    }

    pub(super) fn whose(&self, call: &str, tenant: &str) -> Whose {
        match self.lock().known.get(call) {
            None => Whose::Unknown,
            Some(known) if known.tenant.as_deref() == Some(tenant) => Whose::Own,
            Some(_) => Whose::Another,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Parts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_call_is_forgotten_and_never_more_is_kept() {
        let calls = Calls::default();
        let tenant: Arc<str> = "t".into();
        for call in 0..=REMEMBERED {
            calls.begins(&call.to_string().into(), Some(&tenant));
        }
        assert_eq!(calls.whose("0", "t"), Whose::Unknown);
        assert_eq!(calls.whose("1", "t"), Whose::Own);
        assert_eq!(calls.whose("1", "u"), Whose::Another);
        let parts = calls.lock();
        assert_eq!(
            (parts.order.len(), parts.known.len()),
            (REMEMBERED, REMEMBERED)
        );
    }
}
