//! `gateway eval`: what a model is worth on another log.
use std::{fs, path::PathBuf, process::ExitCode};

use clap::{Arg, ArgMatches, Command, value_parser};
use obs_learn::{LENGTH, Model, Outcomes};

use super::{Failure, ended, of_rows, picture, rows::Rows, table::table};

/// Resamples of each interval.
const RESAMPLES: usize = 1000;
const SEED: u64 = 1;

/// What is to be evaluated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Eval {
    rows: Rows,
    model: PathBuf,
    picture: Option<PathBuf>,
}

pub(crate) fn command() -> Command {
    let file = || value_parser!(PathBuf);
    let eval = Command::new("eval")
        .about("Say what a model is worth on a log that it was not trained on")
        .arg(
            Arg::new("model")
                .value_name("MODEL")
                .required(true)
                .value_parser(file())
                .help("A file that `gateway train` wrote"),
        );
    of_rows(eval).arg(
        Arg::new("picture")
            .long("picture")
            .value_name("FILE")
            .value_parser(file())
            .help("Where the curve of cost and quality is drawn, .svg or .html; unset: nowhere"),
    )
}

impl Eval {
    pub(crate) fn read(matches: &ArgMatches) -> Self {
        let file = |name| matches.get_one::<PathBuf>(name).cloned();
        Self {
            rows: Rows::read(matches),
            model: file("model").unwrap_or_default(),
            picture: file("picture"),
        }
    }

    pub(crate) fn run(&self) -> ExitCode {
        ended(self.eval())
    }

    fn eval(&self) -> Result<(), Failure> {
        let bad = |problem: String| Failure::new(format!("{}: {problem}", self.model.display()));
        let bytes = fs::read(&self.model).map_err(|error| bad(error.to_string()))?;
        let model = Model::from_json(&bytes).map_err(|error| bad(error.to_string()))?;
        let found = self.rows.found()?;
        println!("{}\n", found.told(&self.rows));
        let (cheap, premium) = found.data.means();
        if found.data.is_empty() || premium <= cheap {
            return Err(Failure::new(format!(
                "premium answers ({premium:.3}) are no better than cheap ones ({cheap:.3}) on {} rows: there is nothing to be \
                 recovered",
                found.data.len()
            )));
        }
        let outcomes = found.data.outcomes();
        let (logits, lengths) = (model.logits(&found.data), found.data.lengths());
        let family = model.header().family.as_str();
        let contenders = [(family, &logits[..]), (LENGTH, &lengths[..])];
        let compared = outcomes.compare(contenders, RESAMPLES, SEED);
        print!("{}", table("all rows", &compared));
        if let Some(over) = compared.difference(family, LENGTH) {
            println!(
                "over {LENGTH}: {:+.3} ({:+.3} to {:+.3})",
                over.value, over.low, over.high
            );
        }
        let trained = &model.header().trained;
        let [predicted, came] = gains(&logits, &outcomes);
        println!(
            "gain predicted: {predicted:.3}, and {came:.3} came; trained on {} rows of {} ({})",
            trained.rows, trained.source, trained.date
        );
        if let Some(to) = &self.picture {
            let oracle = outcomes.curve(&outcomes.delta);
            let mut curves = vec![("oracle", &oracle)];
            let of = |c: &'static str| compared.get(c).map(|found| (c, &found.curve));
            curves.extend(compared.get(family).map(|found| (family, &found.curve)));
            curves.extend(of(LENGTH));
            picture::draw(to, "Quality for the price of premium calls", &curves)?;
            println!("written: {}", to.display());
        }
        Ok(())
    }
}

/// The mean gain that was predicted, and the one that came.
fn gains(logits: &[f32], outcomes: &Outcomes) -> [f64; 2] {
    let mean = |values: &mut dyn Iterator<Item = f32>| {
        values.map(f64::from).sum::<f64>() / logits.len().max(1) as f64
    };
    [
        mean(&mut logits.iter().map(|logit| 1.0 / (1.0 + (-logit).exp()))),
        mean(&mut outcomes.delta.iter().map(|delta| delta.max(0.0))),
    ]
}
