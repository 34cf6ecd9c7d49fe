//! What the rules look at, and how much each of it weighs.
use std::fmt;

/// Something about the form of a prompt. See [`Complexity`](crate::Complexity) for how they are put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Feature {
    /// Words of running text in the last turn. Long words count as more than one; so many characters of scripts
    /// without spaces make a word.
    Length,
    /// Sentences.
    Sentences,
    /// Sentences of four words and more that are no questions: what is given before something is asked.
    Premises,
    /// Questions.
    Questions,
    /// Words of the longest sentence.
    LongestSentence,
    /// Commas, semicolons, brackets.
    Clauses,
    /// Numbers, with or without unit or currency.
    Quantities,
    /// Operators, formulas, LaTeX commands, variables, mathematical characters.
    Mathematics,
    /// Lines of program code.
    Code,
    /// List items that are more than a few words: requirements.
    Items,
    /// Lettered alternatives.
    Options,
    /// Letters beyond the seventh of each word, at most seven a word.
    LongWords,
    /// Capitalised words within sentences.
    Names,
    /// Words that come again: things that are reasoned about.
    Repeats,
    /// Whether a proof is asked for, in one of fifteen languages. Proofs can be asked for in five words, and by
    /// their form nothing tells those from five other words; the feature alone does not reach the threshold.
    Proof,
    /// Size of the last turn in bytes, beyond 2 kB; data to be converted included.
    Size,
    /// Earlier turns of the user.
    Turns,
    /// Bytes of system prompt.
    System,
    /// Messages of tools.
    Tools,
    /// What a follow-up takes over from the conversation before it.
    Carried,
}

/// From where to where a feature counts, and what it is worth then.
struct Rule {
    from: f32,
    to: f32,
    weight: f32,
}

impl Feature {
    /// How many there are.
    pub const COUNT: usize = 20;

    /// All of them, in the order of their declaration.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Length,
        Self::Sentences,
        Self::Premises,
        Self::Questions,
        Self::LongestSentence,
        Self::Clauses,
        Self::Quantities,
        Self::Mathematics,
        Self::Code,
        Self::Items,
        Self::Options,
        Self::LongWords,
        Self::Names,
        Self::Repeats,
        Self::Proof,
        Self::Size,
        Self::Turns,
        Self::System,
        Self::Tools,
        Self::Carried,
    ];

    /// A fixed lower-case name, for logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Length => "length",
            Self::Sentences => "sentences",
            Self::Premises => "premises",
            Self::Questions => "questions",
            Self::LongestSentence => "longest_sentence",
            Self::Clauses => "clauses",
            Self::Quantities => "quantities",
            Self::Mathematics => "mathematics",
            Self::Code => "code",
            Self::Items => "items",
            Self::Options => "options",
            Self::LongWords => "long_words",
            Self::Names => "names",
            Self::Repeats => "repeats",
            Self::Proof => "proof",
            Self::Size => "size",
            Self::Turns => "turns",
            Self::System => "system",
            Self::Tools => "tools",
            Self::Carried => "carried",
        }
    }

    /// Its place in [`ALL`](Self::ALL).
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The evidence of so much of it: never negative, and never less for more.
    pub(crate) fn evidence(self, value: f32) -> f32 {
        let rule = self.rule();
        ((value - rule.from) / (rule.to - rule.from)).clamp(0.0, 1.0) * rule.weight
    }

    /// Set by hand on the prompts of this crate's tests; see there for what they reach on others. One unit of
    /// evidence is what the threshold of one half asks for.
    const fn rule(self) -> Rule {
        let (from, to, weight) = match self {
            Self::Length => (5.0, 32.0, 1.5),
            Self::Sentences => (1.0, 5.0, 0.8),
            Self::Premises => (0.0, 4.0, 0.6),
            Self::Questions => (1.0, 3.0, 0.4),
            Self::LongestSentence => (18.0, 45.0, 0.5),
            Self::Clauses => (0.0, 10.0, 0.6),
            Self::Quantities => (0.5, 5.5, 1.2),
            Self::Mathematics => (0.0, 6.0, 1.3),
            Self::Code => (0.0, 6.0, 1.5),
            Self::Items => (0.0, 4.0, 0.8),
            Self::Options => (2.0, 4.0, 0.4),
            Self::LongWords => (0.0, 20.0, 0.75),
            Self::Names => (0.0, 5.0, 0.25),
            Self::Repeats => (0.0, 4.0, 0.4),
            Self::Proof => (0.0, 1.0, 0.96),
            // The binary logarithm of kilobytes: from 2 kB to 64 kB.
            Self::Size => (1.0, 6.0, 1.2),
            Self::Turns => (0.0, 5.0, 0.2),
            Self::System => (500.0, 8000.0, 0.15),
            Self::Tools => (0.0, 3.0, 0.15),
            // This one is evidence already.
            Self::Carried => (0.0, 4.0, 4.0),
        };
        Rule { from, to, weight }
    }
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
