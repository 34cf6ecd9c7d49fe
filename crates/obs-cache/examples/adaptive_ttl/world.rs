//! What the answers are, at each moment: the process that is made up.
use std::collections::HashMap;

use crate::trace::Trace;

/// Questions whose answers change equally often.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    /// Seconds between two changes, on average: before half-way, and after.
    every: [f64; 2],
}

/// The true answers.
pub(crate) struct World {
    kinds: Vec<Kind>,
    /// When the answer to each question changes.
    changes: HashMap<u64, Vec<f64>>,
    /// The share of answers that are worded anew each time.
    pub(crate) reworded: f64,
}

impl Kind {
    pub(crate) const fn new(name: &'static str, before: f64, after: f64) -> Self {
        Self {
            name,
            every: [before, after],
        }
    }
}

impl World {
    pub(crate) fn new(seed: u64, kinds: &[Kind], trace: &Trace, reworded: f64) -> Self {
        let end = trace.calls.last().map_or(0.0, |(t, _)| *t);
        let mut world = Self {
            kinds: kinds.to_vec(),
            changes: HashMap::new(),
            reworded,
        };
        for (_, question) in &trace.calls {
            let every = world.kind(*question).every;
            let fill = || {
                let mut n = seed << 32 ^ question.wrapping_mul(0x9e37_79b9);
                let mut moments = Vec::new();
                for (half, every) in every.into_iter().enumerate() {
                    let until = end * [0.5, 1.0][half];
                    // Without memory, so a new beginning half-way changes nothing but the rate.
                    let mut at = end * 0.5 * half as f64;
                    loop {
                        n = n.wrapping_add(1);
                        at -= every * mixed(seed, n).ln();
                        if at >= until {
                            break;
                        }
                        moments.push(at);
                    }
                }
                moments
            };
            world.changes.entry(*question).or_insert_with(fill);
        }
        world
    }

    pub(crate) fn kind(&self, question: u64) -> Kind {
        let kind = question.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        self.kinds[kind as usize % self.kinds.len()]
    }

    /// How often the answer has changed by then.
    pub(crate) fn version(&self, question: u64, at: f64) -> usize {
        let moments = &self.changes[&question];
        moments.partition_point(|moment| *moment <= at)
    }
}

/// An even number between 0 and 1, always the same of the same numbers.
pub(crate) fn mixed(seed: u64, n: u64) -> f64 {
    let mut bits = seed
        .wrapping_mul(0xd134_2543_de82_ef95)
        .wrapping_add(n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^= bits >> 31;
    ((bits >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
}
