//! Words and pairs of words, as the numbers of buckets.

/// Bits of a bucket's number.
pub(super) const BITS: u32 = 16;

/// How many buckets there are. One byte of weight each is 64 kB, which fits a core's second cache.
pub(crate) const BUCKETS: usize = 1 << BITS;

const PRIME: u64 = 0x9e37_79b9_7f4a_7c15;

/// The hash of a word, byte by byte.
#[derive(Clone, Copy, Debug)]
pub(super) struct WordHash(u64);

/// Which buckets were met in this prompt: a word counts once, however often it stands there.
#[derive(Clone, Debug)]
pub(super) struct Seen([u64; BUCKETS / 64]);

impl WordHash {
    pub(super) const START: Self = Self(0xcbf2_9ce4_8422_2325);

    pub(super) const fn byte(self, byte: u8) -> Self {
        Self((self.0 ^ byte as u64).wrapping_mul(0x0000_0100_0000_01b3))
    }

    /// The bucket of the word alone.
    pub(super) const fn alone(self) -> u16 {
        (self.0.wrapping_mul(PRIME) >> (64 - BITS)) as u16
    }

    /// The bucket of the word after another one.
    pub(super) const fn after(self, before: Self) -> u16 {
        ((self.0 ^ before.0.rotate_left(23)).wrapping_mul(PRIME) >> (64 - BITS)) as u16
    }
}

impl Seen {
    pub(super) const fn new() -> Self {
        Self([0; BUCKETS / 64])
    }

    /// Whether the bucket was not met before.
    pub(super) const fn first(&mut self, bucket: u16) -> bool {
        let word = &mut self.0[bucket as usize / 64];
        let bit = 1 << (bucket % 64);
        let first = *word & bit == 0;
        *word |= bit;
        first
    }
}
