//! What it costs a call to look at a budget and to pay.
use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use obs_budget::{Budget, Budgets, Window};
use obs_core::Usd;
use obs_metrics::Metrics;

fn looks(c: &mut Criterion) {
    let dollars = Budget::dollars(Usd::from_pico(i128::MAX), Window::HOUR);
    let requests = Budget::requests(u64::MAX, Window::MINUTE);
    let budgets = Budgets::builder("tenant", [dollars, requests]);
    let budgets = budgets.metrics(Metrics::disabled()).build();
    for n in 0..1_000 {
        budgets.charge(&format!("tenant {n}"), Usd::from_pico(1));
    }
    c.bench_function("left, of 1,000 names", |bencher| {
        bencher.iter(|| budgets.left(black_box("tenant 500")));
    });
    c.bench_function("admit", |bencher| {
        bencher.iter(|| budgets.admit(black_box("tenant 500")));
    });
    c.bench_function("charge", |bencher| {
        bencher.iter(|| budgets.charge(black_box("tenant 500"), Usd::from_pico(1)));
    });
}

criterion_group!(benches, looks);
criterion_main!(benches);
