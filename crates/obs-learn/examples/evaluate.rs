//! Trains on logged outcomes and shows how every contender spends premium calls.
//!
//! ```sh
//! cargo run -p obs-learn --release --example evaluate -- LOG.jsonl.gz [OTHER.jsonl.gz ...] [--prompts-alone] [--seed N] [--sizes] [--save FILE]
//! ```
//!
//! Each line of a log is `{"prompt": "..", "group": "..", "quality": {"weak": 0.0, "strong": 1.0}}`, gzipped or not. A model learns from
//! the first log and is tested on its held-out rows and groups, then on the other logs, of which it saw nothing. With `--sizes`,
//! models of fewer rows are tested on the rest, too.

#[path = "support/draw.rs"]
mod draw;
#[path = "support/log.rs"]
mod log;

use std::error::Error;

use log::Logged;
use obs_learn::{Comparison, Curve, Dataset, Estimate, Goal, Model, Outcomes, Trainer, Training};

fn main() -> Result<(), Box<dyn Error>> {
    let (mut paths, mut save, mut trainer) = (Vec::new(), None, Trainer::new());
    let mut sizes = false;
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--prompts-alone" => trainer = trainer.prompts_alone(),
            "--seed" => {
                trainer = trainer.seed(args.next().ok_or("--seed needs a number")?.parse()?)
            }
            "--sizes" => sizes = true,
            "--save" => save = Some(args.next().ok_or("--save needs a file")?),
            _ => paths.push(arg),
        }
    }
    let first = paths.first().ok_or("name at least one log")?;
    let rows = log::read(first)?;
    let mut data = Dataset::new();
    for row in &rows {
        data.push(
            row.group.as_deref(),
            row.prompt.as_str(),
            row.quality.weak,
            row.quality.strong,
        )?;
    }
    let trained = trainer
        .clone()
        .source(first)
        .train(&data, |done, total| eprint!("\rtraining {done}/{total} "))?;
    eprintln!();
    let oracle = Outcomes::independent(deltas(&rows)).curve(&deltas(&rows));
    show(first, &trained, &oracle);
    if sizes {
        draw::sizes(&trainer, &rows)?;
    }
    for path in &paths[1..] {
        let rows = log::read(path)?;
        println!("\n{path}: {} rows, of which the model saw none", rows.len());
        table(&unseen(&trained.model, &rows));
    }
    if let Some(file) = save {
        std::fs::write(file, trained.model.to_json())?;
    }
    Ok(())
}

fn show(path: &str, trained: &Training, oracle: &Curve) {
    let header = trained.model.header();
    let about = &header.trained;
    println!("{path}: {} rows in {} groups", about.rows, about.groups);
    println!(
        "right: cheap {:.3}, premium {:.3}, premium alone {:.3}",
        about.cheap, about.premium, about.gain
    );
    println!("\nrows held out at random");
    table(&trained.rows);
    println!("\ngroups held out, resampled by group");
    table(&trained.groups);
    println!("\nchosen: {}\n{}", header.family, header.gate);
    let calibration = header.calibration;
    println!(
        "calibration, cross-fitted: log loss {:.4} (always the mean: {:.4}), expected error {:.3}, slope {:.2}",
        calibration.log_loss,
        calibration.log_loss_of_mean,
        calibration.error,
        calibration.line.slope
    );
    println!("file: {} bytes", trained.model.to_json().len());
    println!(
        "\nquality recovered on held-out rows, by share of premium calls (random: the share itself)"
    );
    println!(
        "{:>6} {:>8} {:>8} {:>8}",
        "share", "length", "model", "oracle"
    );
    let curve = |name: &str| {
        trained
            .rows
            .get(name)
            .map(|contender| contender.curve.clone())
    };
    if let (Some(length), Some(model)) = (curve(obs_learn::LENGTH), curve(&header.family)) {
        for share in (10..100)
            .step_by(10)
            .map(|percent| f64::from(percent) / 100.0)
        {
            let [length, model, oracle] =
                [&length, &model, oracle].map(|curve| curve.recovered(share));
            println!(
                "{share:>6.1} {length:>8.3} {model:>8.3} {oracle:>8.3}  {}",
                picture(share, length, model)
            );
        }
    }
    for recovered in [0.5, 0.8, 0.9, 0.95] {
        let at = trained.model.threshold(Goal::Recovered(recovered));
        println!(
            "to recover {:.0} %: {:.1} % premium calls, gain from {:.3} on",
            100.0 * recovered,
            100.0 * at.share,
            at.gain
        );
    }
}

/// A line of the plot: random `.`, length `l`, model `M`.
fn picture(random: f64, length: f64, model: f64) -> String {
    let mut line = vec![' '; 56];
    for (value, mark) in [(random, '.'), (length, 'l'), (model, 'M')] {
        line[((value * 50.0).round().clamp(0.0, 55.0)) as usize] = mark;
    }
    line.into_iter().collect()
}

fn table(comparison: &Comparison) {
    println!(
        "{:34} {:>28} {:>8} {:>22} {:>22} {:>22}",
        "", "APGR (95 %)", "error", "CPT 20 %", "CPT 50 %", "CPT 80 %"
    );
    let shown = |e: Estimate| format!("{:.3} ({:.3} to {:.3})", e.value, e.low, e.high);
    for contender in &comparison.contenders {
        let figures = &contender.figures;
        println!(
            "{:34} {:>28} {:>8.3} {:>22} {:>22} {:>22}",
            figures.name,
            shown(figures.apgr),
            figures.apgr.error,
            shown(figures.cpt20),
            shown(figures.cpt50),
            shown(figures.cpt80)
        );
    }
    if let [rule, others @ ..] = comparison.contenders.as_slice() {
        for other in others {
            let (name, rule) = (&other.figures.name, &rule.figures.name);
            if let Some(by) = comparison.difference(name, rule) {
                println!(
                    "  {name} over {rule}: {:+.3} ({:+.3} to {:+.3}), error {:.3}",
                    by.value, by.low, by.high, by.error
                );
            }
        }
    }
}

/// Rule, model and oracle on rows of another log, whose groups the model does not know.
fn unseen(model: &Model, rows: &[Logged]) -> Comparison {
    let scores =
        |of: fn(&Model, &Logged) -> f32| rows.iter().map(|row| of(model, row)).collect::<Vec<_>>();
    let length = scores(|_, row| row.prompt.len() as f32);
    let learned = scores(|model, row| model.predict(row.prompt.as_str()));
    let oracle = deltas(rows);
    let outcomes = Outcomes::independent(deltas(rows));
    let contenders: [(&str, &[f32]); 3] = [
        ("prompt length", &length),
        ("model", &learned),
        ("oracle", &oracle),
    ];
    outcomes.compare(contenders, 1000, 1)
}

fn deltas(rows: &[Logged]) -> Vec<f32> {
    rows.iter()
        .map(|row| row.quality.strong - row.quality.weak)
        .collect()
}
