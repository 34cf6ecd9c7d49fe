//! What is counted in a turn.
use super::feature::Feature;

/// What a text that is only to be transformed counts for.
const PAYLOAD_SHARE: f32 = 0.3;

/// What was seen in a turn so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) words: f32,
    pub(super) sentences: f32,
    pub(super) premises: f32,
    pub(super) questions: f32,
    pub(super) longest: f32,
    pub(super) clauses: f32,
    pub(super) numbers: f32,
    pub(super) math: f32,
    pub(super) code: f32,
    pub(super) items: f32,
    pub(super) options: f32,
    pub(super) long_words: f32,
    pub(super) names: f32,
    pub(super) repeats: f32,
}

impl Counts {
    /// What there is to think about. `lead`: the counts before what followed a lead such as "put this in a table:".
    ///
    /// A few plain sentences after a lead are to be transformed, not to be thought about. In doubt they are not plain.
    pub(super) fn of_task(self, lead: Option<Self>, proof: bool) -> Self {
        let mut counts = match lead {
            Some(lead) if !proof && self.is_plain_after(&lead) => self.with_payload_after(&lead),
            _ => self,
        };
        // A lone sentence is no premise, and what nothing is asked about is half of one.
        counts.premises *= match (counts.sentences > 1.0, counts.questions > 0.0) {
            (false, _) => 0.0,
            (true, false) => 0.5,
            (true, true) => 1.0,
        };
        counts
    }

    pub(super) fn write(&self, values: &mut [f32; Feature::COUNT]) {
        for (feature, value) in [
            (Feature::Length, self.words),
            (Feature::Sentences, self.sentences),
            (Feature::Premises, self.premises),
            (Feature::Questions, self.questions),
            (Feature::LongestSentence, self.longest),
            (Feature::Clauses, self.clauses),
            (Feature::Quantities, self.numbers),
            (Feature::Mathematics, self.math),
            (Feature::Code, self.code),
            (Feature::Items, self.items),
            (Feature::Options, self.options),
            (Feature::LongWords, self.long_words),
            (Feature::Names, self.names),
            (Feature::Repeats, self.repeats),
        ] {
            values[feature.index()] = value;
        }
    }

    fn is_plain_after(&self, lead: &Self) -> bool {
        let words = self.words - lead.words;
        let sentences = self.sentences - lead.sentences;
        self.questions == 0.0
            && self.math == 0.0
            && self.code == 0.0
            && self.items == 0.0
            && self.numbers - lead.numbers < 2.0
            && self.long_words - lead.long_words <= 0.3 * words
            && self.repeats - lead.repeats < 2.0
            && words <= 80.0
            && words <= 16.0 * sentences.max(1.0)
    }

    fn with_payload_after(self, lead: &Self) -> Self {
        let part = |lead: f32, all: f32| lead + PAYLOAD_SHARE * (all - lead);
        Self {
            words: part(lead.words, self.words),
            sentences: part(lead.sentences, self.sentences),
            premises: part(lead.premises, self.premises),
            clauses: part(lead.clauses, self.clauses),
            ..self
        }
    }
}
