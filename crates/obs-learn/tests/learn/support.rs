//! Prompts whose true chance of a gain is known.

use std::sync::OnceLock;

use obs_learn::{Dataset, Trainer, Training};

/// Numbers that are the same in every run.
#[derive(Clone, Debug)]
pub(crate) struct Chance(pub(crate) u64);

/// A prompt, and what came of it.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) group: String,
    pub(crate) prompt: String,
    /// The true probability of a gain.
    pub(crate) truth: f32,
    pub(crate) gained: bool,
}

/// The logit of a gain: harder by this word, easier by that one, whatever the group and the length are.
const HARD: &str = "lemma";
const EASY: &str = "hello";

impl Chance {
    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(0x5851_f42d_4c95_7f2d)
            .wrapping_add(0x1405_7b7e_f767_814f);
        self.0 >> 33
    }

    pub(crate) fn unit(&mut self) -> f32 {
        self.next() as f32 / (1u64 << 31) as f32
    }

    pub(crate) const fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

/// So many rows in twelve groups, whose gain depends on two of their words, by `strength` logits each.
pub(crate) fn rows(count: usize, seed: u64, strength: f32) -> Vec<Row> {
    let mut chance = Chance(seed);
    (0..count)
        .map(|_| {
            let mut words: Vec<String> = (0..8 + chance.below(9))
                .map(|_| format!("w{}", chance.below(60)))
                .collect();
            let mut logit = -0.8;
            for (word, sign) in [(HARD, 1.0), (EASY, -1.0)] {
                if chance.unit() < 0.5 {
                    let at = chance.below(words.len() as u64) as usize;
                    words.insert(at, word.to_owned());
                    logit += sign * strength;
                }
            }
            let truth = 1.0 / (1.0 + (-logit).exp());
            let group = format!("group {}", chance.below(12));
            Row {
                group,
                prompt: words.join(" "),
                truth,
                gained: chance.unit() < truth,
            }
        })
        .collect()
}

pub(crate) fn dataset(rows: &[Row]) -> Dataset {
    let mut data = Dataset::new();
    for row in rows {
        data.push(
            Some(&row.group),
            row.prompt.as_str(),
            f32::from(!row.gained),
            1.0,
        )
        .expect("from 0 to 1");
    }
    data
}

/// Quick to train, for a debug build.
pub(crate) fn trainer() -> Trainer {
    Trainer::new()
        .folds(3)
        .resamples(200)
        .date("2026-11-23")
        .source("synthetic")
}

/// One training on strong truth, shared by the tests of a file.
pub(crate) fn trained() -> &'static Training {
    static TRAINED: OnceLock<Training> = OnceLock::new();
    TRAINED.get_or_init(|| {
        trainer()
            .train(&dataset(&rows(1200, 1, 2.0)), |_, _| ())
            .expect("there is a gap")
    })
}
