//! What is remembered of a log while it goes by: so much, and no more.
use std::{
    collections::{HashMap, VecDeque},
    hash::Hash,
};

/// The latest entries by their keys.
#[derive(Debug)]
pub(super) struct Latest<K, V> {
    entries: HashMap<K, V>,
    order: VecDeque<K>,
    most: usize,
}

impl<K: Copy + Eq + Hash, V> Latest<K, V> {
    pub(super) fn new(most: usize) -> Self {
        Self {
            entries: HashMap::new(),
            order: VecDeque::new(),
            most,
        }
    }

    /// Of this key, in place of what was there.
    pub(super) fn put(&mut self, key: K, value: V) {
        if self.entries.insert(key, value).is_none() {
            self.order.push_back(key);
            if self.order.len() > self.most
                && let Some(oldest) = self.order.pop_front()
            {
                self.entries.remove(&oldest);
            }
        }
    }

    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.entries.get(key)
    }

    pub(super) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.entries.get_mut(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_makes_room() {
        let mut latest = Latest::new(2);
        latest.put(1, "one");
        latest.put(2, "two");
        latest.put(1, "one again");
        latest.put(3, "three");
        assert_eq!(latest.get(&1), None);
        assert_eq!(
            (latest.get(&2), latest.get(&3)),
            (Some(&"two"), Some(&"three"))
        );
    }
}
