//! Memory, and memory in front of another store.
use std::{
    future::Ready,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::FutureExt;
use obs_cache::*;
use obs_core::*;

use crate::chat::Shelf;

const MINUTE: Duration = Duration::from_secs(60);

fn key(number: usize) -> Key {
    Fingerprint::new()
        .field("number", &number.to_le_bytes())
        .finish()
}

fn at(minutes: u32) -> Timestamp {
    Timestamp::from_millis(1_000_000).after(minutes * MINUTE)
}

fn entry(body: &str, created: u32, minutes: u32) -> Entry {
    Entry::new(
        Bytes::copy_from_slice(body.as_bytes()),
        at(created),
        minutes * MINUTE,
    )
}

fn get<S: Store>(store: &S, now: u32) -> Option<String> {
    let found = store.get(&key(0), at(now)).now_or_never().expect("at once");
    let entry = found.unwrap()?;
    Some(String::from_utf8(entry.body.to_vec()).unwrap())
}

#[test]
fn it_never_holds_more_than_it_may() {
    let most = 64 << 10;
    let memory = Memory::new(most);
    for number in 0..2000 {
        let body = "x".repeat(number % 3000);
        memory.put(&key(number), entry(&body, 0, 1), at(0));
        let stats = memory.stats();
        assert!(stats.bytes <= most, "{stats:?}");
    }
    let stats = memory.stats();
    assert!(stats.bytes > most / 2 && stats.entries > 5, "{stats:?}");
    assert_eq!(stats.entries + stats.evictions, 2000);
}

#[test]
fn keys_and_the_table_take_room_too() {
    let memory = Memory::new(64 << 10);
    for number in 0..10_000 {
        memory.put(&key(number), entry("", 0, 1), at(0));
    }
    assert!(memory.stats().entries < 1000);
}

#[test]
fn what_does_not_fit_at_all_is_not_kept_and_pushes_nothing_out() {
    let memory = Memory::new(64 << 10);
    memory.put(&key(0), entry("small", 0, 1), at(0));
    memory.put(&key(1), entry(&"x".repeat(100 << 10), 0, 1), at(0));
    assert_eq!(get(&memory, 0).as_deref(), Some("small"));
    assert_eq!(memory.stats().entries, 1);
}

/// A full memory, and how many entries of a kilobyte fit into it.
fn full() -> (Memory, usize) {
    let memory = Memory::new(1 << 20);
    let mut number = 0;
    while memory.stats().evictions == 0 {
        put(&memory, number);
        number += 1;
    }
    (memory, number - 1)
}

fn put(memory: &Memory, number: usize) {
    memory.put(&key(number), entry(&"x".repeat(1024), 0, 1), at(0));
}

fn holds(memory: &Memory, number: usize) -> bool {
    let found = memory.get(&key(number), at(0)).now_or_never();
    found.expect("at once").unwrap().is_some()
}

#[test]
fn when_it_is_full_a_new_answer_still_waits_for_its_repeat() {
    let (memory, fit) = full();
    let (first, later) = (fit + 1, fit / 5);
    for number in first..first + 4 * fit {
        put(&memory, number);
        if number >= first + later {
            let earlier = number - later;
            assert!(holds(&memory, earlier), "{earlier} of {number}, {fit} fit");
        }
    }
    assert!(memory.stats().evictions > 3 * fit as u64);
}

#[test]
fn what_is_asked_for_again_outlasts_what_is_not() {
    let (memory, fit) = full();
    let popular = 0..fit / 4;
    for number in fit + 1..11 * fit {
        put(&memory, number);
        if number % fit == 0 {
            for number in popular.clone() {
                assert!(holds(&memory, number), "{number}, {fit} fit");
            }
        }
    }
}

#[test]
fn a_slice_of_a_large_buffer_does_not_keep_the_buffer() {
    let memory = Memory::new(1 << 20);
    let large = Bytes::from(vec![b'x'; 1 << 16]);
    let slice = Entry::new(large.slice(..3), at(0), MINUTE);
    memory.put(&key(0), slice, at(0));
    assert!(large.is_unique());
    assert_eq!(get(&memory, 0).as_deref(), Some("xxx"));
}

#[test]
fn what_has_expired_is_not_given_and_makes_room() {
    let memory = Memory::new(1 << 20);
    memory.put(&key(0), entry("old", 0, 10), at(0));
    assert_eq!(get(&memory, 9).as_deref(), Some("old"));
    assert_eq!(get(&memory, 10), None);
    assert_eq!(memory.stats().entries, 0);
    assert_eq!(memory.stats().evictions, 0);
}

#[test]
fn what_is_removed_is_gone() {
    let memory = Memory::new(1 << 20);
    memory.put(&key(0), entry("a", 0, 10), at(0));
    memory.remove(&key(0));
    assert_eq!(get(&memory, 0), None);
}

#[test]
#[should_panic(expected = "zero bytes")]
fn memory_of_no_size_is_refused() {
    let _ = Memory::new(0);
}

/// A far store that counts how often it is asked.
#[derive(Clone, Debug, Default)]
struct Far {
    shelf: Shelf,
    gets: Arc<AtomicUsize>,
    is_down: Arc<Mutex<bool>>,
}

impl Store for Far {
    type Get = Ready<Result<Option<Entry>, StoreError>>;

    fn get(&self, key: &Key, now: Timestamp) -> Self::Get {
        self.gets.fetch_add(1, SeqCst);
        if *self.is_down.lock().unwrap() {
            return std::future::ready(Err(StoreFault::Unavailable.into()));
        }
        self.shelf.get(key, now)
    }
    fn put(&self, key: &Key, entry: Entry, now: Timestamp) {
        self.shelf.put(key, entry, now);
    }
    fn remove(&self, key: &Key) {
        self.shelf.remove(key);
    }
}

#[test]
fn what_is_in_memory_costs_no_way_to_the_other() {
    let far = Far::default();
    let tiered = Tiered::new(Memory::new(1 << 20), far.clone());
    tiered.put(&key(0), entry("a", 0, 10), at(0));
    assert_eq!(far.shelf.entries().len(), 1, "written through");
    assert_eq!(get(&tiered, 5).as_deref(), Some("a"));
    assert_eq!(far.gets.load(SeqCst), 0);
}

#[test]
fn what_another_process_wrote_is_taken_into_memory_for_the_rest_of_its_time() {
    let far = Far::default();
    let tiered = Tiered::new(Memory::new(1 << 20), far.clone());
    far.put(&key(0), entry("a", 0, 10), at(0));
    for now in [4, 5, 9] {
        assert_eq!(get(&tiered, now).as_deref(), Some("a"));
        assert_eq!(far.gets.load(SeqCst), 1);
    }
    far.remove(&key(0));
    assert_eq!(get(&tiered, 10), None, "ten minutes after it was made");
}

#[test]
fn one_that_is_no_longer_fresh_is_looked_for_in_the_other_and_better_than_nothing() {
    let far = Far::default();
    let tiered = Tiered::new(Memory::new(1 << 20), far.clone());
    let mut old = entry("old", 0, 10);
    old.keep_until = at(60);
    tiered.put(&key(0), old, at(0));
    far.put(&key(0), entry("new", 15, 10), at(15));
    *far.is_down.lock().unwrap() = true;
    assert_eq!(get(&tiered, 20).as_deref(), Some("old"));
    *far.is_down.lock().unwrap() = false;
    assert_eq!(get(&tiered, 20).as_deref(), Some("new"));
    assert_eq!(far.gets.load(SeqCst), 2);
    assert_eq!(get(&tiered, 20).as_deref(), Some("new"));
    assert_eq!(far.gets.load(SeqCst), 2, "in memory now");
}

#[test]
fn a_removal_reaches_both() {
    let far = Far::default();
    let tiered = Tiered::new(Memory::new(1 << 20), far.clone());
    tiered.put(&key(0), entry("a", 0, 10), at(0));
    tiered.remove(&key(0));
    assert!(far.shelf.entries().is_empty());
    assert_eq!(get(&tiered, 0), None);
}

#[test]
fn what_a_look_up_finds_during_a_deletion_is_not_kept_in_memory() {
    let far = Far::default();
    let tiered = Tiered::new(Memory::new(1 << 20), far.clone());
    far.put(&key(0), entry("a", 0, 10), at(0));
    let found = tiered.get(&key(0), at(1));
    let deleting = tiered.delete(&key(0));
    assert!(found.now_or_never().unwrap().unwrap().is_some());
    deleting.now_or_never().unwrap().unwrap();
    assert_eq!(get(&tiered, 2), None);
}

#[test]
fn a_store_of_any_kind_fits_into_a_box() {
    let shelf = Shelf::default();
    for store in [BoxStore::new(Memory::new(1 << 20)), BoxStore::new(shelf)] {
        store.put(&key(0), entry("a", 0, 10), at(0));
        assert_eq!(get(&store, 0).as_deref(), Some("a"));
        store.remove(&key(0));
        assert_eq!(get(&store, 0), None);
    }
}
