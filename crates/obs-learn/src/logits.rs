//! Logits and probabilities.

/// The logit of a probability that is neither 0 nor 1.
pub(crate) fn logit(probability: f64) -> f64 {
    (probability / (1.0 - probability)).ln()
}

/// The probability of a logit.
pub(crate) fn sigmoid(logit: f32) -> f32 {
    1.0 / (1.0 + (-logit).exp())
}

/// What a prediction costs, in nats, when this came of it.
pub(crate) fn loss(logit: f32, label: f32) -> f64 {
    let (z, y) = (f64::from(logit), f64::from(label));
    z.max(0.0) + (-z.abs()).exp().ln_1p() - y * z
}
