//! How difficult a prompt looks, and why.
use std::fmt;

use obs_core::Role;

use super::{feature::Feature, turn::Turn};

/// Most bytes of what the user wrote that are read, from the end; system prompts, answers and what tools said are
/// not read at all. What is longer than this has shown by then what it is.
pub(crate) const READ: usize = 4 * 1024;

/// What is left of the difficulty of a turn, one turn later.
const FADING: f32 = 0.9;

/// How difficult a prompt looks, and what makes it so. See [`Complexity`](crate::Complexity) for the formula.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Assessment {
    values: [f32; Feature::COUNT],
}

impl Assessment {
    /// Reads a prompt that is visited twice: for its size, and for its end.
    pub(crate) fn of(visit: impl Fn(&mut dyn FnMut(Role, &str))) -> Self {
        let (mut user, mut system, mut tools, mut all) = (0_usize, 0_usize, 0_u32, 0_usize);
        visit(&mut |role, text| {
            all += text.len();
            match role {
                Role::User => user += text.len(),
                Role::System => system += text.len(),
                Role::Tool => tools += 1,
                Role::Assistant => {}
            }
        });
        // A prompt of which nothing is the user's is read as if all of it were.
        let anybody = user == 0;
        let mut conversation = Conversation::default();
        let mut skip = if anybody { all } else { user }.saturating_sub(READ);
        visit(&mut |role, text| {
            if !anybody && role != Role::User {
                conversation.end_turn();
                return;
            }
            let skipped = skip.min(text.len());
            skip -= skipped;
            conversation.add(text, skipped);
        });
        let mut values = conversation.finish();
        values[Feature::System.index()] = if anybody { 0.0 } else { system as f32 };
        values[Feature::Tools.index()] = tools as f32;
        Self { values }
    }

    /// How difficult it looks: `1 - 2^-e`, where `e` is the sum of the evidence. From 0 to 1.
    #[must_use]
    pub fn score(&self) -> f32 {
        1.0 - (-self.evidence()).exp2()
    }

    /// The features with what was seen of each, and the evidence that it makes. A score of one half is one unit of
    /// evidence.
    pub fn explain(&self) -> impl Iterator<Item = (Feature, f32, f32)> + '_ {
        Feature::ALL.into_iter().map(|feature| {
            let value = self.values[feature.index()];
            (feature, value, feature.evidence(value))
        })
    }

    fn evidence(&self) -> f32 {
        self.explain().map(|(_, _, evidence)| evidence).sum()
    }
}

/// The features that are worth something, the weightiest first.
impl fmt::Display for Assessment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2}", self.score())?;
        let mut left: Vec<_> = self.explain().filter(|told| told.2 > 0.0).collect();
        left.sort_by(|a, b| b.2.total_cmp(&a.2));
        for (at, (feature, value, evidence)) in left.into_iter().enumerate() {
            let before = if at == 0 { ":" } else { "," };
            write!(f, "{before} {feature} {evidence:.2} ({value:.1})")?;
        }
        Ok(())
    }
}

/// The turns of the user, one after the other.
#[derive(Debug, Default)]
struct Conversation {
    turn: Option<Turn>,
    /// How difficult it was up to the turn before this one.
    carried: f32,
    turns: u32,
    /// Of the turn that ended last, if none has begun since.
    last: [f32; Feature::COUNT],
}

impl Conversation {
    fn add(&mut self, text: &str, mut skipped: usize) {
        let turn = self.turn.get_or_insert_with(Turn::default);
        turn.grow(text.len());
        while !text.is_char_boundary(skipped) {
            skipped += 1;
        }
        turn.read(&text[skipped..]);
    }

    fn end_turn(&mut self) {
        let Some(turn) = self.turn.take() else { return };
        let courtesy = turn.is_courtesy();
        let mut values = [0.0; Feature::COUNT];
        turn.features(&mut values);
        let evidence = |values: &[f32; Feature::COUNT]| -> f32 {
            let all = Feature::ALL.into_iter();
            all.map(|feature| feature.evidence(values[feature.index()]))
                .sum()
        };
        let own = evidence(&values);
        // Thanks take nothing over; the turn after them does.
        if !courtesy {
            let words = values[Feature::Length.index()];
            let share = 1.0 - ((words - 8.0) / 40.0).clamp(0.0, 0.5);
            values[Feature::Carried.index()] = (self.carried * share - own).max(0.0);
        }
        self.carried = own.max(self.carried * FADING);
        values[Feature::Turns.index()] = self.turns as f32;
        self.turns += 1;
        self.last = values;
    }

    fn finish(mut self) -> [f32; Feature::COUNT] {
        self.end_turn();
        self.last
    }
}
