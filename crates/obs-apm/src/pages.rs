//! What the application shows beside its metrics, on the same port.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use bytes::Bytes;

/// Pages by their path. Clones show the same ones.
#[derive(Clone, Default)]
pub(crate) struct Pages(Arc<RwLock<BTreeMap<&'static str, Page>>>);

/// Written anew for each request.
#[derive(Clone)]
pub(crate) struct Page {
    pub(crate) content_type: &'static str,
    pub(crate) write: Arc<dyn Fn() -> Bytes + Send + Sync>,
}

impl Pages {
    pub(crate) fn add(&self, path: &'static str, page: Page) {
        let mut pages = self.0.write().unwrap_or_else(PoisonError::into_inner);
        pages.insert(path, page);
    }

    /// A copy, so that nobody waits while it is written.
    pub(crate) fn find(&self, path: &str) -> Option<Page> {
        let pages = self.0.read().unwrap_or_else(PoisonError::into_inner);
        pages.get(path).cloned()
    }
}

impl fmt::Debug for Pages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pages = self.0.read().unwrap_or_else(PoisonError::into_inner);
        f.debug_set().entries(pages.keys()).finish()
    }
}
