//! The structural features. None knows a word of any language.

use super::bytes::Class;
use super::scan::{Counts, NoTerms, Terms, scan};
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

/// The structural features of one prompt, in the order of [`NAMES`]. They show no text of it, and a model of structure needs no more:
/// see [`Dataset::push_features`](crate::Dataset::push_features). Allocates nothing.
#[must_use]
pub fn features(prompt: &(impl Prompt + ?Sized)) -> [f32; FEATURES] {
    Dense::read(prompt, &mut NoTerms).0
}

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

#[cfg(test)]
mod tests {
    use obs_core::Role;

    use super::*;
    use crate::features::MAX_SCANNED;

    fn value(prompt: &(impl Prompt + ?Sized), name: &str) -> f32 {
        let at = NAMES
            .iter()
            .position(|known| *known == name)
            .expect("a feature");
        Dense::read(prompt, &mut NoTerms).0[at]
    }

    /// The number that was counted, of those that are shown as logarithms.
    fn count(prompt: &(impl Prompt + ?Sized), name: &str) -> f32 {
        value(prompt, name).exp_m1().round()
    }

    #[test]
    fn words_and_lines_are_counted() {
        let prompt = "Name the river, please:\nA. Nile\nB. Elbe\n- none\n12) all\nAnswer:";
        for (name, expected) in [
            ("bytes", prompt.len()),
            ("words", 12),
            ("lines", 6),
            ("longest_line", 23),
            ("first_line", 23),
            ("items", 4),
            ("numbers", 1),
            ("last_user", prompt.len()),
            ("turns", 1),
        ] {
            assert_eq!(count(prompt, name), expected as f32, "{name}");
        }
        assert_eq!(value(prompt, "pauses"), 3.0 / 12.0);
        assert_eq!(value(prompt, "distinct_words"), 1.0);
        assert_eq!(value("a bb A bb", "distinct_words"), 0.5);
        assert_eq!(value("a bb ccc dddddddd", "short_words"), 0.75);
        assert_eq!(value("a bb ccc dddddddd", "long_words"), 0.25);
        assert_eq!(value("123456789012 x", "very_long_words"), 0.5);
        assert_eq!(
            count("One two. Three four? Five six.", "sentence_length"),
            2.0
        );
    }

    #[test]
    fn kinds_of_bytes_are_shares_of_what_was_read() {
        for (prompt, name, expected) in [
            ("ab12", "digits", 0.5),
            ("abCD", "capitals", 0.5),
            ("a+b=", "operators", 0.5),
            ("(a)b", "brackets", 0.5),
            ("{a}b", "code", 0.5),
            ("aaé", "other_scripts", 0.5),
            ("数aaa", "other_scripts", 0.5),
            ("😀", "other_scripts", 1.0),
        ] {
            assert_eq!(value(prompt, name), expected, "{name} of {prompt}");
        }
        assert_eq!(count("\"a\" 'b' `c`", "quotes"), 6.0);
        assert_eq!(count("what? why?", "questions"), 2.0);
    }

    #[test]
    fn words_of_any_script_are_words() {
        assert_eq!(count("два слова", "words"), 2.0);
        assert_eq!(count("naïve Überlegung", "words"), 2.0);
        assert_eq!(
            count("数学题", "words"),
            3.0,
            "written without blanks, each character counts"
        );
        assert_eq!(count("abc数学def", "words"), 4.0);
    }

    #[test]
    fn pieces_are_told_apart_by_their_roles() {
        let turns: &[(Role, &str)] = &[
            (Role::System, "be kind!"),
            (Role::User, "a"),
            (Role::Assistant, "b"),
            (Role::Tool, "12"),
            (Role::User, "cdef"),
        ];
        for (name, expected) in [
            ("bytes", 16.0),
            ("turns", 3.0),
            ("tools", 1.0),
            ("last_user", 4.0),
            ("lines", 5.0),
        ] {
            assert_eq!(count(turns, name), expected, "{name}");
        }
        assert_eq!(value(turns, "system"), 0.5);
    }

    #[test]
    fn no_more_than_the_cap_is_read() {
        let long = "x ".repeat(10 * MAX_SCANNED);
        assert_eq!(count(long.as_str(), "bytes"), long.len() as f32);
        assert_eq!(count(long.as_str(), "words"), MAX_SCANNED as f32 / 2.0);
        let parts: Vec<(Role, &str)> = (0..long.len() / 1000)
            .map(|i| (Role::User, &long[1000 * i..1000 * (i + 1)]))
            .collect();
        assert_eq!(count(parts.as_slice(), "words"), MAX_SCANNED as f32 / 2.0);
    }

    #[test]
    fn nothing_has_features_of_zero() {
        assert_eq!(Dense::read("", &mut NoTerms).0[..24], [0.0; 24]);
        let none: &[(Role, &str)] = &[];
        assert_eq!(Dense::read(none, &mut NoTerms).0, [0.0; FEATURES]);
    }
}
