//! What is wished of a threshold, and which threshold grants it.

use serde::{Deserialize, Serialize};

/// What premium calls are spent for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Goal {
    /// This share of the calls goes to the premium route, from 0 to 1.
    Share(f64),
    /// This part of the gap in quality between always cheap and always premium is recovered, from 0 to 1, at the least share of
    /// premium calls that does so on held-out rows.
    Recovered(f64),
}

/// One point of the held-out curve: with this threshold, this share of the calls goes to the premium route and recovers so much.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Threshold {
    /// Share of premium calls, from 0 to 1.
    pub share: f32,
    /// The probability of a gain from which on a call goes to the premium route.
    pub gain: f32,
    /// The part of the gap in quality that is recovered so.
    pub recovered: f32,
    /// The rule's threshold for the same share: the logarithm of one and the bytes of the prompt.
    pub length: f32,
}

/// The threshold for a goal, from the points of a curve in rising order of share.
pub(crate) fn threshold(curve: &[Threshold], goal: Goal) -> Threshold {
    let wanted = |point: &Threshold| match goal {
        Goal::Share(share) => f64::from(point.share) >= share,
        Goal::Recovered(recovered) => f64::from(point.recovered) >= recovered,
    };
    let after = curve.iter().position(wanted).unwrap_or(curve.len() - 1);
    let high = curve[after];
    let Some(low) = after.checked_sub(1).map(|before| curve[before]) else {
        return high;
    };
    let part = match goal {
        Goal::Share(share) => (share as f32 - low.share) / (high.share - low.share),
        Goal::Recovered(recovered) => {
            (recovered as f32 - low.recovered) / (high.recovered - low.recovered)
        }
    };
    // A part that is no number or beyond comes of a wish that no point grants: then the last one stands.
    let part = if part.is_finite() {
        part.clamp(0.0, 1.0)
    } else {
        1.0
    };
    let between = |from: f32, to: f32| from + part * (to - from);
    Threshold {
        share: between(low.share, high.share),
        gain: between(low.gain, high.gain),
        recovered: between(low.recovered, high.recovered),
        length: between(low.length, high.length),
    }
}
