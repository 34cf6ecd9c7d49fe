//! What another process has changed in a store that is shared.
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::SeqCst},
};

use obs_core::Key;

/// What another process has changed, or removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Changed<'a> {
    /// The entry of the key with this [id](Key::id).
    Entry(&'a [u8; 32]),
    /// Any number of entries.
    All,
}

/// Is told of changes. It is quick, and holds no handle to the store that calls it.
pub type ChangeListener = Box<dyn Fn(Changed<'_>) + Send + Sync>;

/// Counts of changes, so that what was read before one is not kept after it.
#[derive(Clone, Debug)]
pub(super) struct Changes(Arc<[AtomicU64; PARTS]>);

/// Keys that begin with the same byte are counted together.
const PARTS: usize = 256;

impl Default for Changes {
    fn default() -> Self {
        Self(Arc::new([const { AtomicU64::new(0) }; PARTS]))
    }
}

impl Changes {
    pub(super) fn of(&self, key: &Key) -> u64 {
        self.0[usize::from(key.id()[0])].load(SeqCst)
    }

    pub(super) fn count(&self, changed: Changed<'_>) {
        let one = |part: &AtomicU64| _ = part.fetch_add(1, SeqCst);
        match changed {
            Changed::Entry(id) => one(&self.0[usize::from(id[0])]),
            Changed::All => self.0.iter().for_each(one),
        }
    }
}
