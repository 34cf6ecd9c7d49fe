//! What one decision costs: the learned models, the watched one and the rule of length, by size of prompt.
//!
//! ```sh
//! cargo bench -p obs-learn
//! ```
//!
//! Allocations of one decision are counted first, and there must be none.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use obs_learn::{Dataset, Goal, Model, Online, Target, Trainer};

const SIZES: [usize; 4] = [100, 1 << 10, 8 << 10, 64 << 10];

fn decide(c: &mut Criterion) {
    let (words, structure) = (model(true), model(false));
    let online = Online::new(Arc::new(words.clone()), Goal::Share(0.3)).trusting();
    let rule = Target::new(0.3, 6.0, 0.005);
    let mut group = c.benchmark_group("decide");
    for size in SIZES {
        let prompt = text(size, 7);
        let prompt = prompt.as_str();
        let length = || rule.admit((prompt.len() as f64).ln_1p());
        let allocated = allocation_counter::measure(|| {
            black_box((
                words.predict(prompt),
                structure.predict(prompt),
                online.decide(Some("law"), prompt),
                length(),
            ));
        });
        assert_eq!(allocated.count_total, 0, "a decision allocates");
        group.bench_function(BenchmarkId::new("structure and words", size), |b| {
            b.iter(|| words.predict(black_box(prompt)))
        });
        group.bench_function(BenchmarkId::new("structure", size), |b| {
            b.iter(|| structure.predict(black_box(prompt)))
        });
        group.bench_function(BenchmarkId::new("online", size), |b| {
            b.iter(|| online.decide(Some("law"), black_box(prompt)))
        });
        group.bench_function(BenchmarkId::new("prompt length", size), |b| b.iter(length));
    }
    group.finish();
}

/// A model of the family, from rows in which either words or nothing but length tells the gain.
fn model(words: bool) -> Model {
    let mut data = Dataset::new();
    for row in 0..400 {
        let mut prompt = text(200 + row % 97, row as u64);
        let gains = row % 3 == 0;
        if words {
            prompt.push_str(if gains { " zzaa" } else { " aazz" });
        }
        let cheap = if gains { 0.0 } else { 1.0 };
        data.push(Some("law"), prompt.as_str(), cheap, 1.0)
            .expect("qualities are from 0 to 1");
    }
    let model = Trainer::new()
        .resamples(100)
        .train(&data, |_, _| ())
        .expect("there is a gap to learn")
        .model;
    assert_eq!(
        model.header().family.contains("words"),
        words,
        "the family that was meant"
    );
    model
}

/// Text of so many bytes, of some two thousand words with numbers and punctuation.
fn text(size: usize, seed: u64) -> String {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut out = String::with_capacity(size + 16);
    while out.len() < size {
        state = state
            .wrapping_mul(0x5851_f42d_4c95_7f2d)
            .wrapping_add(0x1405_7b7e_f767_814f);
        let mut word = (state >> 33) % 2000;
        if word < 60 {
            out.push_str(&word.to_string());
        } else {
            while word > 0 {
                out.push(char::from(b'a' + (word % 13) as u8));
                out.push(char::from(b'n' + (word / 2 % 13) as u8));
                word /= 13;
            }
        }
        out.push_str(match state >> 60 {
            0 => ", ",
            1 => ". ",
            2 => ".\n",
            3 => " (A) ",
            _ => " ",
        });
    }
    out.truncate(size);
    out
}

criterion_group!(benches, decide);
criterion_main!(benches);
