//! The command `prove`.
use std::{path::PathBuf, process::ExitCode};

use clap::{Arg, ArgMatches, Command, value_parser};
use obs_replay::{Progress, prove};

use super::Outputs;
use crate::settings::OPENAI_MODELS;

/// Shows what is saved, and what quality is kept, on public data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Prove {
    /// The directory of the data; `None`: it is said what has to be in it.
    pub data: Option<PathBuf>,
    /// Decides mixes, folds, judges and resamples.
    pub seed: u64,
    /// Where the figures go.
    pub to: Outputs,
}

impl Prove {
    pub(crate) fn command() -> Command {
        Command::new("prove")
            .about("Show what is saved, and what quality is kept, on public data")
            .arg(
                Arg::new("data")
                    .long("data")
                    .value_name("DIR")
                    .value_parser(value_parser!(PathBuf))
                    .help("Directory of the data; without it, what has to be in it is said"),
            )
            .arg(
                Arg::new("seed")
                    .long("seed")
                    .value_name("NUMBER")
                    .default_value("1")
                    .value_parser(value_parser!(u64))
                    .help("Decides mixes, folds, judges and resamples"),
            )
            .args(Outputs::args())
    }

    pub(crate) fn of(matches: &ArgMatches) -> Self {
        Self {
            data: matches.get_one::<PathBuf>("data").cloned(),
            seed: matches.get_one::<u64>("seed").copied().unwrap_or(1),
            to: Outputs::of(matches),
        }
    }

    pub(crate) fn run(&self) -> ExitCode {
        match self.print() {
            Ok(()) => ExitCode::SUCCESS,
            Err(problem) => {
                eprintln!("gateway: {problem}");
                ExitCode::FAILURE
            }
        }
    }

    fn print(&self) -> Result<(), String> {
        let Some(data) = &self.data else {
            return Err(format!(
                "--data DIR names a directory of public data, JSON lines each, plain or gzipped:\n{}",
                prove::needed()
            ));
        };
        let (cheap, premium) = OPENAI_MODELS;
        let bar = Progress::new("proving");
        let proof = prove::Prove::new(data, [cheap, premium])
            .seed(self.seed)
            .run(&mut |done, total| bar.set(done, total))
            .map_err(|error| error.to_string())?;
        drop(bar);
        print!("{}", proof.text());
        self.to.write(&proof, || proof.html())
    }
}
