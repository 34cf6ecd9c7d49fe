//! How much is learned from how many rows.

use std::error::Error;

use obs_learn::{Dataset, Outcomes, Trainer};

use crate::log::Logged;

const SIZES: [usize; 3] = [300, 1000, 3000];
const DRAWS: u64 = 10;

/// Prints by how much a model of so many rows, drawn at random, is above the prompt's length on all others.
pub(crate) fn sizes(trainer: &Trainer, rows: &[Logged]) -> Result<(), Box<dyn Error>> {
    println!("\nAPGR over the prompt's length by rows of training, {DRAWS} draws");
    for size in SIZES.into_iter().filter(|size| *size < rows.len()) {
        let mut over = Vec::new();
        for seed in 1..=DRAWS {
            let drawn = shuffled(rows.len(), seed);
            let (learn, test) = drawn.split_at(size);
            let (learn, test) = (dataset(rows, learn)?, dataset(rows, test)?);
            let model = trainer
                .clone()
                .resamples(100)
                .train(&learn, |_, _| ())?
                .model;
            let area = |scores: &[f32], outcomes: &Outcomes| outcomes.curve(scores).area();
            let outcomes = test.outcomes();
            over.push(area(&model.logits(&test), &outcomes) - area(&test.lengths(), &outcomes));
        }
        let mean = over.iter().sum::<f64>() / over.len() as f64;
        let variance = over.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / over.len() as f64;
        let error = (variance / over.len() as f64).sqrt();
        println!("{size:>6} {mean:+.3} +- {error:.3}");
    }
    Ok(())
}

fn dataset(rows: &[Logged], places: &[usize]) -> Result<Dataset, Box<dyn Error>> {
    let mut data = Dataset::new();
    for row in places.iter().map(|place| &rows[*place]) {
        let quality = &row.quality;
        data.push(
            row.group.as_deref(),
            row.prompt.as_str(),
            quality.weak,
            quality.strong,
        )?;
    }
    Ok(data)
}

/// All places below `count` in an order of chance.
fn shuffled(count: usize, seed: u64) -> Vec<usize> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut places: Vec<usize> = (0..count).collect();
    for last in (1..count).rev() {
        // Knuth's generator; its high bits are good enough to draw rows.
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        places.swap(last, ((state >> 33) as usize) % (last + 1));
    }
    places
}
