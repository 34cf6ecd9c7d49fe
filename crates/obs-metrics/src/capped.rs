//! A bounded set of names that callers choose.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

/// The name that stands for all names beyond the cap.
pub const OTHER: &str = "other";

/// How many distinct names are kept apart by default.
pub const DEFAULT_CAP: usize = 100;

/// Names longer than this, in bytes, are not kept apart.
const LONGEST: usize = 128;

/// Something for each name, for a bounded number of names: the rest share what is kept for [`OTHER`].
///
/// Callers choose model names, and would otherwise choose how many series there are. The first names that come are kept, so
/// enter those that are configured before others can fill the set.
#[derive(Debug)]
pub struct Capped<T = ()> {
    cap: usize,
    kept: RwLock<HashMap<Arc<str>, Arc<T>>>,
}

impl<T> Default for Capped<T> {
    fn default() -> Self {
        Self::new(DEFAULT_CAP)
    }
}

impl<T> Capped<T> {
    /// At most `cap` distinct names, and [`OTHER`]. With zero, every name is [`OTHER`].
    #[must_use]
    pub fn new(cap: usize) -> Self {
        Self {
            cap,
            kept: RwLock::default(),
        }
    }

    /// What is kept for this name, made by `make` when it is new; beyond the cap, and for empty and absurdly long names, what
    /// is kept for [`OTHER`].
    ///
    /// `make` is given the name under which it will be kept, and must not come back to this set.
    pub fn entry(&self, name: &str, make: impl FnOnce(&Arc<str>) -> T) -> Arc<T> {
        let possible = !name.is_empty() && name.len() <= LONGEST;
        if possible {
            let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(entry) = kept.get(name) {
                return entry.clone();
            }
            // Full for good, as nothing is ever taken out: no need to wait for the writers.
            if kept.len() > self.cap
                && let Some(entry) = kept.get(OTHER)
            {
                return entry.clone();
            }
        }
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        let others = usize::from(kept.contains_key(OTHER));
        let room = kept.len() - others < self.cap;
        let name = if possible && (room || kept.contains_key(name)) {
            name
        } else {
            OTHER
        };
        if let Some(entry) = kept.get(name) {
            return entry.clone();
        }
        let name: Arc<str> = name.into();
        let entry = Arc::new(make(&name));
        kept.insert(name, entry.clone());
        entry
    }

    /// What is kept for this very name, if anything is.
    pub fn get(&self, name: &str) -> Option<Arc<T>> {
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        kept.get(name).cloned()
    }

    /// Shows everything that is kept, in no order.
    pub fn for_each(&self, mut show: impl FnMut(&Arc<str>, &T)) {
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        for (name, entry) in &*kept {
            show(name, entry);
        }
    }
}

impl Capped<Arc<str>> {
    /// The name itself, or [`OTHER`].
    pub fn name(&self, name: &str) -> Arc<str> {
        self.entry(name, Arc::clone).as_ref().clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_beyond_the_cap_are_other() {
        let names = Capped::new(2);
        assert_eq!(&*names.name("a"), "a");
        assert_eq!(&*names.name("b"), "b");
        assert_eq!(&*names.name("c"), OTHER);
        assert_eq!(&*names.name("d"), OTHER);
        assert_eq!(&*names.name("a"), "a");
    }

    #[test]
    fn what_is_not_kept_is_not_made_by_looking() {
        let names = Capped::new(2);
        assert_eq!(names.get("a"), None);
        names.name("a");
        assert_eq!(names.get("a").as_deref().map(AsRef::as_ref), Some("a"));
        assert_eq!(names.get(OTHER), None);
    }

    #[test]
    fn other_takes_no_room() {
        let names = Capped::new(1);
        assert_eq!(&*names.name(OTHER), OTHER);
        assert_eq!(&*names.name("a"), "a");
        assert_eq!(&*names.name("b"), OTHER);
    }

    #[test]
    fn empty_and_endless_names_are_other() {
        let names = Capped::default();
        assert_eq!(&*names.name(""), OTHER);
        assert_eq!(&*names.name(&"x".repeat(LONGEST + 1)), OTHER);
        let long = "x".repeat(LONGEST);
        assert_eq!(&*names.name(&long), long);
    }

    #[test]
    fn each_name_has_one_entry() {
        let counts: Capped<crate::Count> = Capped::new(10);
        counts.entry("a", |_| crate::Count::new()).inc();
        counts.entry("a", |_| crate::Count::new()).inc();
        let mut seen = Vec::new();
        counts.for_each(|name, count| seen.push((name.to_string(), count.get())));
        assert_eq!(seen, [("a".to_owned(), 2)]);
    }
}
