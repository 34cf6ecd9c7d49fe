//! The structural features. None knows a word of any language.

use super::bytes::Class;
use super::scan::{Counts, Terms, scan};
use crate::Prompt;

/// How many structural features there are.
pub const FEATURES: usize = 28;

/// The structural features, in the order of a model's weights. Sizes are logarithms of `1 + n`; shares are of the bytes read.
pub const NAMES: [&str; FEATURES] = [
    "bytes",
    "words",
    "word_length",
    "short_words",
    "long_words",
    "very_long_words",
    "distinct_words",
    "numbers",
    "digits",
    "capitals",
    "lines",
    "longest_line",
    "first_line",
    "items",
    "item_length",
    "item_spread",
    "sentence_length",
    "pauses",
    "questions",
    "quotes",
    "brackets",
    "operators",
    "code",
    "other_scripts",
    "turns",
    "last_user",
    "system",
    "tools",
];

/// The structural features of one prompt.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Dense(pub(crate) [f32; FEATURES]);

impl Dense {
    /// Reads a prompt, and hands its terms out meanwhile.
    pub(crate) fn read(prompt: &(impl Prompt + ?Sized), terms: &mut impl Terms) -> Self {
        Self::of(&scan(prompt, terms))
    }

    /// The logarithm of one and the size in bytes: what the rule of length goes by.
    pub(crate) const fn length(&self) -> f32 {
        self.0[0]
    }

    fn of(counts: &Counts) -> Self {
        let share =
            |class: Class| counts.classes[class as usize] as f32 / counts.scanned.max(1) as f32;
        let words = counts.words.max(1) as f32;
        let of_words = |count: u32| count as f32 / words;
        let items = counts.items.max(1) as f32;
        let mean = counts.item_bytes / items;
        let spread = (counts.item_squares / items - mean * mean).max(0.0).sqrt();
        let sentences =
            counts.classes[Class::Stop as usize] + counts.classes[Class::Question as usize];
        Self([
            log(counts.bytes as f32),
            log(counts.words as f32),
            of_words(counts.word_bytes),
            of_words(counts.short),
            of_words(counts.long),
            of_words(counts.very_long),
            of_words(counts.distinct),
            log(counts.numbers as f32),
            share(Class::Digit),
            share(Class::Upper),
            log(counts.lines as f32),
            log(counts.longest_line as f32),
            log(counts.first_line as f32),
            log(counts.items as f32),
            log(mean),
            log(spread),
            log(counts.words as f32 / sentences.max(1) as f32),
            of_words(counts.classes[Class::Pause as usize]),
            log(counts.classes[Class::Question as usize] as f32),
            log(counts.classes[Class::Quote as usize] as f32),
            share(Class::Bracket),
            share(Class::Operator),
            share(Class::Code),
            share(Class::High) + share(Class::Wide),
            log(counts.turns as f32),
            log(counts.last_user as f32),
            counts.system as f32 / counts.bytes.max(1) as f32,
            log(counts.tools as f32),
        ])
    }
}

fn log(size: f32) -> f32 {
    size.ln_1p()
}
