//! What is added to a logit by what came of earlier ones.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};

use serde::{Deserialize, Serialize};

use crate::logits::sigmoid;

/// How many groups can have a bias of their own.
pub(super) const SLOTS: usize = 256;

/// Standard deviations of what is believed of each number before anything came, in units of the logit.
const SLOPE_PRIOR: f32 = 0.1;
const BIAS_PRIOR: f32 = 0.1;
const GROUP_PRIOR: f32 = 0.5;

/// What was learned fades by this with each outcome, so that a change is still learned after a long time without one.
const FADING: f32 = 0.9995;

/// Logits beyond this are of no prompt, and are not learned from.
const FARTHEST: f32 = 30.0;

/// A slope, a bias, and a bias for each group, each learned by Newton's method, one outcome a step.
#[derive(Debug)]
pub(super) struct Correction {
    /// The logit about which the slope turns, so that it does not shift what is usual.
    centre: f32,
    slope: Cell,
    bias: Cell,
    groups: Box<[Cell]>,
}

/// One number that is learned, readable without a lock. One writer at a time, by the lock of the monitor.
#[derive(Debug, Default)]
struct Cell {
    value: AtomicU32,
    /// What outcomes have told, as the inverse of a variance.
    known: AtomicU32,
}

/// What a [`Correction`] has learned, as it is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Learned {
    slope: Number,
    bias: Number,
    /// By their slots; those of which nothing is known are left out.
    groups: BTreeMap<u8, Number>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Number {
    value: f32,
    known: f32,
}

impl Correction {
    pub(super) fn new(centre: f32) -> Self {
        Self {
            centre,
            slope: Cell::default(),
            bias: Cell::default(),
            groups: (0..SLOTS).map(|_| Cell::default()).collect(),
        }
    }

    /// Where a logit stands among others: all that a threshold has to know. What shifts all of them alike is not in it, so
    /// that a threshold need not follow that.
    pub(super) fn order(&self, logit: f32, slot: Option<u8>) -> f32 {
        let group = slot.map_or(0.0, |slot| self.groups[slot as usize].get());
        // Not below zero: a model that is wrong the other way round is one for the rule to replace.
        (1.0 + self.slope.get()).max(0.0) * (logit - self.centre) + group
    }

    /// The corrected logit.
    pub(super) fn apply(&self, logit: f32, slot: Option<u8>) -> f32 {
        self.order(logit, slot) + self.centre + self.bias.get()
    }

    pub(super) fn learn(&self, logit: f32, slot: Option<u8>, gain: f32) {
        // From features that are no numbers, or a model beyond all measure: nothing of it would ever be forgotten.
        if logit.is_nan() || logit.abs() > FARTHEST {
            return;
        }
        let predicted = sigmoid(self.apply(logit, slot));
        let (missed, told) = (gain - predicted, predicted * (1.0 - predicted));
        let from_centre = logit - self.centre;
        self.slope.step(
            missed * from_centre,
            told * from_centre * from_centre,
            SLOPE_PRIOR,
        );
        self.bias.step(missed, told, BIAS_PRIOR);
        if let Some(slot) = slot {
            self.groups[slot as usize].step(missed, told, GROUP_PRIOR);
        }
    }

    pub(super) fn learned(&self) -> Learned {
        let slots = (0..=u8::MAX).zip(&self.groups);
        let groups = slots.map(|(slot, cell)| (slot, cell.number()));
        Learned {
            slope: self.slope.number(),
            bias: self.bias.number(),
            groups: groups.filter(|(_, number)| number.known > 0.0).collect(),
        }
    }

    pub(super) fn restore(&self, learned: &Learned) {
        self.slope.set(learned.slope);
        self.bias.set(learned.bias);
        for (slot, cell) in (0..=u8::MAX).zip(&self.groups) {
            let nothing = Number {
                value: 0.0,
                known: 0.0,
            };
            cell.set(learned.groups.get(&slot).copied().unwrap_or(nothing));
        }
    }
}

impl Learned {
    /// Whether a correction can have learned this.
    pub(super) fn is_sound(&self) -> bool {
        let mut all = [self.slope, self.bias]
            .into_iter()
            .chain(self.groups.values().copied());
        // A number that outcomes gave is some logits at most.
        all.all(|number| {
            number.value.abs() < 1e3 && number.known.is_finite() && number.known >= 0.0
        })
    }
}

impl Cell {
    fn get(&self) -> f32 {
        f32::from_bits(self.value.load(Ordering::Relaxed))
    }

    fn number(&self) -> Number {
        Number {
            value: self.get(),
            known: f32::from_bits(self.known.load(Ordering::Relaxed)),
        }
    }

    fn set(&self, number: Number) {
        self.known.store(number.known.to_bits(), Ordering::Relaxed);
        self.value.store(number.value.to_bits(), Ordering::Relaxed);
    }

    fn step(&self, gradient: f32, told: f32, prior: f32) {
        let known = f32::from_bits(self.known.load(Ordering::Relaxed)) * FADING + told;
        let value = self.get() + gradient / (1.0 / (prior * prior) + known);
        self.known.store(known.to_bits(), Ordering::Relaxed);
        self.value.store(value.to_bits(), Ordering::Relaxed);
    }
}
