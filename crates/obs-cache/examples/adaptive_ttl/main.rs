//! Learned times to live against every fixed one, on real arrivals with answers that change by a process that is made up.
//!
//! ```text
//! cargo run --release -p obs-cache --example adaptive_ttl -- DIR
//! ```
//!
//! `DIR` holds `trace_mooncake_synthetic.jsonl.gz` (lines of `{"t": seconds, "hash_ids": [..]}`) and
//! `trace_azure2023_code.jsonl.gz` (lines of `{"t": seconds}`). When questions come, and in the first trace which ones
//! come again, is real. That answers change, and when, is not: the traces have no answers. Each question belongs to one of
//! four kinds; its answer changes at random moments, as often as its kind says, and half-way two kinds change their ways.
//! So it is known of every hit whether the answer was outdated.
mod replay;
mod report;
mod trace;
mod world;

use std::{path::Path, process::ExitCode};

use obs_core::BoxError;

use crate::{
    replay::{Policy, Score},
    trace::Trace,
    world::{Kind, World},
};

/// Each policy meets the same worlds, one for each of these.
const SEEDS: [u64; 3] = [1, 2, 3];

/// Shares of outdated hits that are aimed at.
const TARGETS: [f64; 6] = [0.005, 0.01, 0.02, 0.05, 0.1, 0.2];

const MINUTE: f64 = 60.0;
const HOUR: f64 = 60.0 * MINUTE;

/// Seconds between two changes: before and after half-way.
const DRIFTING: [Kind; 4] = [
    Kind::new("news", 30.0, 30.0),
    Kind::new("prices", 5.0 * MINUTE, 30.0),
    Kind::new("weather", MINUTE, 20.0 * MINUTE),
    Kind::new("facts", 100.0 * HOUR, 100.0 * HOUR),
];

const STEADY: [Kind; 4] = [
    Kind::new("news", 30.0, 30.0),
    Kind::new("prices", 5.0 * MINUTE, 5.0 * MINUTE),
    Kind::new("weather", 20.0 * MINUTE, 20.0 * MINUTE),
    Kind::new("facts", 100.0 * HOUR, 100.0 * HOUR),
];

const ALIKE: [Kind; 1] = [Kind::new("all", 10.0 * MINUTE, 10.0 * MINUTE)];

fn main() -> ExitCode {
    let Some(directory) = std::env::args().nth(1) else {
        eprintln!("usage: adaptive_ttl DIR (a directory with the two traces)");
        return ExitCode::FAILURE;
    };
    match run(Path::new(&directory)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(directory: &Path) -> Result<(), BoxError> {
    let blocks = trace::blocks(&directory.join("trace_mooncake_synthetic.jsonl.gz"))?;
    let popular = trace::popular(&directory.join("trace_azure2023_code.jsonl.gz"))?;
    for trace in [&blocks, &popular] {
        compare(
            "kinds that differ, two of which drift",
            trace,
            &DRIFTING,
            0.0,
        );
        compare("kinds that differ, and stay so", trace, &STEADY, 0.0);
    }
    compare("one kind, which stays as it is", &blocks, &ALIKE, 0.0);
    compare(
        "kinds that differ, three answers in ten worded anew each time",
        &blocks,
        &STEADY,
        0.3,
    );
    Ok(())
}

/// One policy in all worlds; `reworded` is the share of answers that differ without saying anything else.
fn compare(what: &str, trace: &Trace, kinds: &[Kind], reworded: f64) {
    let worlds: Vec<_> = SEEDS
        .iter()
        .map(|&seed| World::new(seed, kinds, trace, reworded))
        .collect();
    let score = |policy: Policy| -> Score {
        let scores = worlds.iter().map(|world| replay::run(policy, trace, world));
        scores.sum()
    };
    // From a second to an hour, by half doublings.
    let fixed: Vec<_> = (0..=23)
        .map(|step| 2_f64.powf(f64::from(step) / 2.0).min(HOUR))
        .map(|ttl| (ttl, score(Policy::Fixed(ttl))))
        .collect();
    let learned: Vec<_> = TARGETS
        .map(|target| (target, score(Policy::Learned(target))))
        .into();
    report::print(what, trace, &fixed, &learned);
}
