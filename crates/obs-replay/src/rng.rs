//! Chance that is the same on every machine and in every release.
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// SplitMix64: a replay must not change when a library of random numbers does.
#[derive(Clone, Debug)]
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed(self.0)
    }

    /// From 0 to 1, 1 excluded.
    pub(crate) fn unit(&mut self) -> f64 {
        as_unit(self.next())
    }

    /// Below `bound`, which is not zero. The bias is below 2^-32 for every bound of ours.
    pub(crate) const fn below(&mut self, bound: u32) -> u32 {
        (((self.next() >> 32) * bound as u64) >> 32) as u32
    }

    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last as u32 + 1) as usize);
        }
    }
}

/// A number from 0 to 1 that belongs to this key.
pub(crate) fn unit(seed: u64, key: u128) -> f64 {
    let low = mixed(seed ^ key as u64);
    as_unit(mixed(low ^ (key >> 64) as u64))
}

pub(crate) const fn mixed(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn as_unit(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

/// Chance for layers that let it decide, the same in every run: numbers from 0 to 1.
pub fn chance(seed: u64) -> impl Fn() -> f64 + Send + Sync + 'static {
    let drawn = AtomicU64::new(0);
    move || unit(seed, u128::from(drawn.fetch_add(1, Relaxed)))
}
