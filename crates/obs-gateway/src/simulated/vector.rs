//! Embeddings that mean nothing, but are near where words are shared.
use super::text::Draw;

/// Length of a vector where none is asked for.
pub(super) const DIMENSIONS: usize = 256;

/// A vector of length one: the sum of a random direction for each word.
pub(super) fn embed(text: &str, dimensions: usize) -> Vec<f32> {
    let mut sum = vec![0.0_f64; dimensions];
    let words = text.split_whitespace().map(str::to_lowercase);
    // An empty text has a direction, too.
    for word in words.chain([String::new()]) {
        let mut draw = Draw::from_texts([word.as_str()]);
        let weight = if word.is_empty() { 0.1 } else { 1.0 };
        for value in &mut sum {
            *value += weight * (draw.share() - 0.5);
        }
    }
    let length = sum.iter().map(|v| v * v).sum::<f64>().sqrt();
    sum.iter().map(|v| (v / length) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cosine(a: &str, b: &str) -> f32 {
        let (a, b) = (embed(a, DIMENSIONS), embed(b, DIMENSIONS));
        a.iter().zip(&b).map(|(a, b)| a * b).sum()
    }

    #[test]
    fn vectors_have_length_one_and_are_near_where_words_are_shared() {
        assert!((cosine("a cat sat", "a cat sat") - 1.0).abs() < 1e-5);
        assert!(cosine("a cat sat", "a cat ran") > cosine("a cat sat", "blue whales sing"));
        assert!((cosine("", "") - 1.0).abs() < 1e-5);
    }
}
